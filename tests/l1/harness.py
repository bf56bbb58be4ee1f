# SPDX-License-Identifier: Apache-2.0
"""An arm64 machine with KVM, emulated: the place where what needs real KVM (and vhost-vsock) is tried on any host.

QEMU emulates the machine ("L1") with its virtualization extensions; its root is made of Debian packages that are
unpacked here, our arm64 programs and guest, and the tests. L1 runs tests/l1/inside/run.py and writes the results to
a second disk. The L1 has no network but its own loopback.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "packaging/guest"))

import kernel_package  # noqa: E402
from debian import Archive, host_suite  # noqa: E402

# What the tests inside talk to, and what runs them. Unpacked, not installed.
PACKAGES = ("busybox-static", "python3", "containerd", "docker-registry", "skopeo", "qemu-system-arm", "iproute2",
            "openssl", "kmod", "libc-bin", "zstd", "libarchive13", "libisal2", "bash", "coreutils",
            "util-linux", "containernetworking-plugins", "cryptsetup-bin")
# The L1's disk is found by these; its own tests load the rest (KVM is built in).
BOOT_MODULES = ("virtio_mmio", "virtio_blk")
# Programs of guests inside, tests/l1/guest/<name>.c.
GUEST_COMPILER = ("aarch64-linux-gnu-gcc", "-O2", "-Wall", "-Wextra", "-static")
RESULTS_BYTES = 4 << 20
ROOT_MIB = 2048

# The machine that the kernel starts: root from the disk, then the tests, then off.
BOOT_INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /$module || echo "l1: no module $module"; done
until [ -b /dev/vda ]; do /bin/busybox usleep 10000; done
/bin/busybox mount -t ext4 /dev/vda /root || exec /bin/busybox poweroff -f
/bin/busybox mount -o move /dev /root/dev
exec /bin/busybox switch_root /root /l1-init
"""
ROOT_INIT = """#!/bin/busybox sh
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmp /run; mount -t cgroup2 cgroup /sys/fs/cgroup
mkdir -p /dev/pts /dev/shm /var/lib /tmp /opt; mount -t devpts devpts /dev/pts; mount -t tmpfs shm /dev/shm
for module in {modules}; do modprobe $module || echo "l1: no module $module"; done
ip link set lo up; hostname l1
echo "l1: ready after $(cut -d' ' -f1 /proc/uptime) s"
cd /work/tests/l1/inside
export CC_BINARIES=/work/bin CC_GUEST=/work/guest
{command}
sync; poweroff -f
"""
MODULES = ("overlay", "vhost_vsock", "tun", "dm_verity", "erofs", "loop", "veth")


def unpacked_root(cache):
    """The L1's Debian part, made once per list of packages."""
    name = hashlib.sha256(repr(PACKAGES).encode()).hexdigest()[:12]
    done = cache / f"l1-root-{host_suite()}-{name}"
    if done.exists():
        return done
    print("l1: unpacking arm64 packages (once)", flush=True)
    with tempfile.TemporaryDirectory(prefix="l1-root-", dir=cache) as scratch:
        os.chmod(scratch, 0o755)  # apt downloads as a user of its own
        root = pathlib.Path(scratch) / "root"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=extract", "--architectures=arm64",
                        f"--include={','.join(PACKAGES)}", host_suite(), root], check=True)
        for name in ("doc", "man", "locale"):
            shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
        for name in ("sh", "mount", "umount", "hostname", "poweroff", "sync", "cut", "mkdir"):
            if not (root / "bin" / name).exists():
                (root / "bin" / name).symlink_to("busybox")
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\n")
        (root / "etc/hosts").write_text("127.0.0.1 localhost l1\n")
        for directory in ("proc", "sys", "run", "dev", "root", "work", "var/tmp"):
            (root / directory).mkdir(parents=True, exist_ok=True)
        try:
            root.rename(done)
        except OSError:
            if not done.exists():  # else another run was faster
                raise
    return done


def make_disk(path, root, files, args):
    """An ext4 image of the root, the kernel's modules, our programs, guest and tests; nothing is mounted."""
    release = kernel_package.module_tree(files).name
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        tree = pathlib.Path(scratch)
        subprocess.run(["cp", "-a", "--reflink=auto", f"{root}/.", tree], check=True)
        shutil.copytree(files / "lib/modules" / release, tree / "lib/modules" / release, symlinks=True)
        subprocess.run(["depmod", "-b", tree, release], check=True)
        for source, target in ((args.binaries, "bin"), (args.guest, "guest")):
            shutil.copytree(source, tree / "work" / target)
        shutil.copytree(TOP / "tests", tree / "work/tests", ignore=shutil.ignore_patterns("__pycache__"))
        programs = tree / "work/guest-programs"
        programs.mkdir()
        for source in sorted((TOP / "tests/l1/guest").glob("*.c")):
            subprocess.run([*GUEST_COMPILER, "-o", programs / source.stem, source], check=True)
        if args.unit_tests:
            shutil.copytree(args.unit_tests, tree / "work/unit")
        command = args.bench or f"python3 -B run.py /dev/vdb {shlex.quote(args.pattern)}"
        init = tree / "l1-init"
        init.write_text(ROOT_INIT.format(modules=" ".join(MODULES), command=command))
        init.chmod(0o755)
        (tree / "tmp").chmod(0o1777)
        with open(path, "wb") as disk:
            disk.truncate(ROOT_MIB << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", tree, path], check=True)


def make_initramfs(path, root, files):
    tree = kernel_package.module_tree(files)
    with tempfile.TemporaryDirectory() as scratch:
        base = pathlib.Path(scratch)
        for directory in ("bin", "dev", "root"):
            (base / directory).mkdir()
        shutil.copy(root / "bin/busybox", base / "bin/busybox")
        names = []
        for module in kernel_package.ordered_modules(tree, BOOT_MODULES):
            name, data = kernel_package.read_module(tree, module)
            (base / name).write_bytes(data)
            names.append(name)
        (base / "init").write_text(BOOT_INIT.format(modules=" ".join(names)))
        (base / "init").chmod(0o755)
        entries = "\n".join(sorted(str(p.relative_to(base)) for p in base.rglob("*")))
        path.write_bytes(subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=entries.encode(), cwd=base,
                                        capture_output=True, check=True).stdout)


def boot(work, kernel, timeout):
    """Runs the machine until it is off; its console goes to console.log. Returns the text on the disk of results."""
    results = work / "results"
    results.write_bytes(bytes(RESULTS_BYTES))
    argv = ["qemu-system-aarch64", "-machine", "virt,virtualization=on,gic-version=3",
            # QARMA pointer authentication and SVE are slow to emulate and of no use here.
            "-cpu", "max,pauth=off,sve=off", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "3072",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", f"file:{work}/console.log",
            "-kernel", kernel, "-initrd", work / "initramfs",
            "-append", "console=ttyAMA0 quiet panic=-1 random.trust_bootloader=on"]
    for name in ("root", "results"):
        argv += ["-drive", f"if=none,id={name},file={work / name},format=raw,cache=unsafe"]
    # Of virtio-mmio devices the last is found first.
    argv += ["-device", "virtio-blk-device,drive=results", "-device", "virtio-blk-device,drive=root"]
    child = subprocess.Popen(list(map(str, argv)), stdin=subprocess.DEVNULL)
    try:
        child.wait(timeout=timeout)
    except subprocess.TimeoutExpired:
        print(f"l1: not finished after {timeout} s, switched off", flush=True)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    return results.read_bytes().split(b"\0", 1)[0].decode(errors="replace")


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=pathlib.Path, default=TOP / "build/arm64/bin")
    parser.add_argument("--guest", type=pathlib.Path, default=TOP / "build/guest-arm64")
    parser.add_argument("--unit-tests", type=pathlib.Path, help="directory of googletest programs to run inside too")
    parser.add_argument("--pattern", default="*_test.py", help="which files of tests/l1/inside (default: %(default)s)")
    parser.add_argument("--bench", type=lambda name: f"python3 -B /work/tests/bench/{shlex.quote(name)} >/dev/vdb",
                        metavar="FILE", help="instead of tests, run this file of tests/bench and print what it prints")
    parser.add_argument("--work", type=pathlib.Path, default=TOP / "build/l1", help="disks and console.log")
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("/var/cache/kata-cc"))
    parser.add_argument("--timeout", type=int, default=3600, help="seconds")
    return parser.parse_args(argv)


def start(args):
    """Builds the machine and runs it. Returns what it wrote: lines of results, or what the benchmark printed."""
    args.work.mkdir(parents=True, exist_ok=True)
    archive = Archive(args.cache, "arm64")
    _, files = kernel_package.fetch(archive, "linux-image-cloud-arm64")
    root = unpacked_root(args.cache)
    make_initramfs(args.work / "initramfs", root, files)
    make_disk(args.work / "root", root, files, args)
    started = time.monotonic()
    text = boot(args.work, kernel_package.find_kernel(files), args.timeout)
    print(f"l1: off after {time.monotonic() - started:.0f} s; console in {args.work}/console.log", flush=True)
    return text


def run(args):
    """Builds the machine and runs the tests in it. Returns a list of {id, outcome, seconds, text}."""
    return [json.loads(line) for line in start(args).splitlines()]


def show(result):
    """One line per result; why, if it did not pass."""
    why = "" if result["outcome"] in ("passed", "end") else f"\n{result['text']}"
    print(f"{result['outcome']:8s} {result['seconds']:7.1f} s  {result['id']}{why}", flush=True)


def main():
    args = arguments()
    if args.bench:
        print(start(args), end="")
        return
    for result in run(args):
        show(result)


if __name__ == "__main__":
    main()
