# SPDX-License-Identifier: Apache-2.0
"""A private Kubernetes node without a kubelet: containerd with its CRI plugin, pod network, DNS and registry.

All of it runs in a network and a mount namespace of its own: bridges, port mappings and resolver settings never
appear on the host, and a local registry answers under the names of public ones. `kata-cc` and `runc` are the
runtime handlers. Pods are driven with crictl (tests/conformance/build makes it).
"""

import json
import os
import pathlib
import subprocess

from stack import RUNTIME, TOP, Failure, Stack, eventually, processes, read

TOOLS = pathlib.Path(os.environ.get("CC_CRI_TOOLS", TOP / "build/conformance"))
HANDLER = "kata-cc"

# The registry and the DNS server of the private network. Nothing outside of it is reachable.
SERVER = "10.10.10.10"
REGISTRIES = ("registry.k8s.io", "k8s.gcr.io", "gcr.io")
PAUSE = "registry.k8s.io/pause:3.6"

# What a kubelet asks for unless the pod says shareProcessNamespace.
OWN_PIDS = {"security_context": {"namespace_options": {"pid": 1}}}

CONTAINERD_CONFIG = """version = 2
root = "{dir}/root"
state = "{dir}/state"
[grpc]
address = "{dir}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "{dir}/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "%s"
disable_apparmor = true
restrict_oom_score_adj = true
tolerate_missing_hugetlb_controller = true
disable_hugetlb_controller = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{dir}/cni"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{dir}/certs.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-cc]
runtime_type = "%s"
pod_annotations = ["io.katacontainers.*"]
privileged_without_host_devices = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-cc.options]
TypeUrl = "runtimeoptions.v1.Options"
ConfigPath = "{dir}/config.toml"
""" % (PAUSE, RUNTIME)

NETWORK = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "plugins": [
        {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True,
         "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}

# Runs in the new namespaces; only then are they what the children below share.
SETUP = """set -e
ip link set lo up
ip addr add {server}/32 dev lo
mount --bind {dir}/hosts /etc/hosts
mount --bind {dir}/resolv.conf /etc/resolv.conf
mkdir -p /run/netns /var/lib/cni
mount -t tmpfs netns /run/netns
mount -t tmpfs cni /var/lib/cni
touch {dir}/namespaces
exec sleep infinity
"""


class CriNode(Stack):
    """with CriNode() as node: node.push("registry.k8s.io/a:1", image); pod = node.run_pod("a", ...)"""

    containerd_config = CONTAINERD_CONFIG
    namespace = "k8s.io"
    registry_address = "0.0.0.0"

    def __init__(self, more_plain_http=REGISTRIES, **kwargs):
        if not (TOOLS / "crictl").exists():
            raise Failure(f"{TOOLS}/crictl is not there; tests/conformance/build makes it")
        super().__init__(more_plain_http=more_plain_http, **kwargs)

    # -- services -------------------------------------------------------------------------------------------

    def choose_registry_port(self):
        return 80  # of the private network

    def prepare(self):
        (self.dir / "hosts").write_text(
            "127.0.0.1 localhost\n" + "".join(f"{SERVER} {name}\n" for name in REGISTRIES))
        (self.dir / "resolv.conf").write_text(f"nameserver {SERVER}\n")
        (self.dir / "cni").mkdir()
        (self.dir / "cni/10-pods.conflist").write_text(json.dumps(NETWORK))
        for name in REGISTRIES:
            (self.dir / "certs.d" / name).mkdir(parents=True)
            (self.dir / "certs.d" / name / "hosts.toml").write_text(
                f'server = "http://{name}"\n[host."http://{name}"]\ncapabilities = ["pull", "resolve"]\n')
        holder = self.spawn("namespaces", ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c",
                                           SETUP.format(dir=self.dir, server=SERVER)])
        self.await_service("namespaces", holder, (self.dir / "namespaces").exists)
        self.mountinfo = f"/proc/{holder.pid}/mountinfo"
        self.inside = ["nsenter", "--target", str(holder.pid), "--mount", "--net", "--"]
        names = [f"--address=/{name}/{SERVER}" for name in REGISTRIES]
        dns = self.spawn("dnsmasq", ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=",
                                     "--pid-file=", "--user=root", f"--listen-address={SERVER}", "--bind-dynamic",
                                     *names])
        self.wait_for_port("dnsmasq", dns, 53, SERVER)

    def wait_for_port(self, name, child, port, address="127.0.0.1"):
        probe = [*self.inside, "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}"]
        self.await_service(name, child, lambda: subprocess.run(probe, capture_output=True, check=False).returncode == 0)

    def start_containerd(self):
        super().start_containerd()
        self.await_service("containerd", self.containerd, lambda: self.crictl("version", check=False).returncode == 0)

    def close(self):
        if self.containerd is not None and self.containerd.poll() is None:
            self.remove_pods()
        super().close()

    # -- images ---------------------------------------------------------------------------------------------

    def push(self, name, image):
        """Serves an ocilayout.Image under a public name such as registry.k8s.io/a:1."""
        self.upload(name.split("/", 1)[1], image)
        return name

    # -- crictl ---------------------------------------------------------------------------------------------

    @property
    def endpoint(self):
        return f"unix://{self.dir}/containerd.sock"

    def crictl_argv(self, *args):
        return [*self.inside, str(TOOLS / "crictl"), "--runtime-endpoint", self.endpoint, "--image-endpoint",
                self.endpoint, "--timeout", "120s", *map(str, args)]

    def crictl(self, *args, check=True, timeout=180, **kwargs):
        kwargs = {"stdin": subprocess.DEVNULL} | kwargs if "input" not in kwargs else kwargs
        result = subprocess.run(self.crictl_argv(*args), capture_output=True, text=True, errors="replace",
                                timeout=timeout, check=False, **kwargs)
        if check and result.returncode != 0:
            raise Failure(f"crictl {' '.join(map(str, args))} ended with {result.returncode}: {result.stderr.strip()}")
        return result

    def inspect(self, command, object_id):
        """inspect (container) or inspectp (pod) as a dictionary."""
        return json.loads(self.crictl(command, "-o", "json", object_id).stdout)

    def run_pod(self, name, handler=HANDLER, **config):
        """RunPodSandbox; `config` is merged into a PodSandboxConfig. Returns a Pod."""
        logs = self.dir / "logs" / name
        logs.mkdir(parents=True, exist_ok=True)
        config = {"metadata": {"name": name, "namespace": "test", "uid": name, "attempt": 1},
                  "log_directory": str(logs), "linux": OWN_PIDS} | config
        path = self.dir / f"pod-{name}.json"
        path.write_text(json.dumps(config))
        pod_id = self.crictl("runp", "--runtime", handler, path).stdout.strip()
        return Pod(self, pod_id, path, logs)

    def vms(self):
        """Pids of this node's virtual machines: other nodes may run beside it."""
        shims = set(self.shims())
        fields = {pid: read(f"/proc/{pid}/stat").rpartition(b")")[2].split() for pid in processes("qemu-system")}
        return [pid for pid, stat in fields.items() if len(stat) > 1 and int(stat[1]) in shims]

    def remove_pods(self):
        self.crictl("rmp", "--all", "--force", check=False)


class Pod:
    """A running sandbox and what is asked of it."""

    def __init__(self, node, pod_id, config, logs):
        self.node, self.id, self.config, self.logs = node, pod_id, config, logs

    def create(self, name, image, *command, **config):
        """CreateContainer; returns the container's id. Keys of ContainerConfig by name."""
        config = {"metadata": {"name": name, "attempt": config.pop("attempt", 0)}, "image": {"image": image},
                  "log_path": f"{name}.log", "linux": OWN_PIDS} | ({"command": list(command)} if command else {}) | config
        path = self.node.dir / f"container-{name}.json"
        path.write_text(json.dumps(config))
        return self.node.crictl("create", "--with-pull", self.id, path, self.config).stdout.strip()

    def start(self, name, image, *command, **config):
        container = self.create(name, image, *command, **config)
        self.node.crictl("start", container)
        return container

    def log(self, name):
        """[(stream, line)] of a container's log file."""
        lines = (self.logs / f"{name}.log").read_text().splitlines()
        return [(line.split(" ", 3)[1], line.split(" ", 3)[3]) for line in lines]

    def status(self, container):
        return self.node.inspect("inspect", container)["status"]

    def await_state(self, container, wanted):
        """The status, once its state is `wanted`."""
        def reached():
            status = self.status(container)
            return status if status["state"] == wanted else None
        return eventually(reached, lambda: f"container {container} is {self.status(container)['state']}, not {wanted}")

    def ip(self):
        return self.node.inspect("inspectp", self.id)["status"]["network"]["ip"]

    def stop(self):
        self.node.crictl("stopp", self.id)

    def remove(self):
        self.node.crictl("rmp", "--force", self.id)
