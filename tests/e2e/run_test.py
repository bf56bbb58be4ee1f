# SPDX-License-Identifier: Apache-2.0
"""A user's day with ctr: run, exec, signals, terminals, pipes, pause, metrics, many cycles."""

import hashlib
import json
import os
import pathlib
import pty
import select
import subprocess
import time
import unittest

import ocilayout
from stack import GUEST, RUNTIME, Stack, eventually

STACK = None
IMAGE = None


def setUpModule():
    global STACK, IMAGE
    STACK = Stack()
    IMAGE = STACK.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))


def tearDownModule():
    STACK.close()


class Run(unittest.TestCase):
    def tearDown(self):
        for name in STACK.containers():
            STACK.remove(name)
        STACK.await_clean()

    def start(self, name, *command, options=()):
        """A detached container with its output thrown away."""
        STACK.run(IMAGE, name, *command, options=("-d", "--null-io", *options))

    def status(self, name):
        for line in STACK.ctr("tasks", "ls").stdout.splitlines():
            words = line.split()
            if words and words[0] == name:
                return words[2]
        return None

    def await_status(self, name, wanted):
        eventually(lambda: self.status(name) == wanted, lambda: f"{name} is {self.status(name)}, not {wanted}")

    def test_arguments_and_environment_arrive(self):
        result = STACK.run(IMAGE, "args", "/bin/sh", "-c", 'echo "$0|$1|$A|$IMAGE"; pwd', "zero", "one two",
                           options=("--rm", "--env", "A=b c", "--cwd", "/tmp"))
        self.assertEqual(result.stdout, "zero|one two|b c|from-config\n/tmp\n")

    def test_its_limits_size_the_machine(self):
        result = STACK.run(IMAGE, "limits", "/bin/sh", "-c", "nproc; grep MemTotal /proc/meminfo",
                           options=("--rm", "--cpus", "1.5", "--memory-limit", str(1 << 30)))
        processors, memory = result.stdout.splitlines()
        self.assertEqual(processors, "2")
        self.assertGreater(int(memory.split()[1]), 1 << 20)  # KiB

    def test_runs_on_a_kernel_of_its_own(self):
        guest = STACK.run(IMAGE, "uname", "/bin/uname", "-r").stdout.strip()
        self.assertNotEqual(guest, os.uname().release)
        self.assertEqual(guest, json.loads((GUEST / "manifest.json").read_text())["kernel"]["release"])

    def test_exit_codes_are_exact(self):
        for code in (0, 7, 255):
            result = STACK.run(IMAGE, f"exit{code}", "/bin/sh", "-c", f"exit {code}", check=False)
            self.assertEqual(result.returncode, code, result.stderr)

    def test_death_by_signal_is_128_plus_its_number(self):
        result = STACK.run(IMAGE, "sig", "/bin/sh", "-c", "sh -c 'kill -9 $$'; exit $?", check=False)
        self.assertEqual(result.returncode, 137)

    def test_stdout_and_stderr_are_apart(self):
        result = STACK.run(IMAGE, "two", "/bin/sh", "-c", "echo out; echo err >&2")
        self.assertEqual((result.stdout, result.stderr), ("out\n", "err\n"))

    def test_stdin_from_a_pipe_ends(self):
        data = os.urandom(300_000)
        result = subprocess.run(STACK.argv("run", "--rm", "--runtime", RUNTIME, IMAGE, "cat", "/bin/md5sum"),
                                input=data, capture_output=True, timeout=300, check=False)
        self.assertEqual(result.stdout.split()[0].decode(), hashlib.md5(data).hexdigest(), result.stderr)

    def test_little_input_ends_before_anybody_can_say_so(self):
        """ctr has read the end of its input before Create has returned: it closes the FIFO, and calls nobody."""
        result = subprocess.run(STACK.argv("run", "--rm", "--runtime", RUNTIME, IMAGE, "little", "/bin/cat"), input="in\n",
                                text=True, capture_output=True, timeout=300, check=False)
        self.assertEqual((result.returncode, result.stdout), (0, "in\n"), result.stderr)
        self.start("sleeper", "/bin/sleep", "1000")
        result = subprocess.run(STACK.argv("tasks", "exec", "--exec-id", "e1", "sleeper", "/bin/cat"), input="in\n",
                                text=True, capture_output=True, timeout=300, check=False)
        self.assertEqual((result.returncode, result.stdout), (0, "in\n"), result.stderr)

    def test_large_output_is_complete(self):
        size = 32 << 20
        result = subprocess.run(STACK.argv("run", "--rm", "--runtime", RUNTIME, IMAGE, "big", "/bin/sh", "-c",
                                           f"head -c {size} /dev/zero"), stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=300, check=False)
        self.assertEqual((result.returncode, len(result.stdout)), (0, size), result.stderr)

    def test_terminal(self):
        master, slave = pty.openpty()
        child = subprocess.Popen(STACK.argv("run", "--rm", "-t", "--runtime", RUNTIME, IMAGE, "tty", "/bin/sh"),
                                 stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        os.write(master, b"tty; stty size; echo done-$((40+2)); exit 5\n")
        output = self.read_until_end(master, child)
        self.assertEqual(child.wait(timeout=60), 5, output)
        self.assertIn("/dev/pts/0", output)
        self.assertIn("done-42", output)

    def read_until_end(self, master, child):
        output = b""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            ready, _, _ = select.select([master], [], [], 0.2)
            if ready:
                try:
                    data = os.read(master, 65536)
                except OSError:
                    break
                output += data
            elif child.poll() is not None:
                break
        os.close(master)
        return output.decode(errors="replace")

    def test_exec_in_a_running_container(self):
        self.start("web", "/bin/sleep", "1000")
        result = STACK.ctr("tasks", "exec", "--exec-id", "e1", "web", "/bin/sh", "-c", "echo in; exit 3", check=False)
        self.assertEqual((result.stdout, result.returncode), ("in\n", 3), result.stderr)
        processes = STACK.ctr("tasks", "exec", "--exec-id", "e2", "web", "/bin/ps").stdout
        self.assertIn("sleep 1000", processes)

    def test_exec_of_a_missing_program_says_so_and_harms_nothing(self):
        self.start("web", "/bin/sleep", "1000")
        result = STACK.ctr("tasks", "exec", "--exec-id", "e1", "web", "/no/such", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("/no/such", result.stderr)
        self.assertEqual(self.status("web"), "RUNNING")

    def test_sigterm_is_handled_by_the_container(self):
        self.start("term", "/bin/sh", "-c", "trap 'exit 42' TERM; touch /ready; while :; do sleep 0.1; done")
        STACK.ctr("tasks", "exec", "--exec-id", "e1", "term", "/bin/sh", "-c", "until [ -e /ready ]; do sleep 0.1; done")
        STACK.ctr("tasks", "kill", "-s", "SIGTERM", "term")
        self.await_status("term", "STOPPED")
        self.assertIn("exit code 42", STACK.ctr("tasks", "delete", "term").stderr)

    def test_kill_pause_resume_metrics_and_delete(self):
        self.start("life", "/bin/sleep", "1000")
        self.assertEqual(self.status("life"), "RUNNING")
        STACK.ctr("tasks", "pause", "life")
        self.assertEqual(self.status("life"), "PAUSED")
        STACK.ctr("tasks", "resume", "life")
        self.assertEqual(self.status("life"), "RUNNING")
        metrics = STACK.ctr("tasks", "metrics", "life").stdout
        self.assertRegex(metrics, r"memory\.\S*\s+[1-9]")
        STACK.ctr("tasks", "kill", "-s", "SIGKILL", "life")
        self.await_status("life", "STOPPED")
        self.assertIn("exit code 137", STACK.ctr("tasks", "delete", "life").stderr)
        STACK.ctr("containers", "delete", "life")

    def test_wrong_order_gets_real_status_codes(self):
        self.start("odd", "/bin/sleep", "1000")
        result = STACK.ctr("tasks", "delete", "odd", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertNotIn("unknown", result.stderr)
        result = STACK.ctr("tasks", "kill", "--exec-id", "none", "odd", check=False)
        self.assertIn("not found", result.stderr)
        STACK.ctr("tasks", "pause", "odd")
        for command in (("exec", "--exec-id", "e1", "odd", "/bin/true"), ("pause", "odd")):
            result = STACK.ctr("tasks", *command, check=False)
            self.assertIn("paused", result.stderr)
            self.assertIn("failed precondition", result.stderr)
        STACK.ctr("tasks", "resume", "odd")

    def test_a_killed_exec_leaves_its_container(self):
        self.start("main", "/bin/sleep", "1000")
        STACK.ctr("tasks", "exec", "--detach", "--exec-id", "e1", "main", "/bin/sleep", "1001")
        deleted = STACK.ctr("tasks", "delete", "--force", "--exec-id", "e1", "main", check=False)
        self.assertEqual(deleted.returncode, 137, deleted.stderr)
        self.assertNotIn("sleep 1001", STACK.ctr("tasks", "exec", "--exec-id", "e2", "main", "/bin/ps").stdout)
        self.assertEqual(self.status("main"), "RUNNING")

    def test_a_limit_of_processes_holds_in_the_guest(self):
        spec = {"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "annotations": {"io.kubernetes.cri.image-name": IMAGE},
                "process": {"args": ["/bin/sh", "-c", "cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/pids.max"],
                            "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}},
                "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                           {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
                           {"destination": "/sys", "type": "sysfs", "source": "sysfs"},
                           {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}],
                "linux": {"resources": {"pids": {"limit": 17}},
                          "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")]}}
        path = STACK.dir / "limited.json"
        path.write_text(json.dumps(spec))
        result = STACK.ctr("run", "--rm", "--runtime", RUNTIME, "--config", path, "limited", check=False)
        self.assertEqual(result.stdout.strip(), "17", result.stderr)

    def test_two_containers_at_once(self):
        self.start("one", "/bin/sleep", "1000")
        self.start("two", "/bin/sleep", "1000")
        self.assertEqual(len(STACK.vms()), 2)
        STACK.remove("one")
        self.assertEqual(self.status("two"), "RUNNING")

    def test_image_user_and_entrypoint_apply(self):
        image = ocilayout.Image([ocilayout.busybox_layer()], config={
            "Entrypoint": ["/bin/sh", "-c"], "Cmd": ["id -u; pwd; echo $E"], "Env": ["PATH=/bin", "E=env"],
            "User": "65534", "WorkingDir": "/tmp"})
        reference = STACK.push("config:1", image)
        result = STACK.run(reference, "config")
        self.assertEqual(result.stdout, "65534\n/tmp\nenv\n")

    def test_layers_upper_wins_and_whiteouts_hide(self):
        base = ocilayout.busybox_layer()
        second = ocilayout.tar({"d/a": b"one", "d/b": b"two", "keep": b"old", "gone": b"x"})
        third = ocilayout.tar({"d/.wh..wh..opq": b"", "d/c": b"three", "keep": b"new", ".wh.gone": b""})
        for kind in ("gzip", "zstd", "tar"):
            with self.subTest(kind):
                reference = STACK.push(f"layers:{kind}", ocilayout.Image([base, second, third], compression=kind))
                result = STACK.run(reference, f"layers-{kind}", "/bin/sh", "-c", "ls /d; cat /keep; ls /gone", check=False)
                self.assertEqual(result.stdout, "c\nnew")
                self.assertIn("No such file", result.stderr)

    def test_fifty_cycles_leave_the_host_as_before(self):
        STACK.run(IMAGE, "warm", "/bin/true")
        STACK.await_clean()
        before, descriptors = self.host_figures(), self.containerd_descriptors()
        for i in range(50):
            self.assertEqual(STACK.run(IMAGE, f"cycle{i}", "/bin/sh", "-c", "exit 3", check=False).returncode, 3)
        # The last shim may still be on its way out.
        eventually(lambda: self.host_figures() == before, lambda: f"before {before}, after {self.host_figures()}")
        # containerd's own descriptors come and go by a few; a leak would show as one for each cycle.
        eventually(lambda: self.containerd_descriptors() < descriptors + 10, "containerd has no more descriptors than before")

    @staticmethod
    def containerd_descriptors():
        return len(os.listdir(f"/proc/{STACK.containerd.pid}/fd"))

    @staticmethod
    def host_figures():
        sockets = pathlib.Path("/run/containerd/s")
        return {
            "sockets": len(list(sockets.iterdir())) if sockets.exists() else 0,
            "shims": STACK.shims(),
            "vms": STACK.vms(),
            "mounts": len(pathlib.Path("/proc/self/mountinfo").read_text().splitlines()),
        }


if __name__ == "__main__":
    unittest.main()
