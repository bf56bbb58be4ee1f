# SPDX-License-Identifier: Apache-2.0
"""The main job on real KVM: containerd, shim, QEMU with accel=kvm, guest, image pulled in the guest."""

import json
import pathlib
import unittest

import ocilayout
from stack import GUEST, Stack, read

STACK = None
IMAGE = None


def setUpModule():
    global STACK, IMAGE
    if not pathlib.Path("/dev/kvm").exists():
        raise unittest.SkipTest("this machine has no /dev/kvm")
    STACK = Stack(vmm='accel = "kvm"\nmemory_mib = 512\nboot_timeout_s = 300')
    IMAGE = STACK.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))


def tearDownModule():
    if STACK is not None:
        STACK.close()


class QemuKvm(unittest.TestCase):
    def tearDown(self):
        for name in STACK.containers():
            STACK.remove(name)
        STACK.await_clean()

    def test_container_runs_on_the_guest_kernel(self):
        result = STACK.run(IMAGE, "run", "/bin/sh", "-c", "uname -rm; exit 7", check=False, timeout=600)
        release = json.loads((GUEST / "manifest.json").read_text())["kernel"]["release"]
        self.assertEqual((result.stdout, result.returncode), (f"{release} aarch64\n", 7),
                         result.stderr + STACK.log()[-3000:])

    def test_virtual_machine_uses_kvm(self):
        STACK.run(IMAGE, "sleep", "/bin/sleep", "1000", options=("-d", "--null-io"), timeout=600)
        argv = read(f"/proc/{STACK.vms()[0]}/cmdline").decode().split("\0")
        self.assertEqual(argv[argv.index("-accel") + 1], "kvm")
        result = STACK.ctr("tasks", "exec", "--exec-id", "e", "sleep", "/bin/sh", "-c", "echo in; exit 3", check=False)
        self.assertEqual((result.stdout, result.returncode), ("in\n", 3), result.stderr)
