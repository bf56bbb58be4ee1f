# SPDX-License-Identifier: Apache-2.0
"""Every test of tests/l1/inside, run in an emulated arm64 machine with KVM; each of its results is a subtest here."""

import pathlib
import unittest

import harness


class L1(unittest.TestCase):
    def test_everything_inside(self):
        args = harness.arguments([])
        for needed in (args.binaries, args.guest):
            if not needed.is_dir():
                self.skipTest(f"no {needed}; './dev test arm64' builds it")
        results = harness.run(args)
        for result in results:
            harness.show(result)
            with self.subTest(result["id"]):
                if result["outcome"] == "skipped":
                    self.skipTest(result["text"])
                self.assertIn(result["outcome"], ("passed", "end"), result["text"])
        console = pathlib.Path(args.work / "console.log").read_text(errors="replace")
        self.assertTrue(results and results[-1]["id"] == "end", f"the L1 did not finish; its console ends with:\n{console[-4000:]}")


if __name__ == "__main__":
    unittest.main()
