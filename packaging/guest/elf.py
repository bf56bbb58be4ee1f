# SPDX-License-Identifier: Apache-2.0
"""Which shared objects a program of any architecture needs, read from the files. Nothing is run."""

import re
import subprocess
import sys


def readelf(option, path):
    return subprocess.run(["readelf", "-W", option, path], capture_output=True, text=True, check=True).stdout


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(\S+)\]", readelf("--dynamic", path))


def closure(programs, root, triplet, without=()):
    """Shared objects that the programs need, the loader included: {path in the guest: file below `root`}.

    Those named in `without`, and what only they need, are left out.
    """
    directories = [f"lib/{triplet}", f"usr/lib/{triplet}", "lib", "usr/lib"]  # the loader's default order
    loaders = {path for program in programs
               for path in re.findall(r"program interpreter: /(\S+?)\]", readelf("--program-headers", program))}
    found = {path: root / path for path in loaders}
    queue = list(programs)
    while queue:
        user = queue.pop()
        for name in needed(user):
            if name in without or any(path.endswith(f"/{name}") for path in found):
                continue
            place = next((f"{d}/{name}" for d in directories if (root / d / name).exists()), None)
            if place is None:
                sys.exit(f"guest build: {user} needs {name}, which is not in {root}")
            found[place] = root / place
            queue.append(found[place])
    return found
