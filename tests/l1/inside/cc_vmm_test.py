# SPDX-License-Identifier: Apache-2.0
"""cc-vmm on real KVM, spoken to as the shim does (src/vmm/kvm/control): small guests that boot, and end in every way."""

import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from stack import BINARIES, GUEST

CONTROL, STATE_DIR, FIRST_FREE = 3, 4, 5
# What the guest does is on its command line.
INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for word in $(/bin/busybox cat /proc/cmdline); do case $word in do=*) action=${word#do=};; esac; done
echo "guest: $(/bin/busybox grep -c ^processor /proc/cpuinfo) processors"
case $action in
poweroff) /bin/busybox poweroff -f;;
reboot) /bin/busybox reboot -f;;
panic) echo c >/proc/sysrq-trigger;;
count) i=0; while :; do echo "tick $i"; i=$((i + 1)); /bin/busybox usleep 100000; done;;
esac
"""


def make_initramfs(path):
    with tempfile.TemporaryDirectory() as scratch:
        base = pathlib.Path(scratch)
        for name in ("bin", "dev", "proc"):
            (base / name).mkdir()
        (base / "bin/busybox").write_bytes(pathlib.Path("/bin/busybox").read_bytes())
        (base / "init").write_text(INIT)
        for name in ("bin/busybox", "init"):
            (base / name).chmod(0o755)
        names = "\n".join(sorted(str(p.relative_to(base)) for p in base.rglob("*")))
        path.write_bytes(subprocess.run(["/bin/busybox", "cpio", "-o", "-H", "newc"], input=names.encode(), cwd=base,
                                        capture_output=True, check=True).stdout)


class Vmm:
    """One cc-vmm process and the shim's end of its control socket."""

    def __init__(self, directory, initramfs, cmdline, vcpus=1, memory_mib=256, kernel=GUEST / "vmlinuz", **changes):
        self.directory = directory
        self.console_path = directory / "console"
        ours, theirs = socket.socketpair()
        self.control = ours.makefile("rwb", buffering=0)
        self.socket = ours
        files = [os.open(kernel, os.O_RDONLY), os.open(initramfs, os.O_RDONLY)]
        state = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        console = os.open(self.console_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        wanted = {1: console, CONTROL: theirs.fileno(), STATE_DIR: state, FIRST_FREE: files[0], FIRST_FREE + 1: files[1]}

        def place():
            # Out of the way first: a target may be another's source.
            high = {target: fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for target, fd in wanted.items()}
            for target, fd in high.items():
                os.dup2(fd, target)
            os.closerange(FIRST_FREE + 2, 200)

        self.process = subprocess.Popen([BINARIES / "cc-vmm"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        preexec_fn=place, close_fds=False)
        for fd in (state, console, *files):
            os.close(fd)
        theirs.close()
        self.description = {"id": "test", "arch": "aarch64", "vcpus": vcpus, "memory_mib": memory_mib,
                            "kernel": str(kernel), "initramfs": str(initramfs),
                            "cmdline": ["console=ttyAMA0", *cmdline], "realm": None, "nics": [], "disks": [],
                            "kernel_fd": FIRST_FREE, "initramfs_fd": FIRST_FREE + 1, **changes}

    def call(self, verb, **more):
        self.control.write(json.dumps({"id": 1, "verb": verb, **more}).encode() + b"\n")
        return json.loads(self.control.readline() or "{}")

    def start(self):
        for reply in (self.call("create", launch=self.description), self.call("start")):
            if reply != {"id": 1}:
                raise AssertionError(f"{reply}: {self.process.stderr.read() if self.process.poll() else ''}")
        return self

    def ending(self, timeout=120):
        self.socket.settimeout(timeout)
        try:
            return json.loads(self.control.readline())["ended"]
        except (TimeoutError, socket.timeout):
            raise AssertionError(f"the guest did not end; console: {self.console()[-3000:]}") from None

    def console(self):
        return self.console_path.read_text(errors="replace")

    def wait_for(self, text, timeout=120):
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


class CcVmm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not pathlib.Path("/dev/kvm").exists():
            raise unittest.SkipTest("this machine has no /dev/kvm")
        cls.scratch = tempfile.TemporaryDirectory()
        cls.initramfs = pathlib.Path(cls.scratch.name) / "initramfs"
        make_initramfs(cls.initramfs)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def vmm(self, *cmdline, **options):
        vmm = Vmm(pathlib.Path(tempfile.mkdtemp(dir=self.scratch.name)), options.pop("initramfs", self.initramfs), cmdline, **options)
        self.addCleanup(vmm.close)
        return vmm

    def test_guest_powers_off(self):
        vmm = self.vmm("do=poweroff").start()
        self.assertEqual(vmm.ending(), "guest powered off", vmm.console()[-2000:])
        self.assertIn("guest: 1 processors", vmm.console())
        self.assertEqual(vmm.process.wait(10), 0)

    def test_four_vcpus(self):
        vmm = self.vmm("do=poweroff", vcpus=4).start()
        self.assertEqual(vmm.ending(), "guest powered off", vmm.console()[-2000:])
        self.assertIn("guest: 4 processors", vmm.console())

    def test_guest_reboots(self):
        vmm = self.vmm("do=reboot").start()
        self.assertEqual(vmm.ending(), "guest rebooted, or its kernel panicked")

    def test_guest_panics(self):
        vmm = self.vmm("do=panic").start()
        self.assertEqual(vmm.ending(), "guest rebooted, or its kernel panicked")
        self.assertIn("Kernel panic", vmm.console())

    def test_paused_guest_stands_still(self):
        vmm = self.vmm("quiet", "do=count", vcpus=2).start()
        vmm.wait_for("tick 3")
        self.assertEqual(vmm.call("pause"), {"id": 1})
        before = vmm.console()
        time.sleep(1)
        self.assertEqual(vmm.console(), before)
        self.assertEqual(vmm.call("resume"), {"id": 1})
        last = int(before.split("tick ")[-1].split()[0])
        vmm.wait_for(f"tick {last + 3}")

    def test_killed_vmm_leaves_nothing(self):
        vmm = self.vmm("do=count", vcpus=2).start()
        vmm.wait_for("tick 1")
        vmm.process.kill()
        self.assertEqual(vmm.process.wait(10), -signal.SIGKILL)

    def test_vmm_ends_with_the_shim(self):
        vmm = self.vmm("do=count", vcpus=2).start()
        vmm.wait_for("tick 1")
        vmm.socket.shutdown(socket.SHUT_RDWR)
        self.assertEqual(vmm.process.wait(10), 0)

    def test_agent_is_reached_over_vsock(self):
        """The real guest: its agent tells the host that it is ready, and answers on its port."""
        directory = pathlib.Path(tempfile.mkdtemp(dir=self.scratch.name))
        with socket.socket(socket.AF_UNIX) as ready:
            ready.bind(str(directory / "vsock_1040"))
            ready.listen()
            ready.settimeout(300)
            vmm = Vmm(directory, GUEST / "initramfs.cpio", [], memory_mib=512)
            self.addCleanup(vmm.close)
            vmm.start()
            try:
                ready.accept()[0].close()
            except socket.timeout:
                self.fail(f"the agent was not ready; console: {vmm.console()[-3000:]}")
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(60)
            agent.connect(str(directory / "vsock"))
            agent.sendall(b"CONNECT 1024\n")
            self.assertRegex(agent.recv(64), rb"^OK \d+\n$")

    def test_refusals_say_why(self):
        text = pathlib.Path(self.scratch.name) / "text"
        text.write_text("no kernel")
        for change, want in ({"kernel": text}, "no arm64 Image"), ({"initramfs": GUEST / "vmlinuz", "memory_mib": 32}, "set memory_mib higher"):
            vmm = self.vmm("do=poweroff", **change)
            reply = vmm.call("create", launch=vmm.description)
            self.assertIn(want, reply["message"])
