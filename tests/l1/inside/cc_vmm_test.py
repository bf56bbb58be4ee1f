# SPDX-License-Identifier: Apache-2.0
"""cc-vmm on real KVM, spoken to as the shim does (src/vmm/kvm/control): small guests that boot, and end in every way."""

import pathlib
import signal
import socket
import tempfile
import time
import unittest

from initramfs import SETUP, make_initramfs
from stack import GUEST
from vmm import Vmm

# What the guest does is on its command line.
INIT = SETUP + """\
for word in $(cat /proc/cmdline); do case $word in do=*) action=${word#do=};; esac; done
echo "guest: $(grep -c ^processor /proc/cpuinfo) processors"
case $action in
poweroff) poweroff -f;;
reboot) reboot -f;;
panic) echo c >/proc/sysrq-trigger;;
count) i=0; while :; do echo "tick $i"; i=$((i + 1)); usleep 100000; done;;
esac
"""


class CcVmm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not pathlib.Path("/dev/kvm").exists():
            raise unittest.SkipTest("this machine has no /dev/kvm")
        cls.scratch = tempfile.TemporaryDirectory()
        cls.initramfs = pathlib.Path(cls.scratch.name) / "initramfs"
        make_initramfs(cls.initramfs, INIT)

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
        self.assertEqual(vmm.process.wait(60), 0)

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
        self.assertEqual(vmm.process.wait(60), -signal.SIGKILL)

    def test_vmm_ends_with_the_shim(self):
        vmm = self.vmm("do=count", vcpus=2).start()
        vmm.wait_for("tick 1")
        vmm.socket.shutdown(socket.SHUT_RDWR)
        self.assertEqual(vmm.process.wait(60), 0)

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
            agent.settimeout(300)
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
