# SPDX-License-Identifier: Apache-2.0
"""packaging/install: what docs/install.md says is where it says, and nothing of the administrator's is replaced."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

from stack import BINARIES, GUEST, TOP

PARTS = {
    "node": ["usr/local/bin/containerd-shim-cc-v2", "usr/share/kata-cc/vmlinuz", "usr/share/kata-cc/config",
             "usr/share/kata-cc/initramfs.cpio", "etc/kata-cc/config.toml",
             "usr/share/kata-cc/containerd/kata-cc-containerd-2.toml"],
    "snapshotter": ["usr/local/bin/cc-snapshotter", "etc/kata-cc/snapshotter.toml",
                    "etc/systemd/system/cc-snapshotter.service", "etc/systemd/system/cc-snapshotter.socket"],
    "trustee": ["usr/local/bin/cc-trustee", "etc/cc-trustee/trustee.toml", "etc/systemd/system/cc-trustee.service"],
    "owner": ["usr/local/bin/ccctl"],
}


class Install(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)

    def install(self, *parts, binaries=BINARIES):
        return subprocess.run([TOP / "packaging/install", "--root", self.root, "--binaries", binaries, "--guest", GUEST,
                               *parts], capture_output=True, text=True, check=False)

    def test_each_part_has_its_files(self):
        for part, files in PARTS.items():
            with self.subTest(part):
                result = self.install(part)
                self.assertEqual(result.returncode, 0, result.stderr)
                for name in files:
                    self.assertTrue((self.root / name).is_file(), name)
        for program in (self.root / "usr/local/bin").iterdir():
            if program.name != "containerd-shim-cc-v2":
                subprocess.run([program, "--version"], check=True, stdout=subprocess.DEVNULL)

    def test_a_configuration_stays(self):
        config = self.root / "etc/kata-cc/config.toml"
        config.parent.mkdir(parents=True)
        config.write_text("# mine\n")
        result = self.install("node")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("is kept", result.stderr)
        self.assertEqual(config.read_text(), "# mine\n")

    def test_what_is_missing_or_unknown_is_named(self):
        self.assertIn("'nodes' is no part", self.install("nodes").stderr)
        self.assertNotEqual(self.install().returncode, 0)
        result = self.install("owner", binaries=self.root)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("ccctl is missing", result.stderr)

    def test_systemd_understands_the_units(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd-analyze on this machine")
        self.assertEqual(self.install("snapshotter", "trustee").returncode, 0)
        units = sorted((self.root / "etc/systemd/system").iterdir())
        for unit in units:
            unit.write_text(unit.read_text().replace("/usr/local/bin", f"{self.root}/usr/local/bin"))
        result = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))


if __name__ == "__main__":
    unittest.main()
