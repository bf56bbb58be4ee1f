# SPDX-License-Identifier: Apache-2.0
"""What a pod may not have: a refusal that a kubelet can show, and a pod that goes on."""

import json
import unittest

from initdata import ANNOTATION, encode
from podcase import IMAGE, PodCase
from stack import RUNTIME

REJECT_ALL = r"""[kbc]
name = "offline_fs_kbc"
[image]
image_security_policy = "{\"default\": [{\"type\": \"reject\"}]}"
"""

setUpModule = PodCase.start_node
tearDownModule = PodCase.end_node


class Refusal(PodCase):
    def goes_on(self, pod):
        self.assertEqual(self.output(pod.start("after", IMAGE, "sleep", "1000"), "echo", "fine"), "fine\n")

    def test_annotations_that_the_node_does_not_allow(self):
        prefix = "io.katacontainers.config."
        for name, says in ((f"{prefix}hypervisor.kernel_params", "is not supported"),
                           (f"{prefix}runtime.disable_guest_seccomp", "is not supported")):
            with self.subTest(name):
                said = self.node.refuse_pod("annotated", annotations={name: "x"})
                self.assertIn(name, said)
                self.assertIn(says, said)
        with self.node.settings("[image]", '[pod]\nannotations = ["cc_init_data"]\n[image]'):
            said = self.node.refuse_pod("annotated", annotations={f"{prefix}hypervisor.default_memory": "4096"})
        self.assertIn("is not allowed on this node", said)

    def test_an_image_that_the_policy_refuses(self):
        pod = self.node.run_pod("policy", annotations={ANNOTATION: encode(cdh_toml=REJECT_ALL)})
        said = pod.refuse("c", IMAGE, "true")
        self.assertIn(IMAGE, said)
        self.assertIn("reject", said)
        self.assertEqual(pod.sandbox_state(), "SANDBOX_READY")

    def test_settings_of_the_owner_that_the_guest_cannot_read(self):
        pod = self.node.run_pod("settings", annotations={ANNOTATION: encode(cdh_toml="nonsense = 1\n")})
        said = pod.refuse("c", IMAGE, "true")
        self.assertIn("cdh.toml", said)
        self.assertIn("nonsense", said)

    def test_a_registry_that_is_not_there(self):
        pod = self.node.run_pod("registry")
        self.node.crictl("pull", IMAGE)  # the node has the image; the guest finds nobody
        self.node.stop_registry()
        try:
            said = pod.refuse("c", IMAGE, "true", pull=False)
        finally:
            self.node.start_registry()
        self.assertIn("registry.k8s.io", said)
        self.assertIn("connection refused", said)
        self.goes_on(pod)

    def test_names_that_are_taken(self):
        pod, container = self.sandbox()
        self.assertIn("reserved", self.node.refuse_pod(self._testMethodName.replace("_", "-")))
        self.assertIn("reserved", pod.refuse("c", IMAGE, "true"))
        # containerd keeps ids apart itself; this one speaks past its CRI plugin.
        again = self.node.ctr("run", "--runtime", RUNTIME, "--snapshotter", "overlayfs", IMAGE, container, "true",
                              check=False)
        self.assertIn("already exists", again.stderr)
        self.assertEqual(pod.status(container)["state"], "CONTAINER_RUNNING")
        self.goes_on(pod)

    def test_devices_and_paths_of_the_node(self):
        pod = self.node.run_pod("hostile")
        data = self.node.dir / "data"
        data.mkdir(exist_ok=True)
        for number, (config, says) in enumerate((
                ({"devices": [{"container_path": "/dev/sda", "host_path": "/dev/vda", "permissions": "rwm"}]}, "/dev/sda"),
                ({"devices": [{"container_path": "/dev/mem", "host_path": "/dev/mem", "permissions": "r"}]}, "/dev/mem"),
                ({"mounts": [{"container_path": "/x/../../etc", "host_path": str(data)}]}, "without '..'"),
                ({"mounts": [{"container_path": "/host", "host_path": "/proc"}]}, "kernel"),
                ({"mounts": [{"container_path": "/x", "host_path": str(self.node.dir / "containerd.sock")}]}, "socket"))):
            with self.subTest(says):
                self.assertIn(says, pod.refuse(f"bad{number}", IMAGE, "true", **config))
        self.goes_on(pod)

    def test_hooks_never_run(self):
        """No CRI client can ask for them; other clients of containerd can."""
        proof = self.node.dir / "hook-ran"
        hook = [{"path": "/usr/bin/touch", "args": ["touch", str(proof)]}]
        spec = {"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "annotations": {"io.kubernetes.cri.image-name": IMAGE},
                "process": {"args": ["echo", "ran"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}},
                "hooks": {kind: hook for kind in ("prestart", "createRuntime", "createContainer", "startContainer",
                                                  "poststart", "poststop")},
                "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                           {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]}],
                "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")]}}
        path = self.node.dir / "hooks.json"
        path.write_text(json.dumps(spec))
        result = self.node.ctr("run", "--rm", "--runtime", RUNTIME, "--config", path, "hooked")
        self.assertEqual(result.stdout, "ran\n")
        self.assertFalse(proof.exists())
        self.assertIn("hook /usr/bin/touch", self.node.log())


if __name__ == "__main__":
    unittest.main()
