# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes user's day: pods through containerd's CRI plugin, several containers in one guest."""

import json
import os
import pathlib
import re
import signal
import subprocess
import unittest

import ocilayout
from crinode import HANDLER, OWN_PIDS, CriNode
from stack import eventually

NODE = None
IMAGE = "registry.k8s.io/pods/busybox:1"


def setUpModule():
    global NODE
    NODE = CriNode(vmm="agent_timeout_s = 600")
    busybox = ocilayout.Layer(ocilayout.busybox_layer())
    NODE.push(IMAGE, ocilayout.Image([busybox]))
    NODE.push("registry.k8s.io/pause:3.6", ocilayout.Image([busybox], config={
        "Cmd": ["sleep", "1000000000"], "Env": ["PATH=/bin"]}))


def tearDownModule():
    NODE.close()


class PodCase(unittest.TestCase):
    def tearDown(self):
        NODE.remove_pods()
        NODE.await_clean()

    def exec(self, container, *command):
        """A streaming exec: (exit code, stdout, stderr)."""
        result = NODE.crictl("exec", container, *command, check=False)
        code = re.search(r"command terminated with exit code (\d+)", result.stderr)
        return int(code.group(1)) if code else result.returncode, result.stdout, result.stderr

    def output(self, container, *command):
        code, out, err = self.exec(container, *command)
        self.assertEqual(code, 0, err)
        return out


class Journey(PodCase):
    def test_init_container_then_two_containers_in_one_pod(self):
        pod = NODE.run_pod("journey", hostname="box", linux=OWN_PIDS | {"sysctls": {"kernel.shm_rmid_forced": "1"}})
        init = pod.start("init", IMAGE, "sh", "-c", "echo prepared; echo oops >&2; echo here > /dev/shm/flag")
        self.assertEqual(pod.await_state(init, "CONTAINER_EXITED")["exitCode"], 0)
        eventually(lambda: sorted(pod.log("init")) == [("stderr", "oops"), ("stdout", "prepared")], lambda: pod.log("init"))

        first = pod.start("first", IMAGE, "sleep", "1000")
        second = pod.start("second", IMAGE, "sh", "-c", "trap 'echo bye; exit 3' TERM; touch /ready; while :; do sleep 0.1; done")
        self.assertEqual(self.output(first, "hostname").strip(), "box")
        self.assertEqual(self.output(second, "hostname").strip(), "box")
        self.assertEqual(self.output(first, "cat", "/proc/sys/kernel/shm_rmid_forced").strip(), "1")
        self.assertEqual(self.output(second, "cat", "/dev/shm/flag").strip(), "here")
        self.assertEqual(len(NODE.vms()), 1)

        # A pod has one IPC namespace, and PID namespaces of their own unless it shares them.
        self.assertEqual(self.output(first, "readlink", "/proc/self/ns/ipc"),
                         self.output(second, "readlink", "/proc/self/ns/ipc"))
        self.assertNotEqual(self.output(first, "readlink", "/proc/self/ns/pid"),
                            self.output(second, "readlink", "/proc/self/ns/pid"))

        # Graceful end: SIGTERM is handled, and its exit code and last words arrive.
        self.output(second, "sh", "-c", "until [ -e /ready ]; do sleep 0.1; done")
        NODE.crictl("stop", "--timeout", "100", second)
        status = pod.status(second)
        self.assertEqual((status["state"], status["exitCode"]), ("CONTAINER_EXITED", 3))
        eventually(lambda: ("stdout", "bye") in pod.log("second"), "the last words are in the log")

        # Restart in the live sandbox, also after its last container ended.
        NODE.crictl("stop", "--timeout", "0", first)
        self.assertEqual(pod.status(first)["exitCode"], 137)
        vm = NODE.vms()
        again = pod.start("first", IMAGE, "sh", "-c", "echo again; sleep 1000", attempt=1)
        self.assertEqual(pod.status(again)["state"], "CONTAINER_RUNNING")
        self.assertEqual(NODE.vms(), vm)
        pod.stop()
        eventually(lambda: NODE.vms() == [], "the VM ends with its pod")
        pod.remove()

    def test_exec_attach_and_streams(self):
        pod = NODE.run_pod("streams")
        shell = pod.start("shell", IMAGE, "sh", stdin=True)
        code, out, err = self.exec(shell, "sh", "-c", "echo out; echo err >&2; exit 7")
        self.assertEqual((code, out), (7, "out\n"))
        self.assertIn("err\n", err)
        self.assertEqual(NODE.crictl("exec", "--sync", shell, "echo", "at once").stdout.strip(), "at once")
        streamed = NODE.crictl("exec", "-i", shell, "cat", input="through the stream\n")
        self.assertEqual(streamed.stdout, "through the stream\n")
        attached = subprocess.Popen(NODE.crictl_argv("attach", "-i", shell), stdin=subprocess.PIPE,
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
        late = NODE.crictl("exec", "--sync", "--timeout", 2, shell, "sleep", "100", check=False)
        self.assertNotEqual(late.returncode, 0)
        self.assertRegex(late.stderr, "timeout|[dD]eadline")
        self.assertNotIn("sleep 100", self.output(shell, "ps"))
        self.assertEqual(pod.status(shell)["state"], "CONTAINER_RUNNING")

    def test_containers_share_processes_when_the_pod_says_so(self):
        namespaces = {"namespace_options": {"pid": 0}}  # POD
        pod = NODE.run_pod("pids", linux={"security_context": namespaces})
        linux = {"security_context": namespaces}
        first = pod.start("first", IMAGE, "sleep", "4321", linux=linux)
        second = pod.start("second", IMAGE, "sleep", "1000", linux=linux)
        self.assertIn("sleep 4321", self.output(second, "ps"))
        self.assertEqual(self.output(first, "readlink", "/proc/self/ns/pid"),
                         self.output(second, "readlink", "/proc/self/ns/pid"))
        NODE.crictl("stop", "--timeout", "0", first)
        self.assertNotIn("sleep 4321", self.output(second, "ps"))

    def test_resolver_of_the_pod(self):
        pod = NODE.run_pod("dns", dns_config={"servers": ["10.10.10.10"], "searches": ["a.example"],
                                              "options": ["ndots:3"]})
        container = pod.start("c", IMAGE, "sleep", "1000")
        lines = self.output(container, "cat", "/etc/resolv.conf").splitlines()
        self.assertEqual(sorted(lines), ["nameserver 10.10.10.10", "options ndots:3", "search a.example"])

    def test_statistics(self):
        pod = NODE.run_pod("stats")
        container = pod.start("c", IMAGE, "sh", "-c", "x=$(head -c 20000000 /dev/zero | tr '\\0' x); sleep 1000")
        stats = None

        def has_the_memory():
            nonlocal stats
            stats = json.loads(NODE.crictl("stats", "-o", "json", "--id", container).stdout)["stats"][0]
            return int(stats["memory"]["workingSetBytes"]["value"]) > 20_000_000
        eventually(has_the_memory, lambda: stats)
        self.assertGreater(int(stats["cpu"]["usageCoreNanoSeconds"]["value"]), 0)

    def test_memory_limit_ends_as_oom_killed(self):
        pod = NODE.run_pod("oom")
        container = pod.start("c", IMAGE, "sh", "-c", "x=x; while :; do x=$x$x; done",
                              linux={"resources": {"memory_limit_in_bytes": 30 << 20}})
        status = pod.await_state(container, "CONTAINER_EXITED")
        self.assertEqual((status["exitCode"], status["reason"]), (137, "OOMKilled"))

    def test_limits_change_while_a_container_runs(self):
        pod = NODE.run_pod("update")
        container = pod.start("c", IMAGE, "sleep", "1000",
                              linux={"resources": {"memory_limit_in_bytes": 64 << 20, "cpu_shares": 512}})
        NODE.crictl("update", "--memory", 32 << 20, "--cpu-quota", 50000, "--cpu-period", 100000, container)
        read = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max"
        self.assertEqual(self.output(container, "sh", "-c", read).split(), [str(32 << 20), "50000", "100000"])

    def test_security_context(self):
        pod = NODE.run_pod("security")
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
        runc = NODE.run_pod("plain", handler="runc")
        container = runc.start("c", IMAGE, "sleep", "1000")
        pod = NODE.run_pod("confidential")
        guest = pod.start("c", IMAGE, "sleep", "1000")
        self.assertEqual(self.output(container, "uname", "-r").strip(), os.uname().release)
        self.assertNotEqual(self.output(guest, "uname", "-r").strip(), os.uname().release)


class Failure(PodCase):
    """Whatever dies: the right state, a forced delete that never waits for the guest, nothing left."""

    def sandbox(self):
        pod = NODE.run_pod(self._testMethodName.replace("_", "-")[-40:].strip("-"))
        return pod, pod.start("c", IMAGE, "sleep", "1000")

    def test_vm_killed(self):
        pod, container = self.sandbox()
        os.kill(NODE.vms()[0], signal.SIGKILL)
        self.assertEqual(pod.await_state(container, "CONTAINER_EXITED")["exitCode"], 137)
        eventually(lambda: NODE.inspect("inspectp", pod.id)["status"]["state"] == "SANDBOX_NOTREADY", "the pod is not ready")
        pod.remove()

    def test_guest_that_hangs_is_deleted_at_once(self):
        pod, _ = self.sandbox()
        os.kill(NODE.vms()[0], signal.SIGSTOP)  # to the shim, a guest that answers nothing any more
        pod.remove()  # crictl waits two minutes, agent_timeout_s is longer: nothing waited for the guest

    def test_containerd_restarts_under_a_running_pod(self):
        pod, container = self.sandbox()
        NODE.kill_containerd()
        NODE.start_containerd()
        self.assertEqual(pod.status(container)["state"], "CONTAINER_RUNNING")
        self.assertEqual(self.output(container, "echo", "still here"), "still here\n")

    def test_container_dies_while_containerd_is_away(self):
        pod, container = self.sandbox()
        NODE.kill_containerd()
        os.kill(NODE.vms()[0], signal.SIGKILL)
        NODE.start_containerd()
        # 255 is containerd's own word for a task that was gone before it could ask.
        self.assertIn(pod.await_state(container, "CONTAINER_EXITED")["exitCode"], (137, 255))

    def test_what_cannot_be_is_refused_and_the_pod_lives_on(self):
        pod, _ = self.sandbox()
        absent = NODE.crictl("create", pod.id, self.config_of(image="registry.k8s.io/no/such:1"), pod.config, check=False)
        self.assertNotEqual(absent.returncode, 0)
        device = {"devices": [{"container_path": "/dev/sda", "host_path": "/dev/vda", "permissions": "rwm"}]}
        hostile = NODE.crictl("create", "--with-pull", pod.id, self.config_of(image=IMAGE, **device), pod.config,
                              check=False)
        if hostile.returncode == 0:  # containerd's Create makes no task; Start does
            started = NODE.crictl("start", hostile.stdout.strip(), check=False)
            self.assertNotEqual(started.returncode, 0)
            self.assertIn("/dev/sda", started.stderr)
        else:
            self.assertIn("/dev/vda", hostile.stderr)
        self.assertEqual(self.output(pod.start("after", IMAGE, "sleep", "1000"), "echo", "fine"), "fine\n")

    @staticmethod
    def config_of(image, **config):
        path = pathlib.Path(NODE.dir) / "refused.json"
        path.write_text(json.dumps({"metadata": {"name": "refused"}, "image": {"image": image},
                                    "log_path": "refused.log", "command": ["true"], "linux": {}} | config))
        return path


class Network(PodCase):
    def test_a_service_is_reached_from_other_pods(self):
        server = NODE.run_pod("server")
        server.start("web", IMAGE, "sh", "-c", "echo hello > /tmp/index.html; exec httpd -f -p 8080 -h /tmp")
        fetch = f"for i in $(seq 600); do wget -qO- http://{server.ip()}:8080/ && exit; sleep 0.1; done; exit 1"
        for handler in (HANDLER, "runc"):
            client = NODE.run_pod(f"client-{handler}", handler=handler)
            container = client.start("c", IMAGE, "sleep", "1000")
            self.assertEqual(self.output(container, "sh", "-c", fetch), "hello\n", handler)


if __name__ == "__main__":
    unittest.main()
