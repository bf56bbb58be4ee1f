# SPDX-License-Identifier: Apache-2.0
"""cc-snapshotter under a real containerd: what a node keeps of an image, and what it survives."""

import json
import socket
import sqlite3
import unittest

import ocilayout
from crictl import Crictl
from stack import BINARIES, CONTAINERD_CONFIG, Stack, eventually

# A pod without a network: the plugin answers as if it had made an interface.
CNI_PLUGIN = """#!/bin/sh
[ "$CNI_COMMAND" = ADD ] || exit 0
cat >/dev/null
echo '{"cniVersion":"0.4.0","interfaces":[{"name":"eth0","sandbox":"'"$CNI_NETNS"'"}],
"ips":[{"version":"4","interface":0,"address":"10.99.0.2/24"}]}'
"""
CNI_CONFIG = {"cniVersion": "0.4.0", "name": "none", "plugins": [{"type": "none"}]}


class SnapshotterStack(Crictl, Stack):
    namespace = "k8s.io"  # that of the CRI plugin
    snapshotter = None
    starts = 0
    containerd_config = CONTAINERD_CONFIG.replace('disabled_plugins = ["io.containerd.grpc.v1.cri"]\n', "") + """
[proxy_plugins.cc]
type = "snapshot"
address = "{dir}/snapshotter/s.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "127.0.0.1:{port}/pause:1"
disable_apparmor = true
restrict_oom_score_adj = true
disable_hugetlb_controller = true
tolerate_missing_hugetlb_controller = true
disable_tcp_service = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{dir}/cni/bin"
conf_dir = "{dir}/cni/conf"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "cc"
default_runtime_name = "kata-cc"
disable_snapshot_annotations = false
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-cc]
runtime_type = "io.containerd.cc.v2"
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."127.0.0.1:{port}"]
endpoint = ["http://127.0.0.1:{port}"]
"""

    def start_containerd(self):
        plugins = self.dir / "cni/bin"
        plugins.mkdir(parents=True, exist_ok=True)
        for name in ("none", "loopback"):
            (plugins / name).write_text(CNI_PLUGIN)
            (plugins / name).chmod(0o755)
        (self.dir / "cni/conf").mkdir(exist_ok=True)
        (self.dir / "cni/conf/none.conflist").write_text(json.dumps(CNI_CONFIG))
        if self.snapshotter is None:
            self.listen()
            self.start_snapshotter()
        super().start_containerd()

    def listen(self):
        """As systemd does for cc-snapshotter.socket: the listening socket is there before the service, and stays."""
        self.address = self.dir / "snapshotter/s.sock"
        self.address.parent.mkdir(mode=0o700)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.address))
        self.listener.listen()

    def start_snapshotter(self):
        fd = self.listener.fileno()
        activate = ["sh", "-c", f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{fd}', "sh"]
        self.snapshotter = self.spawn("snapshotter", [*activate, str(BINARIES / "cc-snapshotter"), "--root",
                                                      str(self.dir / "snapshots"), "--address", str(self.address)],
                                      pass_fds=(fd,))
        # containerd's client gives a connection about a second until the server speaks, then pauses for longer.
        log = self.dir / "snapshotter.log"
        self.starts += 1
        self.await_service("snapshotter", self.snapshotter, lambda: log.read_text().count(" serving ") == self.starts)

    def kill_snapshotter(self):
        self.snapshotter.kill()
        self.snapshotter.wait()
        self.children.remove(self.snapshotter)

    def close(self):
        super().close()
        if self.snapshotter is not None:
            self.listener.close()

    def rows(self):
        """(name, kind) of what the snapshotter keeps."""
        database = sqlite3.connect(f"file:{self.dir}/snapshots/metadata.db?mode=ro", uri=True)
        try:
            return database.execute("SELECT name, kind FROM snapshot ORDER BY id").fetchall()
        finally:
            database.close()

    def unpacked(self):
        return sorted(path.name for path in (self.dir / "snapshots/unpack").iterdir())

    def pull(self, reference):
        """As a kubelet does. `ctr images pull` of containerd 1.6 cannot leave layers to a snapshotter."""
        self.crictl("pull", reference)

    def run(self, reference, name, *command, options=("--rm",), **kwargs):
        return super().run(reference, name, *command, options=("--snapshotter", "cc", *options), **kwargs)

    def remove_images(self):
        """With a garbage collection at the end."""
        references = self.ctr("images", "ls", "-q").stdout.split()
        if references:
            self.ctr("images", "rm", "--sync", *references)

    def blobs(self):
        """Digests in containerd's content store, of every namespace."""
        store = self.dir / "root/io.containerd.content.v1.content/blobs/sha256"
        return {f"sha256:{path.name}" for path in store.iterdir()} if store.exists() else set()

    def snapshots(self, snapshotter="cc"):
        lines = self.ctr("snapshots", "--snapshotter", snapshotter, "ls").stdout.splitlines()[1:]
        return [line.split()[0] for line in lines]


STACK = None


def setUpModule():
    global STACK
    STACK = SnapshotterStack()


def tearDownModule():
    STACK.close()


def image(text, config=None):
    """Two layers, the upper one with `text` in /text."""
    return ocilayout.Image([ocilayout.busybox_layer(), ocilayout.tar({"text": text.encode()})], config=config)


def layers(of):
    return {layer.digest for layer in of.layers}


class Snapshotter(unittest.TestCase):
    def tearDown(self):
        for name in STACK.containers():
            STACK.remove(name)
        STACK.remove_images()
        eventually(lambda: STACK.rows() == [], lambda: f"left behind: {STACK.rows()}")
        self.assertEqual(STACK.unpacked(), [])
        STACK.await_clean()

    def test_a_pull_downloads_and_unpacks_no_layer_and_the_guest_runs_it(self):
        content = image("hello")
        reference = STACK.upload("hello:1", content)
        STACK.pull(reference)
        self.assertFalse(layers(content) & STACK.blobs())
        self.assertEqual(len(STACK.snapshots()), 2)
        self.assertEqual(STACK.snapshots("overlayfs"), [])
        self.assertEqual(STACK.run(reference, "hello", "/bin/cat", "/text").stdout, "hello")
        self.assertFalse(layers(content) & STACK.blobs())

    def test_images_that_share_all_layers_keep_their_own_configuration(self):
        references = []
        for value in ("one", "two"):
            content = image("shared", {"Cmd": ["/bin/sh", "-c", "echo $VALUE"], "Env": ["PATH=/bin", f"VALUE={value}"]})
            references.append(STACK.upload(f"{value}:1", content))
            STACK.pull(references[-1])
            self.assertFalse(layers(content) & STACK.blobs())
        self.assertEqual(len(STACK.snapshots()), 2)
        for reference, value in zip(references, ("one", "two")):
            self.assertEqual(STACK.run(reference, f"c-{value}").stdout, f"{value}\n")

    def test_an_image_that_another_snapshotter_unpacked(self):
        content = image("other")
        reference = STACK.upload("other:1", content)
        STACK.ctr("images", "pull", "--plain-http", "--snapshotter", "overlayfs", reference)
        self.assertTrue(layers(content) <= STACK.blobs())
        self.assertEqual(STACK.run(reference, "other", "/bin/cat", "/text").stdout, "other")
        self.assertEqual(STACK.unpacked(), [])
        self.assertEqual(len(STACK.snapshots("overlayfs")), 2)

    def test_numeric_users_and_a_read_only_root(self):
        reference = STACK.upload("user:1", image("user", {"Cmd": ["/bin/id", "-u"], "User": "65534", "Env": ["PATH=/bin"]}))
        STACK.pull(reference)
        self.assertEqual(STACK.run(reference, "user").stdout, "65534\n")
        result = STACK.run(reference, "ro", "/bin/touch", "/x", options=("--rm", "--read-only"), check=False)
        self.assertIn("Read-only", result.stderr)

    def test_removing_the_image_first_keeps_its_layers_until_the_container_is_gone(self):
        reference = STACK.upload("order:1", image("order"))
        STACK.pull(reference)
        STACK.run(reference, "order", "/bin/sleep", "1000", options=("-d", "--null-io"))
        STACK.remove_images()
        self.assertEqual(len(STACK.rows()), 3)
        self.assertEqual(STACK.ctr("tasks", "exec", "--exec-id", "e", "order", "/bin/cat", "/text").stdout, "order")

    def test_kills_of_the_snapshotter_under_a_running_container(self):
        reference = STACK.upload("kill:1", image("kill"))
        STACK.pull(reference)
        STACK.run(reference, "kill", "/bin/sleep", "1000", options=("-d", "--null-io"))
        before = STACK.rows()
        STACK.kill_snapshotter()
        self.assertEqual(STACK.ctr("tasks", "exec", "--exec-id", "e", "kill", "/bin/cat", "/text").stdout, "kill")
        STACK.start_snapshotter()
        # Nobody was there for longer than containerd's client waits: it pauses, and connects again by itself.
        listing = lambda: STACK.ctr("snapshots", "--snapshotter", "cc", "ls", check=False)
        eventually(lambda: listing().returncode == 0, lambda: listing().stderr)
        self.assertEqual(STACK.rows(), before)
        self.assertEqual(STACK.run(reference, "again", "/bin/cat", "/text").stdout, "kill")
        STACK.remove("kill")

    def test_a_kill_of_containerd(self):
        reference = STACK.upload("crash:1", image("crash"))
        STACK.pull(reference)
        STACK.kill_containerd()
        STACK.start_containerd()
        self.assertEqual(STACK.run(reference, "crash", "/bin/cat", "/text").stdout, "crash")

    def test_users_by_name_are_refused_by_containerd(self):
        """containerd looks names up on the node, where there is no /etc/passwd. docs/how-to/snapshotter.md says so."""
        reference = STACK.upload("name:1", image("name", {"Cmd": ["/bin/id"], "User": "nobody", "Env": ["PATH=/bin"]}))
        STACK.pull(reference)
        result = STACK.run(reference, "name", check=False)
        self.assertIn("no such file or directory", result.stderr)


class Kubelet(unittest.TestCase):
    def test_a_pod(self):
        content = image("pod")
        reference = STACK.upload("pod:1", content)
        pause = ocilayout.Image([ocilayout.busybox_layer()], config={"Cmd": ["/bin/sleep", "1000000"], "Env": ["PATH=/bin"]})
        STACK.upload("pause:1", pause)
        STACK.pull(reference)
        self.assertFalse(layers(content) & STACK.blobs())
        pod = STACK.run_pod("pod")
        try:
            container = pod.start("c", reference, "/bin/sleep", "1000")
            self.assertEqual(STACK.crictl("exec", "--sync", container, "/bin/cat", "/text").stdout.strip(), "pod")
            self.assertFalse((layers(content) | layers(pause)) & STACK.blobs())
        finally:
            pod.remove()
        STACK.crictl("rmi", reference, f"{STACK.registry}/pause:1")
        eventually(lambda: STACK.rows() == [], lambda: f"left behind: {STACK.rows()}")


if __name__ == "__main__":
    unittest.main()
