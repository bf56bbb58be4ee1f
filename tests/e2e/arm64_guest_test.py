# SPDX-License-Identifier: Apache-2.0
"""A guest of another architecture than the host's: an arm64 container, its image chosen from an index by the guest."""

import json
import os
import pathlib
import platform
import unittest

import ocilayout
from stack import TOP, Stack

GUEST = TOP / "build/guest-arm64"
BUSYBOX = pathlib.Path(os.environ.get("CC_ARM64_ROOT", TOP / "build/arm64-root"), "bin/busybox")


class Arm64Guest(unittest.TestCase):
    def test_runs_an_arm64_image_of_a_multi_architecture_index(self):
        if platform.machine() == "aarch64":
            self.skipTest("this machine is arm64: every other test runs such guests")
        if not (GUEST / "vmlinuz").exists():
            self.skipTest(f"no {GUEST}; './dev test arm64' builds it")
        arm64 = ocilayout.Image([ocilayout.busybox_layer(BUSYBOX)], architecture="arm64")
        amd64 = ocilayout.Image([ocilayout.busybox_layer()], architecture="amd64")
        with Stack(vmm='arch = "aarch64"', guest=GUEST) as stack:
            image = stack.push("busybox:many", ocilayout.Index([amd64, arm64]), runs=arm64)
            result = stack.run(image, "arm64", "/bin/sh", "-c", "uname -rm; exit 7", check=False,
                               options=("--rm", "--platform", "linux/arm64"))
            self.assertEqual(result.returncode, 7, result.stderr + stack.log()[-3000:])
            release = json.loads((GUEST / "manifest.json").read_text())["kernel"]["release"]
            self.assertEqual(result.stdout, f"{release} aarch64\n")
            stack.await_clean()


if __name__ == "__main__":
    unittest.main()
