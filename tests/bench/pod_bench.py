# SPDX-License-Identifier: Apache-2.0
"""./dev bench: figures of a whole pod, each printed with its unit and conditions. Nothing is asserted."""

import base64
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import ocilayout  # noqa: E402
from stack import BINARIES, GUEST, RUNTIME, Stack, free_port, read  # noqa: E402
from trust import SAMPLE_REFERENCE_VALUES, Trustee, attestation_config  # noqa: E402


def report(name, values, unit, note=""):
    values = sorted(values)
    middle = statistics.median(values)
    print(f"{name:52s} {middle:10.2f} {unit:6s} (n={len(values)}, min {values[0]:.2f}, max {values[-1]:.2f}){note}",
          flush=True)
    return middle


def timed(action):
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


def start_to_address(stack):
    """The shim's `start` command: until its answer is printed."""
    values = []
    for i in range(20):
        bundle = pathlib.Path(tempfile.mkdtemp(dir=stack.dir))
        (bundle / "config.json").write_text(json.dumps({"ociVersion": "1.0.2", "annotations": {}}))
        base = [BINARIES / "containerd-shim-cc-v2", "-namespace", "bench", "-address",
                stack.dir / "containerd.sock", "-publish-binary", "containerd", "-id", f"start{i}"]
        env = os.environ | {"TTRPC_ADDRESS": "", "KATA_CC_CONFIG": str(stack.dir / "config.toml")}
        seconds, result = timed(lambda: subprocess.run([*base, "start"], cwd=bundle, env=env, check=True,
                                                       stdin=subprocess.DEVNULL, capture_output=True))
        values.append(seconds * 1000)
        pid = int((bundle / "shim.pid").read_text())
        rss = resident(pid)
        os.kill(pid, 9)
        subprocess.run([*base, "-bundle", bundle, "delete"], cwd=bundle, env=env, stdin=subprocess.DEVNULL,
                       capture_output=True, check=False)
        del result
    report("shim: `start` to address line", values, "ms")
    print(f"{'shim: RSS after `start`, no VM':52s} {rss:10.2f} MB")


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def without_sockets(argv):
    """QEMU's command line without the devices that need a descriptor of the shim."""
    kept, skip = [], False
    for flag, value in zip(argv, argv[1:] + [""]):
        if skip:
            skip = False
            continue
        shims = any(word in value for word in ("fd=", "qmp", "vsock", "netdev="))
        if flag in ("-chardev", "-mon", "-device", "-netdev") and shims:
            skip = True
            continue
        kept.append(flag)
    return kept


def boot_bare(argv, runs=5):
    """Milliseconds until a bare init prints its line, on the very machine that a pod gets."""
    values = []
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        subprocess.run(["gcc", "-O2", "-static", "-o", root / "init", pathlib.Path(__file__).with_name("bare_init.c")],
                       check=True)
        archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b"init", cwd=root,
                                 capture_output=True, check=True).stdout
        (root / "bare.cpio").write_bytes(archive)
        argv = without_sockets(argv)
        argv[argv.index("-initrd") + 1] = str(root / "bare.cpio")
        for _ in range(runs):
            started = time.perf_counter()
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for line in child.stdout:
                if b"bare-init-ready" in line:
                    values.append((time.perf_counter() - started) * 1000)
            child.wait()
    return values


def agent_ready(stack):
    """Milliseconds from the start of each VM process to the agent's answer, from the shim's log."""
    log = (stack.dir / "containerd.log").read_text(errors="replace")
    return [int(ms) for ms in re.findall(r"agent ready.*?ms=(\d+)", log)]


def main():
    print(f"# {platform.machine()}, {os.cpu_count()} cores, kernel {platform.release()}, guest under the accelerator "
          f"that accel=auto chose, guest image {(GUEST / 'initramfs.cpio').stat().st_size / 1e6:.1f} MB")
    with Stack() as stack:
        start_to_address(stack)
        image = stack.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))
        whole = [timed(lambda: stack.run(image, f"run{i}", "/bin/true"))[0] * 1000 for i in range(5)]
        report("ctr run --rm busybox true, whole", whole, "ms")
        stack.run(image, "idle", "/bin/sleep", "1000", options=("-d", "--null-io"))
        time.sleep(3)
        print(f"{'shim: RSS with one idle container':52s} {resident(stack.shims()[0]):10.2f} MB")
        execs = [timed(lambda: stack.ctr("tasks", "exec", "--exec-id", f"e{i}", "idle", "/bin/true"))[0] * 1000
                 for i in range(20)]
        report("ctr tasks exec true in a running container", execs, "ms")
        argv = [a.decode() for a in read(f"/proc/{stack.vms()[0]}/cmdline").split(b"\0")[:-1]]
        stack.remove("idle")
        ready = report("VM process start to agent ready", agent_ready(stack), "ms")
        bare = report("VM process start to a bare init on the same machine", boot_bare(argv), "ms")
        print(f"{'agent ready against bare init':52s} {ready / bare:10.2f} x")
        stdout_throughput(stack, image)
    encrypted_images()


def stdout_throughput(stack, image, size=1 << 30):
    argv = stack.argv("run", "--rm", "--runtime", RUNTIME, image, "big", "/bin/dd", "if=/dev/zero", "bs=1M",
                      f"count={size >> 20}")
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    total, started = 0, None
    while data := child.stdout.read1(1 << 20):
        started = started or time.perf_counter()
        total += len(data)
    seconds = time.perf_counter() - started
    child.wait()
    lost = size - total
    print(f"{'1 GiB of stdout through ctr':52s} {total / seconds / 1e6:10.2f} MB/s   ({lost} bytes lost)")


def compare(stack, what, pair, runs):
    """Runs a plain image and its encrypted twin in turns. Returns the medians of their pulls in the guest, in ms."""
    whole = {kind: [] for kind in pair}
    for i in range(runs):
        for kind, reference in pair.items():
            name = f"{kind}{i}-{reference.rsplit('/', 1)[1].replace(':', '-')}"
            whole[kind].append(timed(lambda: stack.run(reference, name, "/bin/true", timeout=300))[0] * 1000)
    for kind, values in whole.items():
        report(f"ctr run --rm, {what}, {kind}", values, "ms")
    return {kind: report(f"pull in the guest, {what}, {kind}", pulled(stack, reference), "ms")
            for kind, reference in pair.items()}


def pulled(stack, reference):
    """Milliseconds of each pull of an image, from the guest's log; attestation is part of them."""
    log = (stack.dir / "containerd.log").read_text(errors="replace")
    return [int(ms) for ms in re.findall(rf"image pulled\b.*?{re.escape(reference)}\b.*?\bms=(\d+)", log)]


def encrypted_images(megabytes=60):
    """What attestation adds to a pod's start, and decryption to a pull. The evidence is the sample attester's."""
    port = free_port()
    # At "debug" the guest's console is in the log, and so are the times of its pulls.
    with Stack(attestation=attestation_config(port) + '[log]\nlevel = "debug"\n') as stack:
        trustee = Trustee(stack, port)
        trustee.endorse(SAMPLE_REFERENCE_VALUES)
        key = stack.dir / "bench.key"

        def push_pair(name, layers):
            """An image, and its twin that the owner's tool encrypted."""
            image = ocilayout.Image(layers)
            plain, twin = stack.push(f"{name}:plain", image), f"{stack.registry}/{name}:encrypted"
            trustee.ccctl("image", "encrypt", f"docker://{plain}", f"docker://{twin}", "--key",
                          "kbs:///default/key/bench", "--key-file", key, "--plain-http", stack.registry)
            trustee.ccctl("trustee", "resource", "put", "default/key/bench", key)
            stack.announce(twin, image.diff_ids())
            return {"plain": plain, "encrypted": twin}

        small = compare(stack, "small image", push_pair("small", [ocilayout.busybox_layer()]), runs=5)
        added = small["encrypted"] - small["plain"]
        print(f"{'attestation and key add to a pod start':52s} {added:10.2f} ms     (1 MB to decrypt included)")
        # Text of random bytes: gzip makes it as long as the bytes were.
        archive = ocilayout.tar({f"data/{i}": base64.b64encode(os.urandom(1_000_000)) for i in range(megabytes)})
        layers = [ocilayout.busybox_layer(), archive]
        big = compare(stack, f"{megabytes} MB gzip layer", push_pair("big", layers), runs=3)
        print(f"{'pull, encrypted against plain':52s} {big['encrypted'] / big['plain']:10.2f} x"
              "     (attestation included)")


if __name__ == "__main__":
    main()
