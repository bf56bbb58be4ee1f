# SPDX-License-Identifier: Apache-2.0
"""Figures of the native back end (cc-vmm), each printed with its unit and conditions. Nothing is asserted.

    python3 tests/l1/harness.py --bench native_vmm_bench.py

It needs an arm64 machine with KVM; the harness emulates one, where only relations between figures mean something.
"""

import contextlib
import os
import pathlib
import platform
import socket
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "l1/inside")]

import ocilayout  # noqa: E402
from initramfs import GUEST_PROGRAMS, SETUP, make_initramfs, modules  # noqa: E402
from pod_bench import agent_ready, report  # noqa: E402
from stack import GUEST, Stack  # noqa: E402
from tap import GUEST_ADDRESS, MTU, make_tap  # noqa: E402
from vmm import Vmm  # noqa: E402

TRACE = pathlib.Path("/sys/kernel/tracing")
PEER, PEER_PORT = GUEST_PROGRAMS / "stream_peer", 5000
ROUNDS = 300
BYTES = 8 << 20
RUNS, PODS = 5, 3
PEER_INIT = SETUP + f"""\
ip link set eth0 up; ip addr add {GUEST_ADDRESS}/24 dev eth0
{PEER}
while :; do sleep 1000; done
"""
BACKENDS = {"cc-vmm": 'backend = "kvm"', "QEMU": 'accel = "kvm"'}
MEMORY_MIB = 512
SIZE = f"vcpus = 1\nmemory_mib = {MEMORY_MIB}\nboot_timeout_s = 300"


class FirstRun:
    """When KVM first entered a guest since the object was made, on the clock of time.monotonic()."""

    def __init__(self):
        if not (TRACE / "trace").exists():
            subprocess.run(["mount", "-t", "tracefs", "trace", TRACE], check=True)
        (TRACE / "trace_clock").write_text("mono")
        (TRACE / "trace").write_text("")
        self.event = TRACE / "events/kvm/kvm_entry/enable"
        self.event.write_text("1")

    def seconds(self):
        self.event.write_text("0")
        for line in (TRACE / "trace").read_text().splitlines():
            if "kvm_entry" in line:
                return float(line.split(": kvm_entry")[0].split()[-1])
        raise SystemExit("KVM's trace shows no guest")


def first_run():
    """The product's guest: from the description's arrival to guest code, files read and jail entered in between."""
    whole, create = [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as scratch:
            vmm = Vmm(pathlib.Path(scratch), GUEST / "initramfs.cpio", ["quiet"], memory_mib=MEMORY_MIB)
            first, before = FirstRun(), time.monotonic()
            reply = vmm.call("create", launch=vmm.description)
            made = time.monotonic()
            if reply != {"id": 1} or vmm.call("start") != {"id": 1}:
                raise SystemExit(f"cc-vmm: {reply}")
            time.sleep(0.2)  # the trace is written by then
            whole.append((first.seconds() - before) * 1000)
            create.append((made - before) * 1000)
            vmm.close()
    report("cc-vmm: create to first KVM_RUN", whole, "ms")
    report("cc-vmm: of that, until the VM is made", create, "ms")
    files = [(GUEST / name).read_bytes() for name in ("vmlinuz", "initramfs.cpio")]
    copies = []
    for _ in range(RUNS):
        before = time.monotonic()
        [bytearray(file) for file in files]
        copies.append((time.monotonic() - before) * 1000)
    report("to compare: copying kernel and initramfs in memory", copies, "ms", f", {sum(map(len, files)) / 1e6:.1f} MB")


def own_memory(pid):
    """Resident MB of a VMM beside its guest's memory, and how much of that is not shared with other processes."""
    resident = private = 0
    guest = False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            begin, end = (int(number, 16) for number in words[0].split("-"))
            guest = end - begin >= MEMORY_MIB << 20
        elif not guest and words[0] == "Rss:":
            resident += int(words[1])
        elif not guest and words[0] in ("Private_Clean:", "Private_Dirty:"):
            private += int(words[1])
    return resident / 1024, private / 1024


def pods():
    """The same pod on both back ends: until its agent answers, and what its VMM needs beside the guest's memory."""
    with contextlib.ExitStack() as kept:
        stacks = {name: kept.enter_context(Stack(vmm=f"{backend}\n{SIZE}")) for name, backend in BACKENDS.items()}
        images = {name: stack.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))
                  for name, stack in stacks.items()}
        for i in range(PODS):
            for name, stack in stacks.items():  # in turns: both have the same load of the machine
                stack.run(images[name], f"run{i}", "/bin/true", timeout=900)
        ready = {name: report(f"{name}: VMM process start to agent ready", agent_ready(stack), "ms")
                 for name, stack in stacks.items()}
        print(f"{'agent ready, cc-vmm against QEMU':52s} {ready['cc-vmm'] / ready['QEMU']:10.2f} x", flush=True)
        for name, stack in stacks.items():
            stack.run(images[name], "idle", "/bin/sleep", "1000", options=("-d", "--null-io"), timeout=900)
            time.sleep(2)
            resident, private = own_memory(stack.vms()[0])
            print(f"{name + ': RSS above guest memory, idle pod':52s} {resident:10.2f} MB     ({private:.2f} private)", flush=True)
            stack.remove("idle")


def hybrid(directory):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(directory / "vsock"))
    connection.sendall(b"CONNECT %d\n" % PEER_PORT)
    answer = b""
    while not answer.endswith(b"\n"):
        answer += connection.recv(1)
    return connection


def tcp(_):
    connection = socket.create_connection((GUEST_ADDRESS, PEER_PORT))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def latency(connection):
    values = []
    connection.sendall(b"e")
    for _ in range(ROUNDS):
        before = time.perf_counter()
        connection.sendall(bytes(64))
        got = 0
        while got < 64:
            got += len(connection.recv(64))
        values.append((time.perf_counter() - before) * 1e6)
    connection.close()
    return values


def into(connection):
    connection.sendall(b"s")
    data, before = bytes(1 << 20), time.perf_counter()
    for _ in range(BYTES // len(data)):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)
    seconds = time.perf_counter() - before
    connection.close()
    return BYTES / seconds / 1e6


def out_of(connection):
    connection.sendall(b"g")
    got, before = 0, time.perf_counter()
    while got < BYTES:
        got += len(connection.recv(1 << 20))
    seconds = time.perf_counter() - before
    connection.close()
    return got / seconds / 1e6


def streams():
    """vsock by the hybrid socket, and TCP through the tap, to a program in the guest."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = pathlib.Path(scratch)
        make_initramfs(directory / "initramfs", PEER_INIT,
                       modules("virtio_mmio", "vmw_vsock_virtio_transport", "virtio_net"), [str(PEER)])
        tap, _ = make_tap()
        vmm = Vmm(directory, directory / "initramfs", ["quiet"],
                  nics=[{"fd": tap, "mac": [2, 0, 0, 0, 0, 7], "mtu": MTU}])
        vmm.start().wait_for("peer listens")
        for name, connect in (("vsock", hybrid), ("TCP", tcp)):
            values = latency(connect(directory))
            report(f"{name}: 64 bytes there and back", values, "us", f", p95 {sorted(values)[ROUNDS * 95 // 100]:.0f}")
            report(f"{name}: into the guest", [into(connect(directory)) for _ in range(3)], "MB/s")
            report(f"{name}: out of the guest", [out_of(connect(directory)) for _ in range(3)], "MB/s")
        vmm.close()
        os.close(tap)


def main():
    print(f"# {platform.machine()}, {os.cpu_count()} cores, kernel {platform.release()}, load {os.getloadavg()[0]:.1f}, "
          f"guest image {(GUEST / 'initramfs.cpio').stat().st_size / 1e6:.1f} MB", flush=True)
    first_run()
    pods()
    streams()


if __name__ == "__main__":
    main()
