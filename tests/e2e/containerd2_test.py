# SPDX-License-Identifier: Apache-2.0
"""The ways of a pod that differ with containerd 2.x: its configuration, the drop-in of packaging/, the Sandbox API.

Debian 12 and 13 have containerd 1.6 and 1.7, so the package of Debian's unstable suite is unpacked, not installed. Where
the machine's containerd is a 2.x that one is taken, or the one in the directory that CC_CONTAINERD2 names (containerd,
ctr, containerd-shim-runc-v2).
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import unittest

import ocilayout
from crinode import PAUSE, CriNode
from kubevolume import set_version
from podcase import IMAGE, PodCase
from stack import BINARIES, RUNTIME, TOP, eventually, read

sys.path.insert(0, str(TOP / "packaging/guest"))
from debian import Archive, run  # noqa: E402

DROP_IN = TOP / "packaging/containerd/kata-cc-containerd-2.toml"

CONTAINERD_CONFIG = """version = 3
root = "{dir}/root"
state = "{dir}/state"
imports = ["{dir}/kata-cc.toml"]
[grpc]
address = "{dir}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "{dir}/opt"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "%s"
[plugins."io.containerd.cri.v1.images".registry]
config_path = "{dir}/certs.d"
[plugins."io.containerd.grpc.v1.cri"]
stream_server_address = "127.0.0.1"
stream_server_port = "0"
[plugins."io.containerd.cri.v1.runtime"]
disable_apparmor = true
restrict_oom_score_adj = true
tolerate_missing_hugetlb_controller = true
disable_hugetlb_controller = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{dir}/cni-bin"]
conf_dir = "{dir}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.sandbox-api]
runtime_type = "%s"
sandboxer = "shim"
snapshotter = "cc"
[plugins."io.containerd.cri.v1.images".runtime_platforms.sandbox-api]
snapshotter = "cc"
""" % (PAUSE, RUNTIME)


def version_of(programs):
    """The version that containerd in a directory tells; empty when it does not run here."""
    try:
        return subprocess.run([f"{programs}/containerd", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def find_containerd():
    """Directory of a containerd 2.x."""
    places = [os.environ.get("CC_CONTAINERD2"), os.path.dirname(shutil.which("containerd") or "")]
    for place in filter(None, places):
        if re.search(r" v?2\.", version_of(place)):
            return place
    try:
        archive = Archive("/var/cache/kata-cc", run("dpkg", "--print-architecture").strip(), "sid")
        place = str(archive.unpack(f"containerd-{archive.version('containerd')}", ["containerd"]) / "usr/bin")
    except SystemExit as error:
        raise unittest.SkipTest(f"no containerd 2.x here, and Debian's cannot be had: {error}")
    if not re.search(r" v?2\.", version_of(place)):
        raise unittest.SkipTest("Debian's containerd 2.x does not run on this release")
    return place


class Node(CriNode):
    containerd_config = CONTAINERD_CONFIG
    programs = None  # directory of containerd's

    def prepare(self):
        super().prepare()
        socket = self.dir / "snapshotter.sock"
        (self.dir / "kata-cc.toml").write_text(
            DROP_IN.read_text().replace("/run/cc-snapshotter/cc-snapshotter.sock", str(socket)))
        snapshotter = self.spawn("snapshotter", [str(BINARIES / "cc-snapshotter"), "--root", str(self.dir / "snapshots"),
                                                 "--address", str(socket)])
        self.await_service("snapshotter", snapshotter, socket.is_socket)
        self.env["PATH"] = f"{self.programs}:{BINARIES}:{os.environ['PATH']}"


def setUpModule():
    Node.programs = find_containerd()
    PodCase.start_node(Node)


tearDownModule = PodCase.end_node


class Containerd2(PodCase):
    def day_of_a_pod(self, handler):
        volume = self.node.dir / f"config-{handler}"
        set_version(volume, 1, {"key": "one\n"})
        mounts = [{"container_path": "/config", "host_path": str(volume), "readonly": True}]
        pod = self.node.run_pod(handler, handler=handler, hostname="box",
                                annotations={"io.containerd.cri.runtime-handler": handler})
        first = pod.start("first", IMAGE, "sleep", "1000", mounts=mounts)
        second = pod.start("second", IMAGE, "sh", "-c", "echo out; echo err >&2; sleep 1000", mounts=mounts)
        self.assertEqual(len(self.node.vms()), 1)
        self.assertEqual(self.output(first, "hostname"), "box\n")
        self.assertNotEqual(self.output(first, "uname", "-r").strip(), os.uname().release)
        eventually(lambda: sorted(pod.log("second")) == [("stderr", "err"), ("stdout", "out")])
        set_version(volume, 2, {"key": "two\n"})
        for container in (first, second):
            eventually(lambda: self.output(container, "cat", "/config/key") == "two\n")
        self.assertIn(first[:13], self.node.crictl("stats").stdout)
        self.node.kill_containerd()
        self.node.start_containerd()
        self.assertEqual(self.output(first, "echo", "still here"), "still here\n")
        self.node.crictl("stop", "--timeout", "0", second)
        self.assertEqual(pod.status(second)["exitCode"], 137)
        os.kill(self.node.vms()[0], signal.SIGKILL)
        self.assertEqual(pod.await_state(first, "CONTAINER_EXITED")["exitCode"], 137)
        eventually(lambda: pod.sandbox_state() == "SANDBOX_NOTREADY")
        pod.remove()

    def test_with_a_pause_container(self):
        self.day_of_a_pod("kata-cc")

    def test_through_the_sandbox_api(self):
        self.day_of_a_pod("sandbox-api")

    def test_a_sandbox_that_is_refused_leaves_no_shim(self):
        said = self.node.refuse_pod("refused", handler="sandbox-api",
                                    annotations={"io.katacontainers.config.runtime.sandbox_bind_mounts": "/"})
        self.assertIn("is not supported", said)
        self.node.await_clean()

    def test_the_sandbox_api_sizes_the_vm(self):
        limits = {"resources": {"cpu_period": 100000, "cpu_quota": 150000, "memory_limit_in_bytes": 768 << 20}}
        self.node.run_pod("sized", handler="sandbox-api", linux=limits)
        argv = read(f"/proc/{self.node.vms()[0]}/cmdline").decode().split("\0")
        self.assertEqual(argv[argv.index("-smp") + 1], "2")
        self.assertEqual(argv[argv.index("-m") + 1], f"{768 + 256}M")

    def test_no_layer_reaches_the_node(self):
        self.node.run_pod("layers", annotations={"io.containerd.cri.runtime-handler": "kata-cc"})
        store = self.node.dir / "root/io.containerd.content.v1.content/blobs/sha256"
        image = ocilayout.Layer(ocilayout.busybox_layer())
        self.assertFalse((store / image.digest.removeprefix("sha256:")).exists())


if __name__ == "__main__":
    unittest.main()
