# SPDX-License-Identifier: Apache-2.0
"""Bad input and sudden deaths: a clear error that names the cause, within seconds, nothing left on the host."""

import gzip
import http.server
import io
import os
import signal
import subprocess
import tarfile
import threading
import unittest

import ocilayout
from stack import RUNTIME, Stack, eventually

STACK = None
IMAGE = None


def setUpModule():
    global STACK, IMAGE
    STACK = Stack(more_plain_http=["127.0.0.1:1"])
    IMAGE = STACK.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))


def tearDownModule():
    STACK.close()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Failure(unittest.TestCase):
    def tearDown(self):
        for name in STACK.containers():
            STACK.remove(name)
        STACK.await_clean()

    def refused(self, reference, *words, name="bad", stack=None):
        """Runs the image and expects an error that contains each of the words."""
        result = (stack or STACK).run(reference, name, "/bin/true", check=False)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        for word in words:
            self.assertIn(word, result.stderr)
        return result.stderr

    def start(self, name="victim"):
        STACK.run(IMAGE, name, "/bin/sleep", "1000", options=("-d", "--null-io"))

    def await_stopped(self, name="victim"):
        def stopped():
            words = [line.split() for line in STACK.ctr("tasks", "ls").stdout.splitlines() if line.strip()]
            return not any(word[0] == name and word[2] != "STOPPED" for word in words)
        eventually(stopped, f"{name} is stopped")

    # -- images ---------------------------------------------------------------------------------------------

    def damaged(self, name, change):
        """Pushes an image, then changes its layer's bytes inside the registry's storage."""
        layer = ocilayout.Layer(ocilayout.tar({"unique": os.urandom(4096)}))
        reference = STACK.push(name, ocilayout.Image([layer]))
        path = STACK.blob_path(layer.digest)
        path.write_bytes(change(path.read_bytes()))
        return reference, layer.digest

    def test_layer_with_other_bytes_than_its_digest(self):
        reference, digest = self.damaged("flipped:1", lambda data: data[:-100] + bytes([data[-100] ^ 1]) + data[-99:])
        self.refused(reference, digest)

    def test_truncated_layer(self):
        reference, digest = self.damaged("short:1", lambda data: data[:len(data) // 2])
        self.refused(reference, digest)

    def test_layer_that_unpacks_to_another_diff_id(self):
        wrong = ocilayout.sha256(b"something else")
        reference = STACK.push("diffid:1", ocilayout.Image([ocilayout.Layer(ocilayout.tar({"a": b"x"}), diff_id=wrong)]))
        self.refused(reference, wrong)

    def test_image_that_the_registry_lost(self):
        reference = STACK.push("lost:1", ocilayout.Image([ocilayout.busybox_layer()]))
        tag = STACK.dir / "registry/docker/registry/v2/repositories/lost/_manifests/tags/1/current/link"
        tag.unlink()
        self.refused(reference, reference, "404")

    def test_registry_that_is_not_there(self):
        reference = STACK.push("moved:1", ocilayout.Image([ocilayout.busybox_layer()]))
        absent = "127.0.0.1:1/moved:1"
        STACK.ctr("images", "tag", reference, absent)
        self.refused(absent, "127.0.0.1:1")

    def test_registry_that_answers_500(self):
        class Broken(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_error(500)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broken)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        try:
            with Stack(more_plain_http=[host]) as stack:
                reference = stack.push("x:1", ocilayout.Image([ocilayout.busybox_layer()]))
                stack.ctr("images", "tag", reference, f"{host}/x:1")
                self.refused(f"{host}/x:1", "500", stack=stack)
        finally:
            server.shutdown()
            server.server_close()

    def test_layer_that_climbs_out_of_its_root(self):
        for i, path in enumerate(["../../etc/evil", "a/../../../evil"]):
            with self.subTest(path):
                reference = STACK.push(f"climb:{i}", ocilayout.Image([ocilayout.tar({path: b"x"})]))
                self.refused(reference, "..", name=f"climb{i}")

    def test_plain_http_is_refused_for_a_registry_not_configured_so(self):
        with Stack() as stack:
            reference = stack.push("x:1", ocilayout.Image([ocilayout.busybox_layer()]))
            config = stack.dir / "config.toml"
            config.write_text(config.read_text().replace("insecure_plain_http", "mirrors").replace(
                f'mirrors = ["127.0.0.1:{stack.registry_port}"]', "mirrors = []"))
            self.refused(reference, stack.registry, stack=stack)

    def test_gzip_bomb_stops_at_the_guests_limit(self):
        size = 3 << 30  # far more than the guest's memory
        info = tarfile.TarInfo("zeros")
        info.size = size
        compressed = io.BytesIO()
        with gzip.GzipFile(fileobj=compressed, mode="wb", compresslevel=9, mtime=0) as out:
            out.write(info.tobuf())
            for _ in range(size >> 20):
                out.write(bytes(1 << 20))
            out.write(bytes(1024))
        # The claimed diff_id is false too: the limit must stop it before the end is reached.
        bomb = ocilayout.Layer(blob=compressed.getvalue(), diff_id=ocilayout.sha256(b"bomb"))
        self.refused(STACK.push("bomb:1", ocilayout.Image([bomb])), "may take", "failed precondition")

    # -- configuration --------------------------------------------------------------------------------------

    def test_configuration_errors_reach_the_user(self):
        cases = [
            (lambda text: "nonsense = 1\n" + text, "unknown key nonsense"),
            (lambda text: text.replace('kernel = "', 'kernel = "/no/such'), "/no/such"),
            (lambda text: text.replace("[vmm]", '[vmm]\ntee = "cca"'), "cca"),
            (lambda text: text.replace("[vmm]", '[vmm]\nbackend = "vmware"'), "vmware"),
            (lambda text: text.replace("[vmm]", '[vmm]\naccel = "kvm"'), "kvm"),
        ]
        with Stack() as stack:
            reference = stack.push("x:1", ocilayout.Image([ocilayout.busybox_layer()]))
            path = stack.dir / "config.toml"
            good = path.read_text()
            for i, (change, word) in enumerate(cases):
                with self.subTest(word):
                    path.write_text(change(good))
                    self.refused(reference, word, stack=stack, name=f"bad{i}")
            path.unlink()
            self.refused(reference, str(path), stack=stack, name="missing")

    # -- sudden deaths --------------------------------------------------------------------------------------

    def test_vm_killed(self):
        self.start()
        os.kill(STACK.vms()[0], signal.SIGKILL)
        self.await_stopped()
        self.assertIn("exit code 137", STACK.ctr("tasks", "delete", "victim").stderr)

    def test_foreground_client_learns_of_a_killed_vm(self):
        client = subprocess.Popen(STACK.argv("run", "--rm", "--runtime", RUNTIME, IMAGE, "victim", "/bin/sh", "-c",
                                             "echo up; sleep 1000"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.assertEqual(client.stdout.readline(), b"up\n")
        os.kill(STACK.vms()[0], signal.SIGKILL)
        client.communicate(timeout=120)
        self.assertEqual(client.returncode, 137)

    def test_guest_kernel_panics(self):
        """Also what the death of the agent is: it is the guest's process 1."""
        result = STACK.run(IMAGE, "panic", "/bin/sh", "-c", "echo c > /proc/sysrq-trigger; sleep 1000", check=False,
                           options=("--rm", "--privileged"))
        self.assertEqual(result.returncode, 137, result.stderr)

    def test_shim_killed(self):
        self.start()
        vm = STACK.vms()[0]
        os.kill(STACK.shims()[0], signal.SIGKILL)
        eventually(lambda: not alive(vm), "the VM ends with its shim")
        self.await_stopped()

    def test_containerd_killed_and_started_again_finds_the_container(self):
        self.start()
        STACK.kill_containerd()
        STACK.start_containerd()
        result = STACK.ctr("tasks", "exec", "--exec-id", "e1", "victim", "/bin/echo", "still here")
        self.assertEqual(result.stdout, "still here\n")

    def test_containerd_killed_while_a_pull_runs(self):
        class Stalling(http.server.BaseHTTPRequestHandler):
            asked = threading.Event()
            release = threading.Event()

            def do_GET(self):
                self.asked.set()
                self.release.wait()

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stalling)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        try:
            with Stack(more_plain_http=[host]) as stack:
                reference = stack.push("x:1", ocilayout.Image([ocilayout.busybox_layer()]))
                stack.ctr("images", "tag", reference, f"{host}/x:1")
                client = subprocess.Popen(stack.argv("run", "--rm", "--runtime", RUNTIME, f"{host}/x:1", "victim",
                                                     "/bin/true"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL)
                self.assertTrue(Stalling.asked.wait(120), "the guest does not pull")
                stack.kill_containerd()
                client.wait(timeout=120)
                stack.start_containerd()
                for name in stack.containers():
                    stack.remove(name)
                stack.await_clean()
        finally:
            Stalling.release.set()
            server.shutdown()
            server.server_close()


if __name__ == "__main__":
    unittest.main()
