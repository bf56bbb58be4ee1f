# SPDX-License-Identifier: Apache-2.0
"""A private containerd and image registry for the demo, the tests and the benchmarks.

Everything lives in one temporary directory and listens on loopback or on sockets there. Only processes that
this module started are ended, by pid.
"""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import ocilayout

TOP = pathlib.Path(__file__).resolve().parents[2]
# Another build than the release one may be tried.
BINARIES = pathlib.Path(os.environ.get("CC_BINARIES", TOP / "build/release/bin"))
GUEST = pathlib.Path(os.environ.get("CC_GUEST", TOP / "build/guest"))
RUNTIME = "io.containerd.cc.v2"

CONTAINERD_CONFIG = """version = 2
root = "{dir}/root"
state = "{dir}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{dir}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "{dir}/opt"
"""

REGISTRY_CONFIG = """version: 0.1
storage: {{filesystem: {{rootdirectory: {dir}/registry}}, delete: {{enabled: true}}}}
http: {{addr: "{address}:{port}"}}
log: {{level: error}}
"""

RUNTIME_CONFIG = """# Written by tests/e2e/stack.py.
state_dir = "{dir}/kata-cc"
[vmm]
kernel = "{guest}/vmlinuz"
initramfs = "{guest}/initramfs.cpio"
{vmm}
[image]
insecure_plain_http = [{plain_http}]
{image}
{attestation}"""


class Failure(Exception):
    """Something the stack needs did not come up; the text says what to look at."""


def free_port():
    """Outside of the range from which the kernel takes ports for outgoing connections: nobody gets it by chance."""
    first_ephemeral = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, max(first_ephemeral, 10_001))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def eventually(condition, what="the condition holds", seconds=120):
    """Waits for `condition` and returns its first true value. The time limit is for a machine under heavy load: no
    test says how fast something is. `what` is a text, or makes one when the time is over."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)
    return value


def read(path):
    """A file of /proc; empty when its process has ended."""
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def processes(program):
    """Pids whose command line starts with a path or name that contains `program`."""
    pids = [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if program.encode() in read(f"/proc/{pid}/cmdline").split(b"\0")[0]]


class Stack:
    """with Stack() as stack: stack.push("busybox", image); stack.ctr("run", ...)"""

    containerd_config = CONTAINERD_CONFIG
    namespace = "default"  # containerd's
    registry_address = "127.0.0.1"
    mountinfo = "/proc/self/mountinfo"

    def __init__(self, vmm="", image="", more_plain_http=(), env=None, attestation="", guest=GUEST):
        # A short path: unix sockets are named below it.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kcc", dir="/tmp"))
        # A name of its own, by which this stack's virtual machines are told from those of others.
        self.guest = self.dir / "guest"
        self.guest.symlink_to(guest)
        self.registry_port = self.choose_registry_port()
        self.registry = f"127.0.0.1:{self.registry_port}"
        self.children = []
        self.inside = []  # prefix of commands that run beside containerd, where that has namespaces of its own
        self.containerd = None
        self.env = dict(env or {})
        if "boot_timeout_s" not in vmm:
            vmm += "\nboot_timeout_s = 300"  # a machine under load
        (self.dir / "config.toml").write_text(RUNTIME_CONFIG.format(
            dir=self.dir, guest=self.guest, vmm=vmm, image=image, attestation=attestation,
            plain_http=", ".join(f'"{host}"' for host in [self.registry, *more_plain_http])))
        try:
            self.prepare()
            self.start_registry()
            self.start_containerd()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- services -------------------------------------------------------------------------------------------

    def choose_registry_port(self):
        return free_port()

    def prepare(self):
        """Called before the first service starts."""

    def spawn(self, name, argv, **kwargs):
        log = open(self.dir / f"{name}.log", "ab")
        child = subprocess.Popen([*self.inside, *argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True, **kwargs)
        log.close()
        self.children.append(child)
        return child

    def wait_for_port(self, name, child, port):
        self.await_service(name, child, lambda: self._connects(("127.0.0.1", port)))

    def start_registry(self):
        config = self.dir / "registry.yml"
        config.write_text(REGISTRY_CONFIG.format(dir=self.dir, address=self.registry_address,
                                                  port=self.registry_port))
        self.registry_service = self.spawn("registry", ["docker-registry", "serve", str(config)])
        self.wait_for_port("registry", self.registry_service, self.registry_port)

    def stop_registry(self):
        self._kill(self.registry_service)

    def _kill(self, child):
        child.kill()
        child.wait()
        self.children.remove(child)

    def start_containerd(self):
        config = self.dir / "containerd.toml"
        config.write_text(self.containerd_config.format(dir=self.dir, port=self.registry_port))
        env = os.environ | {"PATH": f"{BINARIES}:{os.environ['PATH']}",
                            "KATA_CC_CONFIG": str(self.dir / "config.toml")} | self.env
        self.containerd = self.spawn("containerd", ["containerd", "-c", str(config)], env=env)
        self.await_service("containerd", self.containerd, lambda: self.ctr("version", check=False).returncode == 0)

    @contextlib.contextmanager
    def settings(self, old, new):
        """Meanwhile the runtime's configuration has `new` in place of `old`."""
        path = self.dir / "config.toml"
        before = path.read_text()
        if old not in before:
            raise Failure(f"{path} has no {old!r}")
        path.write_text(before.replace(old, new))
        try:
            yield
        finally:
            path.write_text(before)

    def _connects(self, address):
        try:
            socket.create_connection(address, timeout=1).close()
            return True
        except OSError:
            return False

    def await_service(self, name, child, ready):
        try:
            eventually(lambda: child.poll() is not None or ready())
        except Failure:
            pass
        else:
            if child.poll() is None:
                return
        log = (self.dir / f"{name}.log").read_text(errors="replace")[-2000:]
        raise Failure(f"{name} did not start; its log ends with:\n{log}")

    def kill_containerd(self):
        """As a crash would: no chance to clean up."""
        self._kill(self.containerd)

    def log(self):
        """What containerd and the shims wrote."""
        return (self.dir / "containerd.log").read_text(errors="replace")

    def close(self):
        """Removes containers, ends what was started and deletes the directory."""
        if self.containerd is not None and self.containerd.poll() is None:
            for name in self.containers():
                self.remove(name)
        for child in reversed(self.children):
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(timeout=60)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.children = []
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- images ---------------------------------------------------------------------------------------------

    def push(self, name, image, runs=None):
        """Pushes an ocilayout.Image and tells containerd of it, without unpacking a layer. Returns its reference.

        Of an ocilayout.Index `runs` is the image that will be run.
        """
        reference = self.upload(name, image)
        runs = runs or image
        self.announce(reference, runs.diff_ids(), f"linux/{runs.architecture}")
        return reference

    def upload(self, name, image):
        """Pushes an ocilayout.Image to the registry only. Returns its reference."""
        reference = f"{self.registry}/{name}"
        layout = self.dir / "layout"
        shutil.rmtree(layout, ignore_errors=True)
        image.write(layout)
        subprocess.run([*self.inside, "skopeo", "--insecure-policy", "copy", "-q", "--all", "--dest-tls-verify=false",
                        f"oci:{layout}", f"docker://{reference}"], check=True)
        return reference

    def blob_path(self, digest):
        """Where the registry keeps a blob, for tests that damage it."""
        value = digest.removeprefix("sha256:")
        return self.dir / "registry/docker/registry/v2/blobs/sha256" / value[:2] / value / "data"

    def announce(self, reference, diff_ids, platform=f"linux/{ocilayout.ARCHITECTURE}"):
        """Gives containerd the image's name, manifest and config, and an empty snapshot in place of its layers.

        `ctr run` wants a snapshot of the image's chain id to exist; the guest unpacks its own copy.
        """
        self.ctr("content", "fetch", "--plain-http", "--metadata-only", "--platform", platform, reference)
        chain = diff_ids[0]
        parent = ""
        for i, diff_id in enumerate(diff_ids):
            if i > 0:
                chain = ocilayout.sha256(f"{chain} {diff_id}".encode())
            if self.ctr("snapshots", "info", chain, check=False).returncode != 0:
                key = f"announce-{chain[-12:]}"
                self.ctr("snapshots", "prepare", key, *([parent] if parent else []))
                self.ctr("snapshots", "commit", chain, key)
            parent = chain

    # -- ctr ------------------------------------------------------------------------------------------------

    def argv(self, *args):
        return ["ctr", "-a", str(self.dir / "containerd.sock"), "-n", self.namespace, *map(str, args)]

    def ctr(self, *args, check=True, timeout=300, **kwargs):
        kwargs = {"stdin": subprocess.DEVNULL} | kwargs if "input" not in kwargs else kwargs
        result = subprocess.run(self.argv(*args), capture_output=True, timeout=timeout, check=False, **kwargs)
        result.stdout, result.stderr = result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")
        if check and result.returncode != 0:
            raise Failure(f"ctr {' '.join(map(str, args))} ended with {result.returncode}: {result.stderr.strip()}")
        return result

    def run(self, reference, name, *command, options=("--rm",), **kwargs):
        """ctr run with our runtime."""
        return self.ctr("run", "--runtime", RUNTIME, *options, reference, name, *command, **kwargs)

    def containers(self):
        return self.ctr("containers", "ls", "-q", check=False).stdout.split()

    def remove(self, name):
        self.ctr("tasks", "delete", "--force", name, check=False)
        self.ctr("containers", "delete", name, check=False)

    # -- what is on the host --------------------------------------------------------------------------------

    def shims(self):
        """Pids of the shim daemons of this stack: their environment names its configuration."""
        marker = str(self.dir).encode()
        return [pid for pid in processes("containerd-shim-cc-v2") if marker in read(f"/proc/{pid}/environ")]

    def vms(self):
        """Pids of the virtual machines of this stack, also of those whose shim is gone."""
        qemu = [pid for pid in processes("qemu-system") if str(self.guest).encode() in read(f"/proc/{pid}/cmdline")]
        return qemu + [pid for pid in processes("cc-vmm")
                       # Its jail has one directory of the host, which is named here.
                       if self.dir.name.encode() in read(f"/proc/{pid}/mountinfo")]

    def await_clean(self):
        """A pod's last processes and files go a moment after containerd's answer: waits for it. Failure when some stay."""
        eventually(lambda: not any(self.leftovers().values()),
                   lambda: f"left behind: { {k: v for k, v in self.leftovers().items() if v} }")

    def leftovers(self):
        """What a finished pod must not leave: processes, mounts, state and bundles of this stack."""
        points = [line.split()[4] for line in pathlib.Path(self.mountinfo).read_text().splitlines()]
        mounts = [point for point in points if point.startswith(str(self.dir))]
        state = self.dir / "kata-cc"
        bundles = self.dir / "state/io.containerd.runtime.v2.task" / self.namespace
        return {
            "shims": self.shims(),
            "vms": self.vms(),
            "mounts": mounts,
            "state": sorted(p.name for p in state.iterdir()) if state.exists() else [],
            "bundles": sorted(p.name for p in bundles.iterdir()) if bundles.exists() else [],
        }
