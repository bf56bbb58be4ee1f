# SPDX-License-Identifier: Apache-2.0
"""The report tells what nobody has explained."""

import unittest

import report


def spec(name, state, message="", node="It"):
    return {"ContainerHierarchyTexts": ["[k8s.io] Area"], "LeafNodeText": f"{name} [Conformance]", "LeafNodeType": node,
            "State": state, "RunTime": 1_500_000_000, "Failure": {"Message": message}}


def outcome(*specs, **reasons):
    return report.Outcome([{"SpecReports": list(specs)}], {"failed": {k.replace("_", " "): v for k, v in reasons.items()}})


class Report(unittest.TestCase):
    def test_failure_needs_a_reason(self):
        one = spec("breaks", "failed", "it broke")
        self.assertIn("it broke", outcome(one).problems(strict=True)[0])
        self.assertEqual(outcome(one, Area_breaks="because").problems(strict=True), [])

    def test_reason_needs_a_failure(self):
        self.assertEqual(len(outcome(spec("works", "passed"), Area_works="no").problems(strict=True)), 1)
        self.assertEqual(outcome(spec("works", "passed"), Area_works="no").problems(strict=False), [])
        self.assertEqual(len(outcome(spec("works", "passed"), Area_gone="no").problems(strict=True)), 1)
        self.assertEqual(outcome(spec("works", "passed"), Area_gone="no").problems(strict=False), [])

    def test_crash_and_timeout_are_failures(self):
        for state in ("panicked", "timedout", "interrupted", "aborted"):
            self.assertEqual(len(outcome(spec("x", state)).problems(strict=True)), 1)

    def test_set_up_that_fails_and_an_empty_run_are_problems(self):
        self.assertIn("BeforeSuite", outcome(spec("x", "failed", "no", node="BeforeSuite")).problems(strict=True)[0])
        self.assertEqual(outcome().problems(strict=False), ["no test ran"])

    def test_rows(self):
        text = outcome(spec("a", "passed"), spec("b", "skipped", "not here"), spec("c", "skipped"),
                       spec("d", "failed", "x"), Area_d="a | b").markdown()
        self.assertIn("1 passed, 1 failed, 1 skipped", text)
        self.assertIn("- Area a", text)
        self.assertIn("| Area b | not here |", text)
        self.assertIn("| Area d | a \\| b |", text)
        self.assertNotIn("Area c", text)


if __name__ == "__main__":
    unittest.main()
