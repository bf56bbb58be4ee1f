# SPDX-License-Identifier: Apache-2.0
"""A libsystemd for a guest that has no systemd: each function says so.

Debian's crun is linked against libsystemd, for hosts where systemd makes the control groups. The real library brings
libgcrypt, liblzma and liblz4 with it: 2.7 MB of a guest's measured memory that can only ever find no bus to talk to.
"""

import pathlib
import re
import tempfile

import elf
from debian import run

NAME = "libsystemd.so.0"
VERSION = re.compile(r"\b(\w+)@(LIBSYSTEMD_\d+)\b")


def build(users, triplet, target):
    """Makes the library with what `users` take from it, under the same symbol versions; writes it to `target`."""
    wanted = sorted({(version, name) for user in users
                     for name, version in VERSION.findall(elf.readelf("--dyn-syms", user))})
    versions = sorted({version for version, _ in wanted})
    script = "".join(f"{v} {{ global: {' '.join(n + ';' for w, n in wanted if w == v)} }};\n" for v in versions)
    code = "#include <errno.h>\n" + "".join(f"long {n}(void) {{ return -ENOSYS; }}\n" for _, n in wanted)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source, map_file = pathlib.Path(scratch, "no_systemd.c"), pathlib.Path(scratch, "versions.map")
        source.write_text(code)
        map_file.write_text(script)
        run(f"{triplet}-gcc", "-shared", "-fPIC", "-Os", "-nostdlib", "-s", f"-Wl,-soname,{NAME}",
            f"-Wl,--version-script,{map_file}", "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-o", str(target),
            str(source))
    target.chmod(0o755)
