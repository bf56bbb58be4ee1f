#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the Kubernetes project's CRI conformance tests (critest) against the kata-cc runtime handler.

    tests/conformance/run.py              all tests, as ./dev test does
    tests/conformance/run.py --write      and writes docs/conformance.md
    tests/conformance/run.py --focus RE   tests whose name matches; --report FILE keeps critest's report

Ends with 1 when a test failed that reasons.toml does not explain; with --write, which is for the containerd of Debian
12, also when an explained one passed.
"""

import argparse
import json
import pathlib
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
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--write", action="store_true")
    chosen.add_argument("--focus", action="append", default=[])
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--log", type=pathlib.Path, default=crictl.TOOLS / "critest.log")
    arguments = parser.parse_args()
    reasons = tomllib.loads((HERE / "reasons.toml").read_text())
    with crinode.CriNode() as node:
        for name, image in images.all_images().items():
            node.push(name, image)
        results = run_critest(node, arguments.focus, arguments.log)
    if arguments.report:
        arguments.report.write_text(json.dumps(results))
    outcome = report.Outcome(results, reasons)
    print(outcome.summary())
    if arguments.write:
        (TOP / "docs/conformance.md").write_text(outcome.markdown())
    problems = outcome.problems(strict=arguments.write)
    for problem in problems:
        print(f"conformance: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
