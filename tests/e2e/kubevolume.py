# SPDX-License-Identifier: Apache-2.0
"""A configMap or secret on the node, written as kubelet writes it."""

import os
import shutil


def set_version(volume, number, files):
    """A new version of the volume, in the order of kubelet's atomic writer: whole, then shown by one rename."""
    volume.mkdir(exist_ok=True)
    data = volume / "..data"
    old = os.readlink(data) if data.is_symlink() else None
    new = volume / f"..2026_01_01_00_00_{number:02}.{number}"
    new.mkdir()
    for name, content in files.items():
        (new / name).write_text(content)
    (volume / "..data_tmp").symlink_to(new.name)
    (volume / "..data_tmp").rename(data)
    for name in files:
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"..data/{name}")
    for link in volume.iterdir():
        if link.is_symlink() and not link.exists():
            link.unlink()
    if old:
        shutil.rmtree(volume / old)
