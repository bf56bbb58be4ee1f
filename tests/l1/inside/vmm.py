# SPDX-License-Identifier: Apache-2.0
"""One cc-vmm process on real KVM, spoken to as the shim does (src/vmm/kvm/control)."""

import fcntl
import json
import os
import socket
import subprocess
import time

from stack import BINARIES, GUEST

CONTROL, STATE_DIR, FIRST_FREE = 3, 4, 5


class Vmm:
    """One cc-vmm process and the shim's end of its control socket."""

    def __init__(self, directory, initramfs, cmdline, vcpus=1, memory_mib=256, kernel=GUEST / "vmlinuz", nics=(), disks=(), **changes):
        """`nics` and `disks` are what the shim describes, each with a descriptor as "fd"."""
        self.directory = directory
        self.console_path = directory / "console"
        ours, theirs = socket.socketpair()
        self.control = ours.makefile("rwb", buffering=0)
        self.socket = ours
        devices = [*nics, *disks]
        files = [os.open(kernel, os.O_RDONLY), os.open(initramfs, os.O_RDONLY), *(os.dup(device["fd"]) for device in devices)]
        state = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        console = os.open(self.console_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        wanted = {1: console, CONTROL: theirs.fileno(), STATE_DIR: state}
        wanted.update({FIRST_FREE + number: fd for number, fd in enumerate(files)})

        def place():
            # Out of the way first: a target may be another's source.
            high = {target: fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for target, fd in wanted.items()}
            for target, fd in high.items():
                os.dup2(fd, target)
            os.closerange(FIRST_FREE + len(files), 200)

        self.process = subprocess.Popen([BINARIES / "cc-vmm"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        preexec_fn=place, close_fds=False)
        for fd in (state, console, *files):
            os.close(fd)
        theirs.close()
        passed = [{**device, "fd": FIRST_FREE + 2 + number} for number, device in enumerate(devices)]
        self.description = {"id": "test", "arch": "aarch64", "vcpus": vcpus, "memory_mib": memory_mib,
                            "kernel": str(kernel), "initramfs": str(initramfs),
                            "cmdline": ["console=ttyAMA0", *cmdline], "realm": None, "nics": passed[:len(nics)], "disks": passed[len(nics):],
                            "kernel_fd": FIRST_FREE, "initramfs_fd": FIRST_FREE + 1, "pod_network": False,
                            **changes}

    def call(self, verb, **more):
        self.control.write(json.dumps({"id": 1, "verb": verb, **more}).encode() + b"\n")
        return json.loads(self.control.readline() or "{}")

    def start(self):
        for reply in (self.call("create", launch=self.description), self.call("start")):
            if reply != {"id": 1}:
                raise AssertionError(f"{reply}: {self.process.stderr.read() if self.process.poll() else ''}")
        return self

    def ending(self, timeout=300):
        self.socket.settimeout(timeout)
        try:
            return json.loads(self.control.readline())["ended"]
        except (TimeoutError, socket.timeout):
            raise AssertionError(f"the guest did not end; console: {self.console()[-3000:]}") from None

    def console(self):
        return self.console_path.read_text(errors="replace")

    def wait_for(self, text, timeout=300):
        deadline = time.monotonic() + timeout
        while text not in self.console():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no '{text}' on the console: {self.console()[-3000:]}")
            time.sleep(0.02)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.control.close()
        self.socket.close()
