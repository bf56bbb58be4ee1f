# SPDX-License-Identifier: Apache-2.0
"""A private Kubernetes node without a kubelet: containerd with its CRI plugin, pod network, DNS and registry.

All of it runs in a network and a mount namespace of its own: bridges, port mappings and resolver settings never
appear on the host, and a local registry answers under the names of public ones. `kata-cc` and `runc` are the
runtime handlers.
"""

import contextlib
import json
import pathlib
import subprocess

from crictl import Crictl
from stack import RUNTIME, Stack

# The registry and the DNS server of the private network. Nothing outside of it is reachable.
SERVER = "10.10.10.10"
REGISTRIES = ("registry.k8s.io", "k8s.gcr.io", "gcr.io")
PAUSE = "registry.k8s.io/pause:3.6"

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
bin_dir = "{dir}/cni-bin"
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

CNI_PLUGINS = pathlib.Path("/usr/lib/cni")
NETWORK = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "plugins": [
        {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True,
         "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}

# A plugin that fails one command of CNI and leaves the others to the real one.
FAULTY_PLUGIN = """#!/bin/sh
if [ "$CNI_COMMAND" = {command} ]; then
  echo '{{"cniVersion": "0.4.0", "code": 100, "msg": "{name} fails {command}, as the test wants it"}}'
  exit 1
fi
exec {real} "$@"
"""

# Runs in the new namespaces; only then are they what the children below share.
SETUP = """set -e
ip link set lo up
ip addr add {server}/32 dev lo
mount --bind {dir}/hosts /etc/hosts
mount --bind {dir}/resolv.conf /etc/resolv.conf
mkdir -p /run/netns /var/lib/cni /run/containerd
mount -t tmpfs netns /run/netns
mount -t tmpfs sockets /run/containerd
mount -t tmpfs cni /var/lib/cni
touch {dir}/namespaces
exec sleep infinity
"""


class CriNode(Crictl, Stack):
    """with CriNode() as node: node.push("registry.k8s.io/a:1", image); pod = node.run_pod("a", ...)"""

    containerd_config = CONTAINERD_CONFIG
    namespace = "k8s.io"
    registry_address = "0.0.0.0"

    def __init__(self, more_plain_http=REGISTRIES, **kwargs):
        super().__init__(more_plain_http=more_plain_http, **kwargs)

    # -- services -------------------------------------------------------------------------------------------

    def choose_registry_port(self):
        return 80  # of the private network

    def prepare(self):
        (self.dir / "hosts").write_text(
            "127.0.0.1 localhost\n" + "".join(f"{SERVER} {name}\n" for name in REGISTRIES))
        (self.dir / "resolv.conf").write_text(f"nameserver {SERVER}\n")
        (self.dir / "cni").mkdir()
        (self.dir / "cni-bin").mkdir()
        for plugin in CNI_PLUGINS.iterdir():
            (self.dir / "cni-bin" / plugin.name).symlink_to(plugin)
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
        try:
            if self.containerd is not None and self.containerd.poll() is None:
                self.remove_pods()
        finally:
            super().close()

    @contextlib.contextmanager
    def faulty_plugin(self, name, command):
        """Meanwhile the CNI plugin fails ADD or DEL."""
        plugin = self.dir / "cni-bin" / name
        faulty = plugin.with_name(f"{name}.faulty")
        faulty.write_text(FAULTY_PLUGIN.format(name=name, command=command, real=CNI_PLUGINS / name))
        faulty.chmod(0o755)
        faulty.rename(plugin)
        try:
            yield
        finally:
            plugin.unlink()
            plugin.symlink_to(CNI_PLUGINS / name)

    # -- images ---------------------------------------------------------------------------------------------

    def push(self, name, image):
        """Serves an ocilayout.Image under a public name such as registry.k8s.io/a:1."""
        self.upload(name.split("/", 1)[1], image)
        return name

    def argv(self, *args):
        return [*self.inside, *super().argv(*args)]

    # -- what is on the node ---------------------------------------------------------------------------------

    def leftovers(self):
        def listing(*argv):
            return subprocess.run([*self.inside, *argv], capture_output=True, text=True, check=False).stdout.split()

        return super().leftovers() | {
            "network namespaces": listing("ls", "/run/netns"),
            "links": listing("ls", "/sys/class/net/cni0/brif"),
            "sockets": listing("ls", "/run/containerd/s")}
