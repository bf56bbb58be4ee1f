# SPDX-License-Identifier: Apache-2.0
"""./dev bench: how fast files of the host are copied into a guest. Nothing is asserted."""

import os
import pathlib
import platform
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import ocilayout  # noqa: E402
from stack import Stack  # noqa: E402

RUNS = 3


def copied(stack, image, name, directory):
    """Bytes and milliseconds of the copy, as the shim logs them, of a container that mounts the directory."""
    seen = len(stack.log())
    stack.run(image, name, "/bin/true",
              options=("--rm", "--mount", f"type=bind,src={directory},dst=/data,options=rbind:ro"))
    found = re.findall(r"files copied.*?bytes=(\d+).*?took=(\d+)", stack.log()[seen:])
    return int(found[-1][0]), int(found[-1][1])


def main():
    print(f"copy into a guest: {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
          "guest of 1 vCPU and 512 MiB, accel=auto, CopyFile over virtio-vsock")
    with Stack(image="[volumes]\ncopy_limit_mib = 256") as stack:
        image = stack.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))
        for files, size in ((1, 16 << 20), (1, 64 << 20), (64, 1 << 20), (4096, 16 << 10)):
            directory = pathlib.Path(tempfile.mkdtemp(dir=stack.dir))
            for i in range(files):
                (directory / f"f{i}").write_bytes(os.urandom(size))
            rates = []
            for run in range(RUNS):
                copied_bytes, ms = copied(stack, image, f"copy{files}-{size}-{run}", directory)
                assert copied_bytes == files * size, copied_bytes
                rates.append(copied_bytes / 1e6 / (max(ms, 1) / 1e3))
            rates.sort()
            what = f"{files} file{'s' if files > 1 else ''} of {size >> 10} KiB ({files * size >> 20} MiB)"
            print(f"{what:52s} {rates[RUNS // 2]:10.2f} MB/s   (n={RUNS}, min {rates[0]:.2f}, max {rates[-1]:.2f})",
                  flush=True)


if __name__ == "__main__":
    main()
