# SPDX-License-Identifier: Apache-2.0
"""The main job on the native back end: containerd, shim, cc-vmm, guest, image pulled in the guest."""

import json
import pathlib
import unittest

import ocilayout
from stack import GUEST, Stack

STACK = None
IMAGE = None


def setUpModule():
    global STACK, IMAGE
    if not pathlib.Path("/dev/kvm").exists():
        raise unittest.SkipTest("this machine has no /dev/kvm")
    STACK = Stack(vmm='backend = "kvm"\nvcpus = 2\nmemory_mib = 512\nboot_timeout_s = 300')
    IMAGE = STACK.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))


def tearDownModule():
    if STACK is not None:
        STACK.close()


class NativeBackend(unittest.TestCase):
    def tearDown(self):
        for name in STACK.containers():
            STACK.remove(name)
        STACK.await_clean()

    def test_container_runs_on_the_guest_kernel(self):
        result = STACK.run(IMAGE, "run", "/bin/sh", "-c", "uname -rm; nproc; exit 7", check=False, timeout=600)
        release = json.loads((GUEST / "manifest.json").read_text())["kernel"]["release"]
        self.assertEqual((result.stdout, result.returncode), (f"{release} aarch64\n2\n", 7),
                         result.stderr + STACK.log()[-3000:])
