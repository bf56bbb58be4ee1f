# SPDX-License-Identifier: Apache-2.0
"""Initdata: the owner's configuration and policy reach the guest through the pod's annotation, by a disk."""

import unittest

import ocilayout
from initdata import ANNOTATION, encode
from stack import Stack

# All that a container's life needs, and no exec: the shape of the samples that CoCo publishes.
NO_EXEC = "package agent_policy\n" + "".join(f"default {request} := true\n" for request in (
    "CloseStdinRequest", "CopyFileRequest", "CreateContainerRequest", "CreateSandboxRequest",
    "DestroySandboxRequest", "GetOOMEventRequest", "ReadStreamRequest", "RemoveContainerRequest",
    "SignalProcessRequest", "StartContainerRequest", "StatsContainerRequest", "UpdateInterfaceRequest",
    "UpdateRoutesRequest", "WaitProcessRequest", "WriteStreamRequest")) + "default ExecProcessRequest := false\n"

# Begins as CoCo's own examples do.
CDH = """
socket = 'unix:///run/confidential-containers/cdh.sock'
credentials = []

[kbc]
name = "offline_fs_kbc"
[[image.registry_config.registry]]
prefix = "images.invalid"
[[image.registry_config.registry.mirror]]
location = "{mirror}"
insecure = true
"""


def annotation(**files):
    return f"{ANNOTATION}={encode(**files)}"


class InitData(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.image = cls.stack.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def tearDown(self):
        for name in self.stack.containers():
            self.stack.remove(name)
        self.stack.await_clean()

    def test_policy_that_forbids_exec(self):
        self.stack.run(self.image, "guarded", "/bin/sleep", "1000",
                       options=("-d", "--null-io", "--annotation", annotation(policy_rego=NO_EXEC)))
        refused = self.stack.ctr("tasks", "exec", "--exec-id", "e1", "guarded", "/bin/true", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("ExecProcessRequest is blocked by policy", refused.stderr)

    def test_output_that_the_policy_hides(self):
        hidden = NO_EXEC.replace("ReadStreamRequest := true", "ReadStreamRequest := false")
        # More than a pipe holds: the process must not stop because nobody may see its output.
        result = self.stack.run(self.image, "hidden", "/bin/sh", "-c", "head -c 300000 /dev/zero; exit 7",
                                options=("--rm", "--annotation", annotation(policy_rego=hidden)), check=False)
        self.assertEqual((result.returncode, result.stdout), (7, ""), result.stderr)

    def test_mirror_from_the_owners_cdh_toml(self):
        reference = "images.invalid/busybox:latest"
        self.stack.ctr("images", "tag", self.image, reference)
        mirror = self.image.split("/")[0]
        result = self.stack.run(reference, "mirrored", "/bin/echo", "hello", options=(
            "--rm", "--annotation", annotation(cdh_toml=CDH.format(mirror=mirror))))
        self.assertEqual(result.stdout, "hello\n")

    def test_policy_that_does_not_compile(self):
        result = self.stack.run(self.image, "broken", "/bin/true", options=(
            "--rm", "--annotation", annotation(policy_rego="package agent_policy\nExec {")), check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("agent policy", result.stderr)

    def test_annotations_that_are_refused(self):
        for value, complaint in ((f"{ANNOTATION}=bm90IGd6aXA=", "cc_init_data"),
                                 ("io.katacontainers.config.hypervisor.kernel_params=x", "is not supported")):
            result = self.stack.run(self.image, "refused", "/bin/true", options=("--rm", "--annotation", value),
                                    check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(complaint, result.stderr)


if __name__ == "__main__":
    unittest.main()
