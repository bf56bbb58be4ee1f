# SPDX-License-Identifier: Apache-2.0
"""What a kubelet does with a pod all day: probes, logs, statistics, volumes that change."""

import json
import subprocess
import unittest

from kubevolume import set_version
from podcase import IMAGE, PodCase
from stack import eventually

setUpModule = PodCase.start_node
tearDownModule = PodCase.end_node

CLOCK = "i=0; while :; do echo out $i; echo err $i >&2; i=$((i+1)); sleep 0.1; done"


class Probes(PodCase):
    def test_liveness_by_exec_and_a_graceful_end(self):
        pod = self.node.run_pod("probes")
        container = pod.start("c", IMAGE, "sh", "-c",
                              "trap 'sleep 1; echo bye; exit 0' TERM; touch /tmp/alive; while :; do sleep 0.1; done")
        probe = lambda: self.node.crictl("exec", "--sync", "--timeout", 60, container, "test", "-e", "/tmp/alive",
                                         check=False).returncode
        eventually(lambda: probe() == 0, "the container is alive")
        for _ in range(15):
            self.assertEqual(probe(), 0)
        self.output(container, "rm", "/tmp/alive")
        self.assertNotEqual(probe(), 0)
        processes = self.output(container, "ps").splitlines()
        self.assertLess(len(processes), 8, "probes leave processes behind")
        # As the kubelet then does: SIGTERM first, and the container's last words count.
        self.node.crictl("stop", "--timeout", "100", container)
        status = pod.status(container)
        self.assertEqual((status["exitCode"], status["reason"]), (0, "Completed"))
        eventually(lambda: ("stdout", "bye") in pod.log("c"), "the last words are in the log")
        # One that does not listen is killed when its time is over.
        deaf = pod.start("deaf", IMAGE, "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
        self.node.crictl("stop", "--timeout", "1", deaf)
        self.assertEqual(pod.status(deaf)["exitCode"], 137)


class Logs(PodCase):
    def test_rotation_loses_and_doubles_no_line(self):
        pod = self.node.run_pod("logs")
        container = pod.start("c", IMAGE, "sh", "-c", CLOCK)
        log = pod.logs / "c.log"
        parts = []
        for number in range(3):
            eventually(lambda: log.exists() and len(log.read_text().splitlines()) > 5)
            rotated = log.with_name(f"c.log.{number}")
            log.rename(rotated)
            self.node.crictl("logs", "--reopen", "--tail", "0", container)
            parts.append(rotated)
        eventually(lambda: log.exists() and len(log.read_text().splitlines()) > 5)
        self.node.crictl("stop", "--timeout", "0", container)
        lines = "".join(part.read_text() for part in [*parts, log]).splitlines()
        for stream, word in (("stdout", "out"), ("stderr", "err")):
            numbers = [int(line.split()[-1]) for line in lines if line.split()[1] == stream]
            self.assertEqual(numbers, list(range(len(numbers))))
            self.assertTrue(all(line.split()[3] == word for line in lines if line.split()[1] == stream))

    def test_two_clients_attach_to_one_container(self):
        pod = self.node.run_pod("attach")
        container = pod.start("c", IMAGE, "sh", stdin=True)
        argv = self.node.crictl_argv("attach", "-i", container)
        clients = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                    text=True) for _ in range(2)]
        try:
            for number, client in enumerate(clients):
                # Whoever attaches sees what comes after; a shell answers a line of its own.
                client.stdin.write(f"echo from-{number}\n")
                client.stdin.flush()
                while client.stdout.readline() != f"from-{number}\n":
                    pass
        finally:
            for client in clients:
                client.kill()
                client.communicate()
        self.assertEqual(pod.status(container)["state"], "CONTAINER_RUNNING")
        eventually(lambda: [line for _, line in pod.log("c")] == ["from-0", "from-1"], lambda: pod.log("c"))


class Statistics(PodCase):
    def test_container_and_pod(self):
        pod = self.node.run_pod("stats")
        container = pod.start("c", IMAGE, "sh", "-c",
                              "x=$(head -c 20000000 /dev/zero | tr '\\0' x); sleep 1000; :")

        def numbers():
            return json.loads(self.node.crictl("stats", "-o", "json", "--id", container).stdout)["stats"][0]

        eventually(lambda: int(numbers()["memory"]["workingSetBytes"]["value"]) > 20_000_000, numbers)
        first = numbers()
        self.assertGreater(int(first["cpu"]["usageCoreNanoSeconds"]["value"]), 0)
        self.output(container, "sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
        second = numbers()
        for key in ("cpu", "memory"):
            self.assertGreater(int(second[key]["timestamp"]), int(first[key]["timestamp"]))
        self.assertGreater(int(second["cpu"]["usageCoreNanoSeconds"]["value"]),
                           int(first["cpu"]["usageCoreNanoSeconds"]["value"]))


class Volumes(PodCase):
    def test_config_maps_large_and_many(self):
        large, many = self.node.dir / "large", self.node.dir / "many"
        files = {f"key-{i:04}": f"value {i}\n" for i in range(1000)} | {"whole": "x" * (1 << 20)}
        set_version(large, 1, files)
        many.mkdir()
        mounts = [{"container_path": "/large", "host_path": str(large), "readonly": True}]
        for i in range(300):
            set_version(many / str(i), 1, {"key": f"{i} "})
            mounts.append({"container_path": f"/many/{i}", "host_path": str(many / str(i)), "readonly": True})
        pod = self.node.run_pod("volumes")
        first = pod.start("first", IMAGE, "sleep", "1000", mounts=mounts)
        second = pod.start("second", IMAGE, "sleep", "1000", mounts=mounts[:1])
        self.assertEqual(self.output(first, "sh", "-c", "i=0; while [ $i -lt 300 ]; do cat /many/$i/key; i=$((i+1)); done"),
                         "".join(f"{i} " for i in range(300)))
        sums = "cd /large; cat key-* | md5sum; md5sum < whole; ls | wc -l"
        self.assertEqual(self.output(first, "sh", "-c", sums), self.output(second, "sh", "-c", sums))
        here = subprocess.run(["sh", "-c", f"cd {large}; {sums.split('; ', 1)[1]}"], capture_output=True, text=True,
                              check=True).stdout
        self.assertEqual(self.output(first, "sh", "-c", sums), here)
        set_version(large, 2, files | {"key-0999": "changed\n"})
        for container in (first, second):
            eventually(lambda: self.output(container, "cat", "/large/key-0999") == "changed\n")


if __name__ == "__main__":
    unittest.main()
