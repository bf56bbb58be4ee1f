# SPDX-License-Identifier: Apache-2.0
"""What a run of critest means: counts, rows with their reasons, and what nobody has explained."""

import re
from dataclasses import dataclass


@dataclass
class Test:
    name: str
    state: str  # passed, failed, skipped
    detail: str  # critest's own words on a failure or skip
    seconds: float


class Outcome:
    """`results` is ginkgo's JSON report, `reasons` the tables of reasons.toml: {"failed": {name: reason}}."""

    def __init__(self, results, reasons):
        self.reasons = reasons.get("failed", {})
        suite = results[0]
        self.tests = sorted((test for report in suite["SpecReports"] if (test := self._test(report))),
                            key=lambda test: test.name)
        self.known = {self._name(report) for report in suite["SpecReports"] if report["LeafNodeType"] == "It"}
        self.setup_failures = [f"{report['LeafNodeType']}: {report['Failure']['Message']}"
                               for report in suite["SpecReports"]
                               if report["LeafNodeType"] != "It" and report["State"] not in ("passed", "skipped")]

    @staticmethod
    def _name(report):
        words = " ".join([*(report["ContainerHierarchyTexts"] or []), report["LeafNodeText"]])
        return words.replace("[k8s.io] ", "").replace(" [Conformance]", "")

    def _test(self, report):
        """None for what was not selected and for the suite's own set-up."""
        if report["LeafNodeType"] != "It":
            return None
        failure = report.get("Failure") or {}
        state = {"passed": "passed", "skipped": "skipped"}.get(report["State"], "failed")
        if state == "skipped" and not failure.get("Message"):
            return None
        # Ids of one run say nothing and would change the page each time.
        message = re.sub(r"\b[0-9a-f]{64}\b", "…", " ".join(failure.get("Message", "").split()))
        return Test(self._name(report), state, message, report["RunTime"] / 1e9)

    def of(self, state):
        return [test for test in self.tests if test.state == state]

    def summary(self):
        lines = [f"{test.state:8}{test.seconds:7.1f} s  {test.name}" +
                 (f"\n{'':18}{test.detail[:400]}" if test.state == "failed" else "") for test in self.tests]
        return "\n".join([*lines, self.counts()])

    def counts(self):
        return ", ".join(f"{len(self.of(state))} {state}" for state in ("passed", "failed", "skipped"))

    def problems(self, strict):
        """What makes a run a failure. `strict`: reasons have to be true; a newer containerd may pass more."""
        found = list(self.setup_failures)
        if not self.tests:
            found.append("no test ran")
        found += [f"failed without a reason in reasons.toml: {test.name}: {test.detail[:600]}"
                  for test in self.of("failed") if test.name not in self.reasons]
        if strict:
            found += [f"passes, but reasons.toml says that it cannot: {test.name}"
                      for test in self.of("passed") if test.name in self.reasons]
            found += [f"reasons.toml names a test that does not exist: {name}"
                      for name in self.reasons if name not in self.known]
        return found

    def markdown(self):
        def cell(text):
            return text.replace("|", "\\|").replace("\n", " ")

        lines = [
            "# CRI conformance",
            "",
            "Written by `./dev conformance`, which runs critest of sigs.k8s.io/cri-tools (version in",
            "tests/conformance/go.mod) against the runtime handler `kata-cc` of containerd's CRI plugin: real pods, each in",
            "an emulated VM of its own, with local images under the names of the public ones. `./dev test` runs the same list and",
            "fails when a test fails that has no reason here.",
            "",
            f"**{self.counts()}.** Not in the list: tests of NRI, which containerd 1.6 does not have, and critest's benchmarks."
            if not any("NRI" in test.name for test in self.tests) else f"**{self.counts()}.**",
            "",
            "## Failed",
            "",
            "| Test | Reason |",
            "|---|---|",
            *(f"| {cell(test.name)} | "
              f"{cell(self.reasons.get(test.name, '(none given) ' + test.detail[:200]))} |" for test in self.of("failed")),
            "",
            "## Skipped by critest",
            "",
            "| Test | Reason |",
            "|---|---|",
            *(f"| {cell(test.name)} | {cell(test.detail)} |" for test in self.of("skipped")),
            "",
            "## Passed",
            "",
            *(f"- {test.name}" for test in self.of("passed")),
        ]
        return "\n".join(lines) + "\n"
