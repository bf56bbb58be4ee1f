# SPDX-License-Identifier: Apache-2.0
"""The main job on the native back end: containerd, shim, cc-vmm, guest, image pulled in the guest."""

import json
import pathlib
import time
import unittest

import ocilayout
from stack import GUEST, Stack

VMM = 'backend = "kvm"\nvcpus = 2\nmemory_mib = 512\nboot_timeout_s = 300'
STACK = None
IMAGE = None


def setUpModule():
    global STACK, IMAGE
    if not pathlib.Path("/dev/kvm").exists():
        raise unittest.SkipTest("this machine has no /dev/kvm")
    # At "debug" the guest's console is in the log.
    STACK = Stack(vmm=VMM, attestation='[log]\nlevel = "debug"\n')
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
        result = STACK.run(IMAGE, "run", "/bin/sh", "-c", "uname -rm; nproc; date +%s; exit 7", check=False, timeout=600)
        release = json.loads((GUEST / "manifest.json").read_text())["kernel"]["release"]
        self.assertEqual((result.stdout.split("\n")[:2], result.returncode), ([f"{release} aarch64", "2"], 7),
                         result.stderr + STACK.log()[-3000:])
        # The machine has no clock; the shim gives the time.
        self.assertAlmostEqual(int(result.stdout.split("\n")[2]), time.time(), delta=3600)
        self.assertIn("info agent agent ready", STACK.log(), "the agent's first line, through the virtio console")
