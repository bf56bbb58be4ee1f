# SPDX-License-Identifier: Apache-2.0
"""Runs inside the L1: every test of this directory that the pattern names, and writes one JSON line per result.

    run.py /dev/vdb '*_test.py'

The lines go to a raw disk, which has no end of its own: the first zero byte ends them. The last line's id is "end".
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
UNIT = pathlib.Path("/work/unit")


class Results(unittest.TextTestResult):
    """Sends each result away when it is there: a machine that dies later keeps it."""

    sink = None

    def startTest(self, test):
        self.started = time.monotonic()
        super().startTest(test)

    def _send(self, test, outcome, text=""):
        seconds = time.monotonic() - getattr(self, "started", time.monotonic())
        self.sink({"id": test.id(), "outcome": outcome, "seconds": round(seconds, 2), "text": text[-8000:]})

    def addSuccess(self, test):
        super().addSuccess(test)
        self._send(test, "passed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._send(test, "failed", self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._send(test, "error", self.errors[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._send(test, "skipped", reason)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._send(subtest, "failed", self._exc_info_to_string(err, test))


def run_unit_programs(send):
    """The googletest programs of the build, as one result each."""
    for program in sorted(UNIT.glob("*_test")) if UNIT.is_dir() else []:
        started = time.monotonic()
        result = subprocess.run([program, "--gtest_brief=1"], capture_output=True, text=True, errors="replace",
                                check=False)
        send({"id": f"unit.{program.name}", "outcome": "passed" if result.returncode == 0 else "failed",
              "seconds": round(time.monotonic() - started, 2), "text": (result.stdout + result.stderr)[-8000:]})


def main():
    device, pattern = sys.argv[1:]
    sys.path.insert(0, str(HERE.parents[1] / "e2e"))
    with open(device, "r+b", buffering=0) as disk:
        def send(result):
            disk.write(json.dumps(result).encode() + b"\n")
            os.fsync(disk.fileno())

        Results.sink = staticmethod(send)
        suite = unittest.defaultTestLoader.discover(str(HERE), pattern=pattern)
        unittest.TextTestRunner(verbosity=2, resultclass=Results).run(suite)
        run_unit_programs(send)
        send({"id": "end", "outcome": "end", "seconds": 0, "text": ""})


if __name__ == "__main__":
    main()
