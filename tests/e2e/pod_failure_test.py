# SPDX-License-Identifier: Apache-2.0
"""Whatever dies or fails beneath a pod: the right state, a removal that never waits for the guest, nothing left.

How fast it is, tests/bench/cri_bench.py measures.
"""

import contextlib
import os
import pathlib
import signal
import unittest

from podcase import IMAGE, PodCase
from stack import eventually

setUpModule = PodCase.start_node
tearDownModule = PodCase.end_node


@contextlib.contextmanager
def memory_limit(pid, limit):
    """Puts a process into a control group of its own with so many bytes of further memory."""
    version1 = pathlib.Path("/sys/fs/cgroup/memory")
    base, name = (version1, "memory.limit_in_bytes") if version1.exists() else (version1.parent, "memory.max")
    group = base / f"kata-cc-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / name).write_text(str(limit))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        if group.exists():
            group.rmdir()
        raise unittest.SkipTest(f"no memory control group can be made here: {error}")
    try:
        yield
    finally:
        eventually(lambda: not (group / "cgroup.procs").read_text().split(), "the group is empty")
        group.rmdir()


class SuddenDeath(PodCase):
    def ends_with(self, pod, container, code):
        """The container stops, the sandbox is not ready, and the pod can be removed at once."""
        self.assertEqual(pod.await_state(container, "CONTAINER_EXITED")["exitCode"], code)
        eventually(lambda: pod.sandbox_state() == "SANDBOX_NOTREADY")
        self.removed(pod)

    def removed(self, pod):
        pod.remove()
        self.node.await_clean()

    def test_vm_killed(self):
        pod, container = self.sandbox()
        os.kill(self.node.vms()[0], signal.SIGKILL)
        self.ends_with(pod, container, 137)

    def test_guest_kernel_panics(self):
        """Also what the death of the agent is: it is the guest's process 1."""
        pod = self.node.run_pod("panic", linux={"security_context": {"privileged": True}})
        container = pod.start("c", IMAGE, "sh", "-c", "sleep 1; echo c > /proc/sysrq-trigger; sleep 1000",
                              linux={"security_context": {"privileged": True}})
        self.ends_with(pod, container, 137)

    def test_node_runs_out_of_memory(self):
        """The node's kernel kills what takes most: the VMM, here in a group that may not take more."""
        pod, container = self.sandbox()
        with memory_limit(self.node.vms()[0], 8 << 20):
            self.exec(container, "sh", "-c", "x=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 1000")
            self.ends_with(pod, container, 137)

    def test_shim_killed(self):
        pod, container = self.sandbox()
        os.kill(self.node.shims()[0], signal.SIGKILL)
        # containerd's own word for a task that it cannot ask any more, with every runtime.
        self.ends_with(pod, container, 255)

    def test_guest_that_hangs_is_seen_and_ended(self):
        """Long before agent_timeout_s: its VMM does nothing, so the guest is not only busy."""
        pod, container = self.sandbox()
        os.kill(self.node.vms()[0], signal.SIGSTOP)  # to the shim, a guest that answers nothing any more
        self.ends_with(pod, container, 137)

    def test_guest_that_hangs_delays_no_answer_and_no_removal(self):
        pod, container = self.sandbox()
        other = pod.start("other", IMAGE, "sleep", "1000")
        os.kill(self.node.vms()[0], signal.SIGSTOP)
        # The answer is there whether or not the shim has found out yet.
        self.assertIn(pod.status(container)["state"], ("CONTAINER_RUNNING", "CONTAINER_EXITED"))
        self.node.crictl("stop", "--timeout", "0", container)
        self.assertEqual(pod.status(container)["exitCode"], 137)
        self.assertEqual(pod.await_state(other, "CONTAINER_EXITED")["exitCode"], 137)
        self.removed(pod)


class Containerd(PodCase):
    def test_restart_under_a_running_pod(self):
        pod, container = self.sandbox()
        talking = pod.start("talk", IMAGE, "sh", "-c", "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.2; done")
        self.node.kill_containerd()
        self.node.start_containerd()
        self.assertEqual(pod.sandbox_state(), "SANDBOX_READY")
        self.assertEqual(pod.status(container)["state"], "CONTAINER_RUNNING")
        self.assertEqual(self.output(container, "echo", "still here"), "still here\n")
        seen = len(pod.log("talk"))
        eventually(lambda: len(pod.log("talk")) > seen + 2)
        after = pod.start("after", IMAGE, "sleep", "1000")
        self.assertEqual(self.output(after, "echo", "new"), "new\n")
        self.node.crictl("stop", "--timeout", "0", talking)
        self.assertEqual(pod.status(talking)["exitCode"], 137)

    def test_container_ends_while_it_is_away(self):
        pod, first = self.sandbox()
        # The shim writes the message to the node before it tells the end.
        message = self.node.dir / "message"
        message.write_text("")
        second = pod.start("second", IMAGE, "sh", "-c", "sleep 3; echo the end > /dev/termination-log; exit 5",
                           mounts=[{"container_path": "/dev/termination-log", "host_path": str(message)}])
        self.node.kill_containerd()
        eventually(lambda: message.read_text() == "the end\n")
        self.node.start_containerd()
        self.assertEqual(pod.await_state(second, "CONTAINER_EXITED")["exitCode"], 5)
        self.assertEqual(pod.status(first)["state"], "CONTAINER_RUNNING")

    def test_vm_dies_while_it_is_away(self):
        pod, container = self.sandbox()
        self.node.kill_containerd()
        os.kill(self.node.vms()[0], signal.SIGKILL)
        eventually(lambda: not self.node.vms())
        self.node.start_containerd()
        self.assertEqual(pod.await_state(container, "CONTAINER_EXITED")["exitCode"], 137)
        self.assertEqual(pod.sandbox_state(), "SANDBOX_NOTREADY")


class PodNetwork(PodCase):
    def test_a_network_that_cannot_be_made(self):
        with self.node.faulty_plugin("portmap", "ADD"):
            self.assertIn("portmap fails ADD", self.node.refuse_pod("no-network"))
            self.node.remove_pods()
            self.node.await_clean()
        self.sandbox()

    def test_a_network_that_cannot_be_taken_down(self):
        """The VM is gone all the same, and the next try of the kubelet ends it."""
        pod, container = self.sandbox()
        with self.node.faulty_plugin("portmap", "DEL"):
            stopped = self.node.crictl("stopp", pod.id, check=False)
            self.assertIn("portmap fails DEL", stopped.stderr)
            self.assertEqual(self.node.vms(), [])
            self.assertEqual(pod.status(container)["state"], "CONTAINER_EXITED")
        pod.stop()
        pod.remove()


if __name__ == "__main__":
    unittest.main()
