# SPDX-License-Identifier: Apache-2.0
"""Kernel image and modules from Debian's kernel packages, of one deb or of several."""

import lzma
import pathlib
import subprocess
import sys

from debian import run


def fetch(archive, meta):
    """Unpacks the kernel that a meta package stands for today; returns (package_version, directory)."""
    packages = [p for p in archive.depends(meta) if p.startswith("linux-image-")]
    if not packages:
        sys.exit(f"guest build: {meta} depends on no kernel image")
    # Newer kernels keep the image, the modules and the lists of them in packages of their own.
    parts = [p for p in archive.depends(packages[0]) if p.startswith(("linux-binary-", "linux-modules-", "linux-base-"))]
    name = f"{packages[0]}_{archive.version(packages[0])}"
    return name, archive.unpack(name, packages[:1] + parts)


def find_kernel(files):
    images = sorted(files.glob("boot/vmlinuz-*")) + sorted(files.glob("usr/lib/modules/*/vmlinuz"))
    if not images:
        sys.exit(f"guest build: no kernel image in {files}")
    return images[0]


def find_config(files):
    configs = sorted(files.glob("boot/config-*")) + sorted(files.glob("usr/lib/modules/*/config"))
    if not configs:
        sys.exit(f"guest build: no kernel configuration in {files}")
    return configs[0]


def module_tree(files):
    trees = sorted(files.glob("lib/modules/*")) + sorted(files.glob("usr/lib/modules/*"))
    for tree in trees:
        if (tree / "kernel").is_dir():
            return tree
    sys.exit(f"guest build: no modules in {files}")


def ordered_modules(tree, names):
    """Relative paths of the modules and all they need, dependencies first. Built-in ones are left out."""
    if not (tree / "modules.dep").exists():
        run("depmod", "-b", str(tree.parents[2]), tree.name)
    needs = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        path, _, deps = line.partition(":")
        needs[path] = deps.split()
    by_name = {pathlib.Path(p).name.split(".")[0].replace("-", "_"): p for p in needs}
    builtin = {pathlib.Path(p).name.split(".")[0].replace("-", "_")
               for p in (tree / "modules.builtin").read_text().split()}
    order = []
    for name in names:
        if name in builtin:
            continue
        if name not in by_name:
            sys.exit(f"guest build: kernel {tree.name} has no module {name}")
        # modules.dep lists the nearest dependency first; the deepest must be loaded first.
        for path in list(reversed(needs[by_name[name]])) + [by_name[name]]:
            if path not in order:
                order.append(path)
    return order


def read_module(tree, path):
    """File name and content of one module, uncompressed (finit_module takes it as it is)."""
    data, name = (tree / path).read_bytes(), pathlib.Path(path).name
    if name.endswith(".xz"):
        return name[:-3], lzma.decompress(data)
    if name.endswith(".zst"):
        return name[:-4], subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    return name, data
