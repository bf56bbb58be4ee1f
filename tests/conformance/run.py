#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the Kubernetes project's CRI conformance tests (critest) against the kata-cc runtime handler.

    tests/conformance/run.py              all tests; writes docs/conformance.md
    tests/conformance/run.py --subset     those that ./dev test runs; compares, writes nothing
    tests/conformance/run.py --focus RE   tests whose name matches; --report FILE keeps critest's report

Ends with 1 when a test failed that reasons.toml does not explain, or when an explained one passed.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import crictl
import crinode
import images
import report
from stack import TOP

# At least one test of each area, chosen to cost few sandboxes: the whole list does not fit into a CI run.
SUBSET = (
    "starting container with log",
    "execSync with timeout",
    "removing running container",
    "OOMKilled",
    "when running multiple containers in a pod should support container",
    "safe sysctls",
    "support DNS config",
    "exec with tty=true and stdin=true",
    "support attach",
    "SupplementalGroups$",
    "RunAsGroup$",
    "ReadOnlyRootfs is true",
    "dropping ALL capabilities",
    "seccomp profile that blocks setting hostname with SYS_ADMIN",
    "escalation when true",
)


def run_critest(node, focus, output):
    """Returns critest's own report of every test, those not selected included."""
    images_file = node.dir / "critest-images.yaml"
    images_file.write_text(json.dumps({"defaultTestContainerImage": f"{images.E2E}/busybox:1.29-2",
                                       "webServerTestImage": f"{images.E2E}/nginx:1.14-2"}))
    result = node.dir / "critest.json"
    argv = [*node.inside, str(crictl.TOOLS / "critest"), "--runtime-endpoint", node.endpoint, "--image-endpoint",
            node.endpoint, "--runtime-handler", crictl.HANDLER, "--test-images-file", str(images_file),
            f"--ginkgo.json-report={result}", "--ginkgo.seed=1", "--ginkgo.no-color", "--ginkgo.timeout=4h",
            *(f"--ginkgo.focus={expression}" for expression in focus)]
    with open(output, "w") as log:
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=node.dir, check=False)
    if not result.exists():
        sys.exit(f"critest wrote no report; see {output}")
    return json.loads(result.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subset", action="store_true")
    parser.add_argument("--focus", action="append", default=[])
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--log", type=pathlib.Path, default=crictl.TOOLS / "critest.log")
    arguments = parser.parse_args()
    focus = list(SUBSET) if arguments.subset else arguments.focus
    reasons = tomllib.loads((HERE / "reasons.toml").read_text())
    with crinode.CriNode() as node:
        for name, image in images.all_images().items():
            node.push(name, image)
        results = run_critest(node, focus, arguments.log)
    if arguments.report:
        arguments.report.write_text(json.dumps(results))
    outcome = report.Outcome(results, reasons)
    print(outcome.summary())
    if not focus:
        subset = re.compile("|".join(SUBSET))
        (TOP / "docs/conformance.md").write_text(outcome.markdown(lambda name: bool(subset.search(name))))
    problems = outcome.problems(complete=not focus)
    for problem in problems:
        print(f"conformance: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
