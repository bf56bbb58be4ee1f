# SPDX-License-Identifier: Apache-2.0
"""Small guests: an initramfs of busybox, a script as /init, kernel modules and programs of this machine."""

import json
import lzma
import pathlib
import subprocess
import tempfile

from stack import GUEST

LOADER = "/lib/ld-linux-aarch64.so.1"
# Cross-compiled by the harness, static.
GUEST_PROGRAMS = pathlib.Path("/work/guest-programs")
# Beginning of a script that uses busybox, and loads the modules.
SETUP = """#!/bin/busybox sh
/bin/busybox --install -s /bin; export PATH=/bin:/sbin:/usr/sbin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
i=0; while [ -e /modules/$i ]; do insmod /modules/$i || echo "no module $i"; i=$((i + 1)); done
"""


def modules(*drivers):
    """Contents of the modules of the guest's kernel with what they need, in order; built-in ones are left out."""
    release = json.loads((GUEST / "manifest.json").read_text())["kernel"]["release"]
    paths = []
    for driver in drivers:
        out = subprocess.run(["modprobe", "-S", release, "--show-depends", driver], capture_output=True, text=True,
                             check=True).stdout
        paths += [line.split()[1] for line in out.splitlines() if line.startswith("insmod")]
    return [lzma.decompress(data) if path.endswith(".xz") else data
            for path in dict.fromkeys(paths) for data in [pathlib.Path(path).read_bytes()]]


def with_libraries(program):
    """The program's path and those of its libraries and loader."""
    out = subprocess.run([LOADER, "--list", program], capture_output=True, text=True, check=True).stdout
    libraries = [word for line in out.splitlines() for word in line.split() if word.startswith("/")]
    return list(dict.fromkeys([str(program), LOADER, *libraries]))


def make_initramfs(path, init, load=(), files=()):
    """`load` are contents of modules, /modules/0, /modules/1 and so on there; `files` are paths of files here, the same there."""
    with tempfile.TemporaryDirectory() as scratch:
        base = pathlib.Path(scratch)
        for name in ("bin", "dev", "proc", "sys", "run", "modules"):
            (base / name).mkdir()
        for file in ("/bin/busybox", *files):
            target = base / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(pathlib.Path(file).read_bytes())
            target.chmod(0o755)
        for number, module in enumerate(load):
            (base / f"modules/{number}").write_bytes(module)
        (base / "init").write_text(init)
        (base / "init").chmod(0o755)
        names = "\n".join(sorted(str(p.relative_to(base)) for p in base.rglob("*")))
        path.write_bytes(subprocess.run(["/bin/busybox", "cpio", "-o", "-H", "newc"], input=names.encode(), cwd=base,
                                        capture_output=True, check=True).stdout)
