# SPDX-License-Identifier: Apache-2.0
"""The host's end of a guest's network interface: a tap with an address, servers on it, and a look at its frames."""

import fcntl
import os
import socket
import struct
import subprocess
import threading

TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x0002, 0x1000, 0x4000
ETH_P_ALL, PACKET_OUTGOING = 3, 4
HOST, GUEST_ADDRESS, MTU = "10.97.0.1", "10.97.0.2", 1400


def make_tap():
    """A descriptor as the shim opens it, and the interface's name; both go when the descriptor and its copies are closed."""
    tap = os.open("/dev/net/tun", os.O_RDWR)
    name = fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))[:16]
    name = name.rstrip(b"\0").decode()
    for words in (("link", "set", name, "mtu", str(MTU), "up"), ("addr", "add", f"{HOST}/24", "dev", name)):
        subprocess.run(["ip", *words], check=True)
    return tap, name


def listen(port, serve):
    """Serves one connection on a thread of its own. Returns the listener."""
    listener = socket.create_server((HOST, port))

    def run():
        try:
            with listener.accept()[0] as connection:
                serve(connection)
        except OSError:
            pass  # the guest never came; its console says why
    threading.Thread(target=run, daemon=True).start()
    return listener


class LongestFrames:
    """The length of the longest frame of each direction on an interface."""

    def __init__(self, interface):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.settimeout(0.1)
        self.lengths = {True: 0, False: 0}
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.stop.is_set():
            try:
                data, address = self.socket.recvfrom(1 << 17)
            except TimeoutError:
                continue
            except OSError:
                return  # the interface has gone
            outgoing = address[2] == PACKET_OUTGOING
            self.lengths[outgoing] = max(self.lengths[outgoing], len(data))

    def to_guest(self):
        return self.lengths[True]

    def from_guest(self):
        return self.lengths[False]

    def close(self):
        self.stop.set()
        self.thread.join()
        self.socket.close()
