# SPDX-License-Identifier: Apache-2.0
"""Networks of pods for tests: namespaces, bridges and servers as a CNI plugin would make them, and real plugins."""

import json
import os
import subprocess

from stack import Stack

TAG = f"kcc{os.getpid()}"  # names of namespaces are the host's
NODE = f"{TAG}-node"       # where the bridge and the server are
PAGE = "a page from behind the bridge\n"


def sh(*argv, check=True):
    result = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}: {result.stderr}")
    return result.stdout


def inside(namespace, *argv, **kwargs):
    return sh("ip", "netns", "exec", namespace, *argv, **kwargs)


def ip(namespace, line, **kwargs):
    return sh("ip", "-n", namespace, *line.split(), **kwargs)


def write_pages(stack):
    """What the servers serve."""
    pages = stack.dir / "pages"
    pages.mkdir()
    (pages / "page").write_text(PAGE)
    (pages / "big").write_bytes(bytes(range(256)) * (64 << 10))
    return pages


class Pod:
    """A network namespace with interfaces on bridges of the node's namespace."""

    def __init__(self, name):
        self.name = f"{TAG}-{name}"
        self.path = f"/run/netns/{self.name}"
        sh("ip", "netns", "add", self.name)
        ip(self.name, "link set lo up")

    def attach(self, name, number, net=99, mtu=1500, gateway=True):
        """As the bridge plugin does it; returns the hardware address."""
        peer = f"v{net}x{number}"
        mac = f"02:00:00:00:{net:02x}:{number:02x}"
        ip(NODE, f"link add {peer} mtu {mtu} type veth peer name {name} mtu {mtu} address {mac} netns {self.name}")
        ip(NODE, f"link set {peer} master br{net} up")
        ip(self.name, f"addr add 10.{net}.0.{number}/24 dev {name}")
        ip(self.name, f"addr add fd00:{net}::{number}/64 dev {name} nodad")
        ip(self.name, f"link set {name} up")
        if gateway:
            ip(self.name, f"route add default via 10.{net}.0.1")
            ip(self.name, f"-6 route add default via fd00:{net}::1")
        return mac

    def leftovers(self):
        """Taps and qdiscs that a VM must not leave here."""
        links = ip(self.name, "-o link")
        qdiscs = inside(self.name, "tc", "qdisc")
        return [line for line in links.splitlines() if "cctap" in line] + \
               [line for line in qdiscs.splitlines() if "ingress" in line]

    def close(self):
        sh("ip", "netns", "del", self.name, check=False)


class Bridges:
    """The node's namespace: a bridge for each of two networks, and a server of pages on all addresses."""

    def __init__(self, stack):
        sh("ip", "netns", "add", NODE)
        ip(NODE, "link set lo up")
        for net in (99, 98):
            ip(NODE, f"link add br{net} type bridge")
            ip(NODE, f"addr add 10.{net}.0.1/24 dev br{net}")
            ip(NODE, f"addr add fd00:{net}::1/64 dev br{net} nodad")
            ip(NODE, f"link set br{net} up")
        self.pages = write_pages(stack)
        server = stack.spawn("server", ["ip", "netns", "exec", NODE, "busybox", "httpd", "-f", "-p", "[::]:80", "-h",
                                        str(self.pages)])
        probe = ["ip", "netns", "exec", NODE, "bash", "-c", "exec 3<>/dev/tcp/10.99.0.1/80"]
        stack.await_service("server", server,
                            lambda: subprocess.run(probe, capture_output=True, check=False).returncode == 0)

    def close(self):
        sh("ip", "netns", "del", NODE, check=False)


# What the client finds where it looks without being told, hidden from the host.
CNI_SETUP = """set -e
ip link set lo up
mount -t tmpfs cni /opt
mkdir -p /opt/cni /opt/etc /opt/work /var/lib/cni /run/netns
ln -s /usr/lib/cni /opt/cni/bin
mount -t overlay etc -o lowerdir=/etc,upperdir=/opt/etc,workdir=/opt/work /etc
mkdir -p /etc/cni/net.d
cp {dir}/cni.conflist /etc/cni/net.d/
mount -t tmpfs cni /var/lib/cni
mount -t tmpfs netns /run/netns
touch {dir}/namespaces
exec sleep infinity
"""

CNI_NETWORK = {
    "cniVersion": "0.4.0",
    "name": "containers",
    "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": True,
                 "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}}],
}


class CniNode(Stack):
    """containerd, its client and CNI plugins in namespaces of their own, so that the bridge is not the host's."""

    def prepare(self):
        (self.dir / "cni.conflist").write_text(json.dumps(CNI_NETWORK))
        holder = self.spawn("namespaces", ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c",
                                           CNI_SETUP.format(dir=self.dir)])
        self.await_service("namespaces", holder, (self.dir / "namespaces").exists)
        self.mountinfo = f"/proc/{holder.pid}/mountinfo"
        self.network = f"/proc/{holder.pid}/ns/net"
        self.inside = ["nsenter", "--target", str(holder.pid), "--mount", "--net", "--"]

    def wait_for_port(self, name, child, port):
        probe = [*self.inside, "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"]
        self.await_service(name, child, lambda: subprocess.run(probe, capture_output=True, check=False).returncode == 0)

    def argv(self, *args):
        return [*self.inside, *super().argv(*args)]

    def links(self):
        """Names of the interfaces on the node."""
        return [line.split(": ")[1].split("@")[0] for line in sh(*self.inside, "ip", "-o", "link").splitlines()]

    def serve_pages(self):
        """On all addresses of the node, the bridge's too once there is one."""
        server = self.spawn("server", ["busybox", "httpd", "-f", "-p", "80", "-h", str(write_pages(self))])
        self.wait_for_port("server", server, 80)
