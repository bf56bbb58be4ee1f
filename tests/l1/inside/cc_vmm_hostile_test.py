# SPDX-License-Identifier: Apache-2.0
"""cc-vmm on real KVM against a guest that means harm, and the jail that it would have to break out of."""

import os
import pathlib
import tempfile
import unittest

from initramfs import GUEST_PROGRAMS, SETUP, make_initramfs
from tap import MTU, make_tap
from vmm import Vmm

POKE = GUEST_PROGRAMS / "mmio_poke"
VIRTIO_BASE, PLACES, ACCESSES, SEED = 0x0A000000, 12, 20000, 2026
POKE_INIT = SETUP + f"{POKE} {VIRTIO_BASE} {4096 * PLACES} {ACCESSES} {SEED}\n"
WAIT_INIT = SETUP + "echo guest runs; while :; do sleep 1000; done\n"
# A guest that lets devices write into its own memory may well lose it.
ENDS = {"guest powered off", "guest rebooted, or its kernel panicked"}


class Hostile(unittest.TestCase):
    def setUp(self):
        if not pathlib.Path("/dev/kvm").exists():
            self.skipTest("this machine has no /dev/kvm")
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)

    def vmm(self, init, files=()):
        """A guest with one device of each kind."""
        make_initramfs(self.directory / "initramfs", init, files=files)
        (self.directory / "disk").write_bytes(bytes(1 << 20))
        disk = os.open(self.directory / "disk", os.O_RDWR)
        tap, _ = make_tap()
        for fd in (disk, tap):
            self.addCleanup(os.close, fd)
        vmm = Vmm(self.directory, self.directory / "initramfs", ("quiet",), vcpus=2,
                  nics=[{"fd": tap, "mac": [2, 0, 0, 0, 0, 7], "mtu": MTU}],
                  disks=[{"path": "disk", "read_only": False, "serial": "disk", "fd": disk}])
        self.addCleanup(vmm.close)
        return vmm.start()

    def test_guest_pokes_every_register_at_random(self):
        vmm = self.vmm(POKE_INIT, [str(POKE)])
        self.assertIn(vmm.ending(), ENDS, vmm.console()[-2000:])
        self.assertEqual(vmm.process.wait(60), 0)

    def test_vmm_of_a_running_guest_is_in_its_jail(self):
        vmm = self.vmm(WAIT_INIT)
        vmm.wait_for("guest runs")
        process = pathlib.Path(f"/proc/{vmm.process.pid}")
        for kind in ("user", "mnt", "net", "ipc", "uts"):
            self.assertNotEqual(os.readlink(process / "ns" / kind), os.readlink(f"/proc/self/ns/{kind}"), kind)
        self.assertEqual(os.listdir(process / "root"), ["vm"])
        threads = {}
        for task in (process / "task").iterdir():
            status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
            threads[status["Name"].strip()] = {key: status[key].strip() for key in
                                               ("Seccomp", "NoNewPrivs", "CapEff", "CapPrm", "CapBnd", "CapAmb")}
        self.assertEqual(sorted(threads), ["cc-vmm", "devices", "disk0", "vcpu0", "vcpu1"])
        for name, status in threads.items():
            nothing = "0" * 16
            self.assertEqual(status, {"Seccomp": "2", "NoNewPrivs": "1", "CapEff": nothing, "CapPrm": nothing,
                                      "CapBnd": nothing, "CapAmb": nothing}, name)
