# SPDX-License-Identifier: Apache-2.0
"""The guest image is the same bytes whenever it is built from the same input."""

import json
import pathlib
import subprocess
import tempfile
import unittest

from stack import BINARIES, GUEST, TOP


class GuestImage(unittest.TestCase):
    def test_two_builds_are_bit_identical(self):
        with tempfile.TemporaryDirectory() as other:
            subprocess.run([TOP / "packaging/guest/build", "--binaries", BINARIES, "--output", other], check=True,
                           stdout=subprocess.DEVNULL)
            for name in ("vmlinuz", "initramfs.cpio", "manifest.json"):
                with self.subTest(name):
                    self.assertEqual((GUEST / name).read_bytes(), pathlib.Path(other, name).read_bytes())

    def test_has_no_shell_and_stays_small(self):
        manifest = json.loads((GUEST / "manifest.json").read_text())
        files = manifest["initramfs"]["files"]
        self.assertFalse([f for f in files if f.endswith(("/sh", "/bash", "/busybox"))])
        # 24 MB is the goal on Debian 12 (docs/specification.md); it is 28.5 MB of the libraries of Debian 13.
        self.assertLess(manifest["initramfs"]["bytes"], 30_000_000)


if __name__ == "__main__":
    unittest.main()
