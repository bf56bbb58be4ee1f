# SPDX-License-Identifier: Apache-2.0
"""Volumes without a shared file system: copied and kept current, emptyDir in the guest, termination messages."""

import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

import ocilayout
from kubevolume import set_version
from stack import Stack, eventually

STACK = None
IMAGE = None
SHARED = "/run/kata-containers/shared/containers"


def setUpModule():
    global STACK, IMAGE
    STACK = Stack()
    IMAGE = STACK.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))


def tearDownModule():
    STACK.close()


def bind(source, destination, *options):
    return ["--mount", f"type=bind,src={source},dst={destination},options=" + ":".join(("rbind", *options))]


class Volumes(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(dir=STACK.dir, prefix="vol"))
        self.mounts = []
        self.execs = 0

    def tearDown(self):
        for name in reversed(STACK.containers()):
            STACK.remove(name)
        for mount in self.mounts:
            subprocess.run(["umount", str(mount)], check=True)
        STACK.await_clean()

    def start(self, name, *command, options=()):
        STACK.run(IMAGE, name, *command, options=("-d", "--null-io", *options))

    def member(self, name, *command, kind="container", options=()):
        """A container of the pod "pod", as CRI would describe it."""
        annotations = []
        for pair in (f"io.kubernetes.cri.container-type={kind}", "io.kubernetes.cri.sandbox-id=pod",
                     f"io.kubernetes.cri.image-name={IMAGE}"):
            annotations += ["--annotation", pair]
        self.start(name, *command, options=(*annotations, *options))

    def shell(self, name, script, check=True):
        self.execs += 1
        return STACK.ctr("tasks", "exec", "--exec-id", f"e{self.execs}", name, "/bin/sh", "-c", script, check=check)

    def await_output(self, name, script, wanted):
        seen = lambda: self.shell(name, script, check=False).stdout
        eventually(lambda: seen() == wanted, lambda: f"{script} says {seen()!r}, not {wanted!r}")

    def refused(self, *options, says):
        result = STACK.run(IMAGE, "refused", "/bin/true", options=("--rm", *options), check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(says, result.stderr)
        STACK.remove("refused")

    def test_copies_keep_content_mode_owner_and_links(self):
        data = self.dir / "data"
        (data / "sub").mkdir(parents=True)
        (data / "sub/file").write_text("content\n")
        os.chmod(data / "sub/file", 0o4640)
        os.chown(data / "sub/file", 1234, 4321)
        os.chmod(data / "sub/file", 0o4640)
        (data / "out").symlink_to("/etc/shadow")
        (data / "large").write_bytes(os.urandom(5_000_000))
        expected = subprocess.run(["md5sum"], input=(data / "large").read_bytes(), capture_output=True, check=True)
        result = STACK.run(IMAGE, "copy", "/bin/sh", "-c",
                           "cat /data/sub/file; stat -c '%a %u:%g' /data/sub/file; readlink /data/out; "
                           "md5sum < /data/large; touch /data/x 2>/dev/null || echo read-only; touch /rw/x && echo rw",
                           options=("--rm", *bind(data, "/data", "ro"), *bind(data, "/rw", "rw")))
        self.assertEqual(result.stdout, "content\n4640 1234:4321\n/etc/shadow\n" + expected.stdout.decode() +
                         "read-only\nrw\n")
        self.assertFalse((data / "x").exists())

    def test_kubernetes_volume_is_kept_current(self):
        volume = self.dir / "config"
        set_version(volume, 1, {"key": "one", "dropped": "x"})
        self.start("config", "/bin/sleep", "1000", options=bind(volume, "/config", "ro"))
        self.assertEqual(self.shell("config", "cat /config/key /config/dropped").stdout, "onex")
        for number in (2, 3):
            set_version(volume, number, {"key": f"content {number}", "added": "new"})
            self.await_output("config", "cat /config/added /config/key", f"newcontent {number}")
        self.assertEqual(self.shell("config", "cd /config; ls -A").stdout.split(),
                         ["..2026_01_01_00_00_03.3", "..data", "added", "key"])

    def test_hosts_file_is_kept_current_in_place(self):
        hosts = self.dir / "hosts"
        hosts.write_text("127.0.0.1 localhost\n")
        self.start("hosts", "/bin/sleep", "1000", options=bind(hosts, "/etc/hosts", "ro"))
        hosts.write_text("127.0.0.1 localhost\n10.0.0.1 later\n")
        self.await_output("hosts", "grep -c later /etc/hosts", "1\n")
        hosts.write_text("short\n")
        self.await_output("hosts", "cat /etc/hosts", "short\n")

    def test_empty_dir_is_shared_by_the_containers_of_a_pod(self):
        volumes = self.dir / "pods/uid/volumes/kubernetes.io~empty-dir"
        (volumes / "cache").mkdir(parents=True)
        os.chmod(volumes / "cache", 0o777)
        memory = volumes / "memory"
        memory.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=777", "tmpfs", str(memory)], check=True)
        self.mounts.append(memory)
        part = self.dir / "pods/uid/volume-subpaths/cache/main/0"
        part.mkdir(parents=True)
        (volumes / "cache/sub").mkdir()
        subprocess.run(["mount", "--bind", str(volumes / "cache/sub"), str(part)], check=True)
        self.mounts.append(part)

        both = [*bind(volumes / "cache", "/cache"), *bind(memory, "/memory")]
        self.member("pod", kind="sandbox")
        self.member("init", "/bin/sh", "-c", "echo from-init > /cache/f; echo m > /memory/f; mkdir -p /cache/sub; "
                    "echo s > /cache/sub/f", options=both)
        self.await_stopped("init")
        STACK.remove("init")
        self.member("main", "/bin/sleep", "1000", options=[*bind(volumes / "cache", "/c"), *bind(memory, "/m"),
                                                            *bind(part, "/part")])
        self.assertEqual(self.shell("main", "cat /c/f /m/f /part/f").stdout, "from-init\nm\ns\n")
        self.assertEqual(self.shell("main", "df -k /m | tail -1 | awk '{print $2}'").stdout, "4096\n")
        full = self.shell("main", "head -c 5000000 /dev/zero > /m/big", check=False)
        self.assertNotEqual(full.returncode, 0, "the size limit does not hold")
        self.member("side", "/bin/sleep", "1000", options=both)
        self.shell("side", "echo from-side > /cache/g")
        self.assertEqual(self.shell("main", "cat /c/g").stdout, "from-side\n")
        self.assertEqual(sorted(path.name for path in (volumes / "cache").iterdir()), ["sub"])
        self.assertEqual(list(memory.iterdir()), [])

    def await_stopped(self, name):
        eventually(lambda: any(line.split()[0] == name and "STOPPED" in line
                               for line in STACK.ctr("tasks", "ls").stdout.splitlines()[1:]), f"{name} stops")

    def test_copies_go_with_their_container(self):
        data = self.dir / "data"
        data.mkdir()
        (data / "file").write_text("x" * 3_000_000)
        self.member("pod", kind="sandbox")
        self.member("watcher", "/bin/sleep", "1000")
        used = "df -k / | tail -1 | awk '{print $3}'"
        self.member("warm", "/bin/sleep", "1000", options=bind(data, "/data"))
        STACK.remove("warm")
        before = int(self.shell("watcher", used).stdout)
        for i in range(5):
            self.member(f"c{i}", "/bin/sleep", "1000", options=bind(data, "/data"))
            STACK.remove(f"c{i}")
        self.assertLess(int(self.shell("watcher", used).stdout) - before, 3000, "copies stay in the guest")

    def test_termination_message_reaches_the_host(self):
        message = self.dir / "message"
        message.write_text("")
        result = STACK.run(IMAGE, "term", "/bin/sh", "-c",
                           "head -c 5000 /dev/zero | tr '\\0' x > /dev/termination-log; "
                           "echo the-end >> /dev/termination-log; exit 3",
                           options=("--rm", *bind(message, "/dev/termination-log")), check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertEqual(message.read_text(), "x" * (4096 - 8) + "the-end\n")

    def test_three_hundred_volumes(self):
        options = []
        for i in range(300):
            set_version(self.dir / f"v{i}", 1, {"key": f"{i} "})
            options += bind(self.dir / f"v{i}", f"/v/{i}", "ro")
        self.start("many", "/bin/sleep", "1000", options=options)
        self.assertEqual(self.shell("many", "i=0; while [ $i -lt 300 ]; do cat /v/$i/key; i=$((i+1)); done").stdout,
                         "".join(f"{i} " for i in range(300)))
        set_version(self.dir / "v299", 2, {"key": "new"})
        self.await_output("many", "cat /v/299/key", "new")

    def test_refusals_name_the_mount_and_leave_the_pod_usable(self):
        self.member("pod", kind="sandbox")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.dir / "socket"))
        self.addCleanup(listener.close)
        big = self.dir / "big"
        big.mkdir()
        with open(big / "file", "wb") as file:
            file.truncate(65 << 20)
        with_fifo = self.dir / "with-fifo"
        with_fifo.mkdir()
        os.mkfifo(with_fifo / "fifo")
        pod = ["--annotation", "io.kubernetes.cri.container-type=container", "--annotation",
               "io.kubernetes.cri.sandbox-id=pod", "--annotation", f"io.kubernetes.cri.image-name={IMAGE}"]
        for source, destination, option, says in (
                (self.dir / "socket", "/x", "ro", "socket"), ("/dev/null", "/x", "ro", "device"),
                ("/proc", "/host/proc", "ro", "kernel"), (with_fifo, "/x", "ro", "with-fifo/fifo is a FIFO"),
                (big, "/x", "ro", "volumes.copy_limit_mib"), (self.dir, "/x/../../etc", "ro", "without '..'"),
                (self.dir / "absent", "/x", "ro", "No such file"), (self.dir, "/x", "rshared", "mountPropagation")):
            with self.subTest(source=str(source), option=option):
                self.refused(*pod, *bind(source, destination, option), says=says)
                self.refused(*pod, *bind(source, destination, option), says=f"{source} on {destination}")
        self.member("good", "/bin/sleep", "1000")
        self.assertEqual(self.shell("good", "echo usable").stdout, "usable\n")


if __name__ == "__main__":
    unittest.main()
