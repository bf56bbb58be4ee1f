# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes user's day: pods through containerd's CRI plugin, several containers in one guest."""

import os
import subprocess
import unittest

from crictl import HANDLER, OWN_PIDS
from podcase import IMAGE, PodCase
from stack import eventually

setUpModule = PodCase.start_node
tearDownModule = PodCase.end_node


class Journey(PodCase):
    def test_init_container_then_two_containers_in_one_pod(self):
        pod = self.node.run_pod("journey", hostname="box", linux=OWN_PIDS | {"sysctls": {"kernel.shm_rmid_forced": "1"}})
        init = pod.start("init", IMAGE, "sh", "-c", "echo prepared; echo oops >&2; echo here > /dev/shm/flag")
        self.assertEqual(pod.await_state(init, "CONTAINER_EXITED")["exitCode"], 0)
        eventually(lambda: sorted(pod.log("init")) == [("stderr", "oops"), ("stdout", "prepared")], lambda: pod.log("init"))

        first = pod.start("first", IMAGE, "sleep", "1000")
        second = pod.start("second", IMAGE, "sh", "-c", "trap 'echo bye; exit 3' TERM; touch /ready; while :; do sleep 0.1; done")
        self.assertEqual(self.output(first, "hostname").strip(), "box")
        self.assertEqual(self.output(second, "hostname").strip(), "box")
        self.assertEqual(self.output(first, "cat", "/proc/sys/kernel/shm_rmid_forced").strip(), "1")
        self.assertEqual(self.output(second, "cat", "/dev/shm/flag").strip(), "here")
        self.assertEqual(len(self.node.vms()), 1)

        # A pod has one IPC namespace, and PID namespaces of their own unless it shares them.
        self.assertEqual(self.output(first, "readlink", "/proc/self/ns/ipc"),
                         self.output(second, "readlink", "/proc/self/ns/ipc"))
        self.assertNotEqual(self.output(first, "readlink", "/proc/self/ns/pid"),
                            self.output(second, "readlink", "/proc/self/ns/pid"))

        # Graceful end: SIGTERM is handled, and its exit code and last words arrive.
        self.output(second, "sh", "-c", "until [ -e /ready ]; do sleep 0.1; done")
        self.node.crictl("stop", "--timeout", "100", second)
        status = pod.status(second)
        self.assertEqual((status["state"], status["exitCode"]), ("CONTAINER_EXITED", 3))
        eventually(lambda: ("stdout", "bye") in pod.log("second"), "the last words are in the log")

        # Restart in the live sandbox, also after its last container ended.
        self.node.crictl("stop", "--timeout", "0", first)
        self.assertEqual(pod.status(first)["exitCode"], 137)
        vm = self.node.vms()
        again = pod.start("first", IMAGE, "sh", "-c", "echo again; sleep 1000", attempt=1)
        self.assertEqual(pod.status(again)["state"], "CONTAINER_RUNNING")
        self.assertEqual(self.node.vms(), vm)
        pod.stop()
        eventually(lambda: self.node.vms() == [], "the VM ends with its pod")
        pod.remove()

    def test_exec_attach_and_streams(self):
        pod = self.node.run_pod("streams")
        shell = pod.start("shell", IMAGE, "sh", stdin=True)
        code, out, err = self.exec(shell, "sh", "-c", "echo out; echo err >&2; exit 7")
        self.assertEqual((code, out), (7, "out\n"))
        self.assertIn("err\n", err)
        self.assertEqual(self.node.crictl("exec", "--sync", shell, "echo", "at once").stdout.strip(), "at once")
        streamed = self.node.crictl("exec", "-i", shell, "cat", input="through the stream\n")
        self.assertEqual(streamed.stdout, "through the stream\n")
        attached = subprocess.Popen(self.node.crictl_argv("attach", "-i", shell), stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
        attached.stdin.write("echo to-$((40+2))\n")
        attached.stdin.flush()
        self.assertEqual(attached.stdout.readline(), "to-42\n")
        attached.kill()
        attached.wait(timeout=120)
        attached.stdin.close()
        attached.stdout.close()
        eventually(lambda: ("stdout", "to-42") in pod.log("shell"), "the log has what attach saw")
        # A time limit ends the command, not the container.
        late = self.node.crictl("exec", "--sync", "--timeout", 2, shell, "sleep", "100", check=False)
        self.assertNotEqual(late.returncode, 0)
        self.assertRegex(late.stderr, "timeout|[dD]eadline")
        self.assertNotIn("sleep 100", self.output(shell, "ps"))
        self.assertEqual(pod.status(shell)["state"], "CONTAINER_RUNNING")

    def test_containers_share_processes_when_the_pod_says_so(self):
        namespaces = {"namespace_options": {"pid": 0}}  # POD
        pod = self.node.run_pod("pids", linux={"security_context": namespaces})
        linux = {"security_context": namespaces}
        first = pod.start("first", IMAGE, "sleep", "4321", linux=linux)
        second = pod.start("second", IMAGE, "sleep", "1000", linux=linux)
        self.assertIn("sleep 4321", self.output(second, "ps"))
        self.assertEqual(self.output(first, "readlink", "/proc/self/ns/pid"),
                         self.output(second, "readlink", "/proc/self/ns/pid"))
        self.node.crictl("stop", "--timeout", "0", first)
        self.assertNotIn("sleep 4321", self.output(second, "ps"))

    def test_resolver_of_the_pod(self):
        pod = self.node.run_pod("dns", dns_config={"servers": ["10.10.10.10"], "searches": ["a.example"],
                                              "options": ["ndots:3"]})
        container = pod.start("c", IMAGE, "sleep", "1000")
        lines = self.output(container, "cat", "/etc/resolv.conf").splitlines()
        self.assertEqual(sorted(lines), ["nameserver 10.10.10.10", "options ndots:3", "search a.example"])

    def test_memory_limit_ends_as_oom_killed(self):
        pod = self.node.run_pod("oom")
        container = pod.start("c", IMAGE, "sh", "-c", "x=x; while :; do x=$x$x; done",
                              linux={"resources": {"memory_limit_in_bytes": 30 << 20}})
        status = pod.await_state(container, "CONTAINER_EXITED")
        self.assertEqual((status["exitCode"], status["reason"]), (137, "OOMKilled"))

    def test_limits_change_while_a_container_runs(self):
        pod = self.node.run_pod("update")
        container = pod.start("c", IMAGE, "sleep", "1000",
                              linux={"resources": {"memory_limit_in_bytes": 64 << 20, "cpu_shares": 512}})
        self.node.crictl("update", "--memory", 32 << 20, "--cpu-quota", 50000, "--cpu-period", 100000, container)
        read = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max"
        self.assertEqual(self.output(container, "sh", "-c", read).split(), [str(32 << 20), "50000", "100000"])

    def test_security_context(self):
        pod = self.node.run_pod("security")
        context = {"run_as_user": {"value": 1234}, "run_as_group": {"value": 4321}, "supplemental_groups": [77, 88],
                   "no_new_privs": True, "readonly_rootfs": True, "capabilities": {"drop_capabilities": ["ALL"]},
                   "namespace_options": {"pid": 1}, "masked_paths": ["/proc/kcore"], "readonly_paths": ["/proc/sys"]}
        container = pod.start("c", IMAGE, "sleep", "1000", linux={"security_context": context})
        self.assertEqual(self.output(container, "id").strip(), "uid=1234 gid=4321 groups=77,88,4321")
        status = self.output(container, "cat", "/proc/1/status")
        self.assertIn("NoNewPrivs:\t1", status)
        self.assertIn("CapBnd:\t0000000000000000", status)
        self.assertNotEqual(self.exec(container, "touch", "/tmp/x")[0], 0)
        self.assertNotEqual(self.exec(container, "sh", "-c", "echo 1 > /proc/sys/kernel/shm_rmid_forced")[0], 0)
        self.assertEqual(self.output(container, "head", "-c", "1", "/proc/kcore"), "")

    def test_runc_pods_live_beside(self):
        runc = self.node.run_pod("plain", handler="runc")
        container = runc.start("c", IMAGE, "sleep", "1000")
        pod = self.node.run_pod("confidential")
        guest = pod.start("c", IMAGE, "sleep", "1000")
        self.assertEqual(self.output(container, "uname", "-r").strip(), os.uname().release)
        self.assertNotEqual(self.output(guest, "uname", "-r").strip(), os.uname().release)


class Network(PodCase):
    def test_a_service_is_reached_from_other_pods(self):
        server = self.node.run_pod("server")
        server.start("web", IMAGE, "sh", "-c", "echo hello > /tmp/index.html; exec httpd -f -p 8080 -h /tmp")
        fetch = f"for i in $(seq 600); do wget -qO- http://{server.ip()}:8080/ && exit; sleep 0.1; done; exit 1"
        for handler in (HANDLER, "runc"):
            client = self.node.run_pod(f"client-{handler}", handler=handler)
            container = client.start("c", IMAGE, "sleep", "1000")
            self.assertEqual(self.output(container, "sh", "-c", fetch), "hello\n", handler)


if __name__ == "__main__":
    unittest.main()
