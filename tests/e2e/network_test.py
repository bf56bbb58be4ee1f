# SPDX-License-Identifier: Apache-2.0
"""The pod's network: namespaces that the test makes, with a bridge as CNI's bridge plugin would make it."""

import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

import ocilayout
from podnet import NODE, PAGE, Bridges, CniNode, Pod, ip, sh
from stack import Stack, eventually

STACK = None
BRIDGES = None
IMAGE = None
FETCH = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=30).read().decode(), end='')"


def setUpModule():
    global STACK, BRIDGES, IMAGE
    STACK = Stack()
    IMAGE = STACK.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))
    BRIDGES = Bridges(STACK)


def tearDownModule():
    STACK.close()
    BRIDGES.close()


class Network(unittest.TestCase):
    def setUp(self):
        self.pod = Pod("pod")

    def tearDown(self):
        for name in STACK.containers():
            STACK.remove(name)
        STACK.await_clean()
        if pathlib.Path(self.pod.path).exists():
            eventually(lambda: not self.pod.leftovers(), self.pod.leftovers)
        self.pod.close()

    def run_in_pod(self, *command, check=True, options=()):
        return STACK.run(IMAGE, "net", *command, check=check,
                         options=("--rm", "--with-ns", f"network:{self.pod.path}", *options))

    def start_in_pod(self, *command, name="net"):
        STACK.run(IMAGE, name, *command, options=("-d", "--null-io", "--with-ns", f"network:{self.pod.path}"))

    def exec(self, *command, name="net", check=True):
        return STACK.ctr("tasks", "exec", "--exec-id", f"e{time.monotonic_ns()}", name, *command, check=check)

    def await_fetch(self, url):
        """The page at `url`, from the node's side of the bridge."""
        def fetch():
            result = subprocess.run(["ip", "netns", "exec", NODE, sys.executable, "-c", FETCH, url], capture_output=True,
                                    text=True, check=False)
            return result.stdout if result.returncode == 0 else None
        return eventually(fetch, f"{url} answers")

    def test_the_guest_has_the_pods_addresses_and_reaches_the_server(self):
        mac = self.pod.attach("eth0", 5, mtu=1400)
        script = ("ip -o addr show eth0; ip -o link show eth0; ip route; ip -6 route; wget -q -O - http://10.99.0.1/page;"
                  "wget -q -O - 'http://[fd00:99::1]/page'; wget -q -O - http://10.99.0.1/big | md5sum; ls /sys/class/net")
        out = self.run_in_pod("/bin/sh", "-c", script).stdout
        self.assertIn("10.99.0.5/24", out)
        self.assertIn("fd00:99::5/64", out)
        self.assertIn(mac, out)
        self.assertIn("mtu 1400", out)
        self.assertRegex(out, r"default via 10\.99\.0\.1 dev eth0")
        self.assertRegex(out, r"default via fd00:99::1 dev eth0")
        self.assertEqual(out.count(PAGE), 2, out)
        expected = sh("md5sum", BRIDGES.pages / "big").split()[0]
        self.assertIn(expected, out)
        self.assertEqual(sorted(out.split(PAGE)[-1].split("-", 1)[1].split()), ["eth0", "lo"])

    def test_a_server_in_the_guest_is_reached_over_both_protocols(self):
        self.pod.attach("eth0", 6)
        self.start_in_pod("/bin/sh", "-c", "echo from the guest > /tmp/page; exec httpd -f -p 8080 -h /tmp")
        self.assertEqual(self.await_fetch("http://10.99.0.6:8080/page"), "from the guest\n")
        self.assertEqual(self.await_fetch("http://[fd00:99::6]:8080/page"), "from the guest\n")
        # Inside the pod, localhost is the guest's.
        self.assertEqual(self.exec("/bin/wget", "-q", "-O", "-", "http://127.0.0.1:8080/page").stdout, "from the guest\n")

    def test_two_interfaces(self):
        first = self.pod.attach("eth0", 7)
        second = self.pod.attach("net1", 7, net=98, gateway=False)
        out = self.run_in_pod("/bin/sh", "-c", "ip -o addr; ip -o link; ip route; ping -c 1 10.99.0.1; ping -c 1 10.98.0.1").stdout
        self.assertRegex(out, r"eth0\s+inet 10\.99\.0\.7/24")
        self.assertRegex(out, r"net1\s+inet 10\.98\.0\.7/24")
        self.assertRegex(out, rf"eth0: .*{first}")
        self.assertRegex(out, rf"net1: .*{second}")
        self.assertEqual(out.count("1 packets received"), 2, out)

    def test_static_neighbours_and_a_gateway_outside_of_the_prefix(self):
        self.pod.attach("eth0", 8, gateway=False)
        ip(self.pod.name, "neigh add 10.99.0.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent")
        ip(self.pod.name, "route add 169.254.1.1 dev eth0 scope link")
        ip(self.pod.name, "route add 203.0.113.0/24 via 169.254.1.1 dev eth0")
        ip(self.pod.name, "route add 198.51.100.0/24 via 192.0.2.1 dev eth0 onlink")
        out = self.run_in_pod("/bin/sh", "-c", "ip neigh; ip route").stdout
        self.assertRegex(out, r"10\.99\.0\.77 dev eth0 lladdr 02:00:00:00:00:77.*PERMANENT")
        self.assertRegex(out, r"203\.0\.113\.0/24 via 169\.254\.1\.1 dev eth0")
        self.assertRegex(out, r"198\.51\.100\.0/24 via 192\.0\.2\.1 dev eth0 onlink")

    def test_an_interface_that_comes_between_create_and_start(self):
        STACK.ctr("containers", "create", "--runtime", "io.containerd.cc.v2", "--with-ns", f"network:{self.pod.path}",
                  IMAGE, "net", "/bin/sleep", "1000")
        # `ctr tasks start` is Create and Start in one, so the interface comes while the VM boots, or after.
        starting = subprocess.Popen(STACK.argv("tasks", "start", "-d", "net"), stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE)
        eventually(STACK.vms, "a VM comes up")
        mac = self.pod.attach("eth0", 9)
        _, error = starting.communicate(timeout=120)
        self.assertEqual(starting.returncode, 0, error)
        out = self.exec("/bin/sh", "-c", "ip -o addr show eth0; ip -o link show eth0; ping -c 1 10.99.0.1").stdout
        self.assertIn("10.99.0.9/24", out)
        self.assertIn(mac, out)
        self.assertIn("1 packets received", out)

    def test_an_interface_that_comes_and_goes_while_the_container_runs(self):
        self.start_in_pod("/bin/sleep", "1000")
        self.assertNotIn("inet 10.", self.exec("/bin/ip", "-o", "addr").stdout)
        for number in (10, 11):
            mac = self.pod.attach("eth0", number)
            ping = ("/bin/ping", "-c", "1", "-W", "1", "10.99.0.1")
            eventually(lambda: self.exec(*ping, check=False).returncode == 0, "the bridge answers")
            out = self.exec("/bin/sh", "-c", "ip -o addr show eth0; ip -o link show eth0").stdout
            self.assertIn(f"10.99.0.{number}/24", out)
            self.assertIn(mac, out)
            ip(self.pod.name, "link del eth0")
            eventually(lambda: "inet 10." not in self.exec("/bin/ip", "-o", "addr").stdout, "the address goes")

    def test_a_vm_that_is_killed_leaves_nothing_in_the_namespace(self):
        self.pod.attach("eth0", 12)
        self.start_in_pod("/bin/sleep", "1000")
        self.assertNotEqual(self.pod.leftovers(), [])
        os.kill(STACK.vms()[0], signal.SIGKILL)
        eventually(lambda: not self.pod.leftovers(), self.pod.leftovers)

    def test_a_shim_that_is_killed_leaves_nothing_in_the_namespace(self):
        self.pod.attach("eth0", 13)
        self.start_in_pod("/bin/sleep", "1000")
        os.kill(STACK.shims()[0], signal.SIGKILL)
        eventually(lambda: not self.pod.leftovers(), self.pod.leftovers)

    def test_the_plugin_may_clean_up_first(self):
        self.pod.attach("eth0", 14)
        self.start_in_pod("/bin/sleep", "1000")
        ip(self.pod.name, "link del eth0")
        self.pod.close()
        STACK.ctr("tasks", "kill", "-s", "SIGKILL", "net")
        STACK.remove("net")

    def test_a_namespace_that_is_the_hosts_or_missing_is_refused(self):
        for path, word in (("/proc/self/ns/net", "the host's own network"), ("/run/netns/no-such", "no-such")):
            result = STACK.run(IMAGE, "net", "/bin/true", check=False,
                               options=("--rm", "--with-ns", f"network:{path}"))
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(word, result.stderr)
            STACK.remove("net")

    def test_without_a_network_the_guest_has_an_address_on_loopback_only(self):
        script = "for i in /sys/class/net/*; do echo ${i##*/} $(cat $i/operstate); done; ip -o -4 addr; ip -o -6 addr; ip route"
        lines = STACK.run(IMAGE, "plain", "/bin/sh", "-c", script).stdout.splitlines()
        self.assertEqual(lines[:2], ["eth0 down", "lo unknown"])
        self.assertNotEqual(lines[2:], [])
        for line in lines[2:]:
            self.assertRegex(line, r"^1: lo ")

    def test_the_vm_never_runs_in_the_hosts_namespace(self):
        host = os.readlink("/proc/self/ns/net")
        STACK.run(IMAGE, "net", "/bin/sleep", "1000", options=("-d", "--null-io"))
        own = os.readlink(f"/proc/{STACK.vms()[0]}/ns/net")
        self.assertNotEqual(own, host)
        self.assertEqual(os.readlink(f"/proc/{STACK.shims()[0]}/ns/net"), host)
        STACK.remove("net")
        self.start_in_pod("/bin/sleep", "1000")
        self.assertEqual(os.readlink(f"/proc/{STACK.vms()[0]}/ns/net"), f"net:[{os.stat(self.pod.path).st_ino}]")


class Cni(unittest.TestCase):
    """Clients that attach to the namespace of the task's process after Create, with real plugins."""

    @classmethod
    def setUpClass(cls):
        cls.node = CniNode()
        cls.addClassCleanup(cls.node.close)
        cls.image = cls.node.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))
        cls.node.serve_pages()

    def tearDown(self):
        for name in self.node.containers():
            self.node.remove(name)
        # The bridge stays, as on any node.
        self.await_links(["lo", "cni0"])
        self.node.await_clean()

    def await_links(self, wanted):
        eventually(lambda: self.node.links() == wanted, lambda: f"the links are {self.node.links()}, not {wanted}")

    def name(self):
        """A new one each time: nobody gives the address of a detached container back to the IPAM plugin."""
        return f"cni{time.monotonic_ns()}"

    def start(self):
        name = self.name()
        self.node.run(self.image, name, "/bin/sleep", "1000", options=("-d", "--null-io", "--cni"))
        return name

    def test_ctr_run_with_cni_reaches_a_server_over_the_bridge(self):
        script = "ip -o addr show eth0; ip route; wget -q -O - http://10.88.0.1/page"
        out = self.node.run(self.image, self.name(), "/bin/sh", "-c", script, options=("--rm", "--cni")).stdout
        self.assertRegex(out, r"eth0\s+inet 10\.88\.0\.\d+/16")
        self.assertRegex(out, r"default via 10\.88\.0\.1 dev eth0")
        self.assertIn(PAGE, out)

    def test_the_node_keeps_its_own_interfaces(self):
        self.start()
        links = self.node.links()
        self.assertEqual(links[:2], ["lo", "cni0"])
        self.assertEqual([name[:4] for name in links[2:]], ["veth"])
        vm = self.node.vms()[0]
        self.assertNotEqual(os.readlink(f"/proc/{vm}/ns/net"), os.readlink(self.node.network))
        inside = sh("nsenter", "--target", vm, "--net", "ip", "-o", "link")
        self.assertRegex(inside, r"lo: .*\bUP\b")
        self.assertIn("eth0@", inside)
        self.assertIn("cctap", inside)

    def test_without_a_spare_nic_the_error_names_the_setting(self):
        config = self.node.dir / "config.toml"
        text = config.read_text()
        config.write_text(f"{text}\n[network]\nspare_nics = 0\n")
        self.addCleanup(config.write_text, text)
        result = self.node.run(self.image, self.name(), "/bin/true", options=("--rm", "--cni"), check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("network.spare_nics", result.stderr)

    def test_the_namespace_goes_with_a_killed_vm_or_shim(self):
        for victims in (self.node.vms, self.node.shims):
            name = self.start()
            os.kill(victims()[0], signal.SIGKILL)
            self.await_links(["lo", "cni0"])
            self.node.remove(name)


if __name__ == "__main__":
    unittest.main()
