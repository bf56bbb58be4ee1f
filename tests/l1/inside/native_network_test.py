# SPDX-License-Identifier: Apache-2.0
"""The pod's network on the native back end: CNI's bridge plugin, and namespaces with interfaces before and after the start."""

import pathlib
import unittest

import ocilayout
from native_backend_test import VMM
from podnet import NODE, PAGE, Bridges, CniNode, Pod, inside, ip, sh
from stack import Stack, eventually

TIMEOUT = 600


def setUpModule():
    if not pathlib.Path("/dev/kvm").exists():
        raise unittest.SkipTest("this machine has no /dev/kvm")


class Cni(unittest.TestCase):
    def test_ctr_run_with_cni_reaches_a_server_on_the_bridge(self):
        with CniNode(vmm=VMM) as node:
            image = node.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))
            node.serve_pages()
            script = "ip -o addr show eth0; ip route; wget -q -O - http://10.88.0.1/page"
            result = node.run(image, "cni", "/bin/sh", "-c", script, options=("--rm", "--cni"), check=False, timeout=TIMEOUT)
            self.assertEqual(result.returncode, 0, result.stderr + node.log()[-3000:])
            self.assertRegex(result.stdout, r"eth0\s+inet 10\.88\.0\.\d+/16")
            self.assertRegex(result.stdout, r"default via 10\.88\.0\.1 dev eth0")
            self.assertIn(PAGE, result.stdout)
            node.await_clean()


class Namespace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(vmm=VMM)
        cls.addClassCleanup(cls.stack.close)
        cls.image = cls.stack.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))
        cls.bridges = Bridges(cls.stack)
        cls.addClassCleanup(cls.bridges.close)

    def setUp(self):
        self.pod = Pod("pod")

    def tearDown(self):
        for name in self.stack.containers():
            self.stack.remove(name)
        self.stack.await_clean()
        eventually(lambda: not self.pod.leftovers(), self.pod.leftovers)
        self.pod.close()

    def run_in_pod(self, *command, options=("--rm",)):
        result = self.stack.run(self.image, "net", *command, check=False, timeout=TIMEOUT,
                                options=(*options, "--with-ns", f"network:{self.pod.path}"))
        self.assertEqual(result.returncode, 0, result.stderr + self.stack.log()[-3000:])
        return result.stdout

    def test_two_interfaces_carry_traffic_of_both_protocols(self):
        macs = [self.pod.attach("eth0", 5, mtu=1400), self.pod.attach("net1", 5, net=98, gateway=False)]
        script = ("ip -o addr; ip -o link; wget -q -O - http://10.99.0.1/page; wget -q -O - 'http://[fd00:99::1]/page';"
                  "wget -q -O - http://10.98.0.1/page; wget -q -O - http://10.99.0.1/big | md5sum")
        out = self.run_in_pod("/bin/sh", "-c", script)
        for pattern in (r"eth0\s+inet 10\.99\.0\.5/24", r"net1\s+inet 10\.98\.0\.5/24", rf"eth0: .*mtu 1400.*{macs[0]}",
                        rf"net1: .*mtu 1500.*{macs[1]}"):
            self.assertRegex(out, pattern)
        self.assertEqual(out.count(PAGE), 3, out)
        self.assertIn(sh("md5sum", self.bridges.pages / "big").split()[0], out)

    def test_an_interface_that_comes_later_takes_the_spare_nic(self):
        script = "echo from the guest > /tmp/page; exec httpd -f -p 8080 -h /tmp"
        self.run_in_pod("/bin/sh", "-c", script, options=("-d", "--null-io"))
        self.assertEqual(len(self.stack.vms()), 1)
        mac = self.pod.attach("eth0", 9)
        # From the node's side of the bridge into the guest.
        fetch = ("busybox", "wget", "-q", "-O", "-", "http://10.99.0.9:8080/page")
        eventually(lambda: inside(NODE, *fetch, check=False) == "from the guest\n",
                   lambda: f"no answer from the guest: {ip(NODE, 'neigh')}{self.stack.log()[-3000:]}", 300)
        out = self.stack.ctr("tasks", "exec", "--exec-id", "e", "net", "/bin/ip", "-o", "link", "show", "eth0").stdout
        self.assertIn(mac, out)
