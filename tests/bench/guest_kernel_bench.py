# SPDX-License-Identifier: Apache-2.0
"""What a guest kernel costs: its size, the pages that a Realm would measure, and the time until the agent answers.

    python3 tests/bench/guest_kernel_bench.py build/guest-arm64 build/guest-arm64-cca build/guest-arm64-own

Guests are outputs of packaging/guest/build for aarch64; each is started by the shim, emulated unless this is arm64.
"""

import json
import os
import pathlib
import platform
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import ocilayout  # noqa: E402
from pod_bench import agent_ready, report  # noqa: E402
from stack import Stack  # noqa: E402

PAGE = 4096
RUNS = 5


def pages(path):
    """4 KiB granules that hold a file: each is populated and measured, 0.4 ms in an emulated Realm."""
    return -(-path.stat().st_size // PAGE)


def measure(guest):
    release = json.loads((guest / "manifest.json").read_text())["kernel"]["release"]
    kernel, initramfs = guest / "vmlinuz", guest / "initramfs.cpio"
    print(f"## {release} ({guest.name})")
    print(f"{'kernel image':52s} {kernel.stat().st_size / 1e6:10.2f} MB     ({pages(kernel)} pages)")
    print(f"{'initramfs':52s} {initramfs.stat().st_size / 1e6:10.2f} MB     ({pages(initramfs)} pages)")
    with Stack(vmm='arch = "aarch64"\nboot_timeout_s = 300', guest=guest.resolve()) as stack:
        image = stack.push("none:1", ocilayout.Image([ocilayout.tar({"none": b""})], architecture="arm64"))
        for i in range(RUNS):
            # There is no such program: what matters is the start of the virtual machine before that is found out.
            stack.run(image, f"boot{i}", "/none", check=False, timeout=600,
                      options=("--rm", "--platform", "linux/arm64"))
        ready = agent_ready(stack)
        if not ready:
            sys.exit(f"no virtual machine came up:\n{stack.log()[-3000:]}")
        report("VM process start to agent ready", ready, "ms")


def main():
    print(f"# {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for guest in map(pathlib.Path, sys.argv[1:]):
        measure(guest)


if __name__ == "__main__":
    main()
