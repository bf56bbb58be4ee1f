# SPDX-License-Identifier: Apache-2.0
"""The agent's own behaviours as process 1 of a real guest, driven over vsock from inside it (src/agent/guest_test)."""

import json
import pathlib
import re
import subprocess
import unittest

from stack import BINARIES, GUEST, TOP

PROGRAM = BINARIES / "agent_guest_test"
KERNELS = pathlib.Path("/var/cache/kata-cc")


class AgentInAGuest(unittest.TestCase):
    def test_every_behaviour(self):
        if not PROGRAM.exists():
            self.skipTest(f"{PROGRAM} is not built; ./dev test builds it")
        package = json.loads((GUEST / "manifest.json").read_text())["kernel"]["package"]
        files = KERNELS / package / "files"
        if not list(files.glob("lib/modules/*/kernel/**/vsock.ko")):
            self.skipTest(f"{package} keeps its modules compressed, which run.sh does not unpack")
        result = subprocess.run([TOP / "src/agent/guest_test/run.sh", BINARIES.parent, files], capture_output=True,
                                text=True, errors="replace", timeout=400, check=False)
        failed = re.findall(r"\[  FAILED  \] (\S+)", result.stdout)
        self.assertEqual((result.returncode, failed), (0, []), result.stdout[-6000:])
        self.assertGreater(len(re.findall(r"\[       OK \]", result.stdout)), 20)


if __name__ == "__main__":
    unittest.main()
