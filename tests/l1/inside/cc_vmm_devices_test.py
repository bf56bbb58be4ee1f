# SPDX-License-Identifier: Apache-2.0
"""cc-vmm's disks, network interface, entropy and console, with the drivers of a real kernel, from inside its jail."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest

from initramfs import SETUP, make_initramfs, modules, with_libraries
from tap import GUEST_ADDRESS, HOST, MTU, LongestFrames, listen, make_tap
from vmm import Vmm

DRIVERS = ("virtio_mmio", "virtio_console", "virtio_blk", "virtio_net", "virtio-rng", "dm-verity")
VERITYSETUP = shutil.which("veritysetup") or "veritysetup"
DOWN_PORT, UP_PORT = 9000, 9001
BYTES = 4 << 20
BLOCK = 4096
LAYER_BYTES = 1 << 20
# Each bit of virtio 1.2, section 5.1.3: checksums both ways, MTU, MAC, TCP segments both ways, merged buffers; 32 is
# VERSION_1, 33 ACCESS_PLATFORM.
NET_FEATURES = (0, 1, 3, 5, 7, 8, 11, 12, 15, 32, 33)
INIT = SETUP + f"""\
export DM_DISABLE_UDEV=1
hash=$(sed 's/.*verity=\\([0-9a-f]*\\).*/\\1/' /proc/cmdline)
echo "through the virtio console" >/dev/hvc0
for disk in /sys/block/vd*; do
  name=$(cat $disk/serial); echo "disk $name ro=$(cat $disk/ro) sectors=$(cat $disk/size)"
  ln -s /dev/${{disk##*/}} /dev/$name
done
for name in layer changed short; do
  veritysetup open /dev/$name $name-verified /dev/$name $hash --hash-offset {LAYER_BYTES} 2>&1 || echo "$name refused"
done
echo "layer is $(sha256sum </dev/mapper/layer-verified | cut -d' ' -f1)"
cat /dev/mapper/changed-verified >/dev/null || echo "changed block found"
echo "layer write: $(dd if=/dev/zero of=/dev/layer bs=512 count=1 conv=fsync 2>&1 | head -n 1)"
yes scratch | head -c {BYTES} | dd of=/dev/scratch bs=64k conv=fsync 2>/dev/null && echo "scratch written"
echo "entropy from $(cat /sys/class/misc/hw_random/rng_current): $(head -c 16 /dev/hwrng | wc -c) bytes"
ip link set eth0 up; ip addr add {GUEST_ADDRESS}/24 dev eth0
echo "mtu $(cat /sys/class/net/eth0/mtu) address $(cat /sys/class/net/eth0/address)"
echo "features $(cat /sys/class/net/eth0/device/features)"
echo "down is $(nc {HOST} {DOWN_PORT} </dev/null | sha256sum | cut -d' ' -f1)"
yes network | head -c {BYTES} | nc {HOST} {UP_PORT} && echo "up sent"
poweroff -f
"""


class Devices(unittest.TestCase):
    def setUp(self):
        if not pathlib.Path("/dev/kvm").exists():
            self.skipTest("this machine has no /dev/kvm")
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)

    def disk(self, name, content, read_only=True):
        path = self.directory / name
        path.write_bytes(content)
        fd = os.open(path, os.O_RDONLY if read_only else os.O_RDWR)
        self.addCleanup(os.close, fd)
        return {"path": name, "read_only": read_only, "serial": name, "fd": fd}

    def verity_image(self, layer):
        """The layer with its hash tree behind it, by Debian's tool; and the root hash."""
        path = self.directory / "image"
        path.write_bytes(layer)
        out = subprocess.run([VERITYSETUP, "format", "--hash-offset", str(len(layer)), path, path], capture_output=True,
                             text=True, check=True).stdout
        root = next(line.split()[-1] for line in out.splitlines() if line.startswith("Root hash:"))
        return path.read_bytes(), root

    def test_guest_uses_disks_network_entropy_and_console(self):
        layer, down = os.urandom(LAYER_BYTES), os.urandom(BYTES)
        image, root_hash = self.verity_image(layer)
        changed = bytearray(image)
        changed[LAYER_BYTES // 2] ^= 1
        make_initramfs(self.directory / "initramfs", INIT, modules(*DRIVERS), with_libraries(VERITYSETUP))
        tap, interface = make_tap()
        self.addCleanup(os.close, tap)
        frames = LongestFrames(interface)
        self.addCleanup(frames.close)
        received, came = hashlib.sha256(), threading.Event()

        def take(connection):
            while data := connection.recv(1 << 16):
                received.update(data)
            came.set()

        self.addCleanup(listen(DOWN_PORT, lambda connection: connection.sendall(down)).close)
        self.addCleanup(listen(UP_PORT, take).close)
        vmm = Vmm(self.directory, self.directory / "initramfs", ("quiet", f"verity={root_hash}"), vcpus=2,
                  nics=[{"fd": tap, "mac": [2, 0, 0, 0, 0, 7], "mtu": MTU}],
                  disks=[self.disk("layer", image), self.disk("changed", changed),
                         self.disk("short", image[:LAYER_BYTES + BLOCK]),
                         self.disk("scratch", bytes(BYTES), read_only=False)])
        self.addCleanup(vmm.close)
        self.assertEqual(vmm.start().ending(300), "guest powered off", vmm.console()[-3000:])
        console = vmm.console()
        for line in ("through the virtio console",
                     f"disk layer ro=1 sectors={len(image) // 512}", f"disk scratch ro=0 sectors={BYTES // 512}",
                     f"layer is {hashlib.sha256(layer).hexdigest()}", "changed block found", "short refused",
                     "layer write: dd: ", "scratch written", "entropy from virtio_rng.0: 16 bytes",
                     f"mtu {MTU} address 02:00:00:00:00:07", f"down is {hashlib.sha256(down).hexdigest()}", "up sent"):
            self.assertIn(line, console)
        features = console.split("features ")[1].split()[0]
        self.assertEqual([bit for bit in NET_FEATURES if features[bit] != "1"], [], features)
        self.assertEqual((self.directory / "layer").read_bytes(), image)
        self.assertEqual((self.directory / "scratch").read_bytes(), (b"scratch\n" * BYTES)[:BYTES])
        self.assertTrue(came.wait(60))
        self.assertEqual(received.hexdigest(), hashlib.sha256((b"network\n" * BYTES)[:BYTES]).hexdigest())
        # What was negotiated is used: frames that the other side's segmentation would have made.
        self.assertGreater(frames.to_guest(), MTU + 14)
        self.assertGreater(frames.from_guest(), MTU + 14)
