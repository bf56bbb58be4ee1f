# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/encrypted-image.md does what it says: its commands, in order, as they stand there.

Only names are replaced: the registries by the private one, the trust service's port by a free one.
"""

import os
import re
import subprocess
import unittest

import ocilayout
from stack import BINARIES, TOP, Stack, free_port

HOWTO = (TOP / "docs/how-to/encrypted-image.md").read_text()
COMMANDS = [line.strip() for line in HOWTO.splitlines() if line.startswith("    ") and "…" not in line]
CONFIG = re.search(r"```toml\n(.*?)```", HOWTO, re.DOTALL).group(1)


class HowTo(unittest.TestCase):
    def shell(self, command):
        return subprocess.run(["bash", "-c", self.prelude + command], cwd=self.stack.dir, env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)

    def test_encrypted_image(self):
        port = free_port()
        with Stack(attestation=CONFIG.replace(":8080", f":{port}")) as self.stack:
            registry = self.stack.registry
            self.stack.push("plain:1", ocilayout.Image([ocilayout.busybox_layer()]))
            self.env = os.environ | {"PATH": f"{BINARIES}:{os.environ['PATH']}",
                                     "KATA_CC_CONFIG": str(self.stack.dir / "config.toml")}
            self.prelude = f'ctr() {{ command ctr -a {self.stack.dir}/containerd.sock "$@"; }}\n'
            runs = []
            for command in COMMANDS:
                command = command.replace("docker.io/library/busybox:1.36", f"{registry}/plain:1").replace(
                    "registry.example", registry).replace(":8080", f":{port}")
                with self.subTest(command):
                    if command.startswith("cc-trustee"):
                        argv = command.rstrip("& ").split() + ["--listen", f"127.0.0.1:{port}"]
                        trustee = self.stack.spawn("trustee", [str(BINARIES / argv[0]), *argv[1:]], cwd=self.stack.dir)
                        self.stack.wait_for_port("trustee", trustee, port)
                    elif command.startswith("export"):
                        self.prelude += command + "\n"
                    elif command.startswith("ctr run"):
                        runs.append(command)
                        denied = self.shell(command)
                        self.assertNotEqual(denied.returncode, 0)
                        self.assertIn("attestation: sample measurement abcde is not endorsed", denied.stderr)
                    else:
                        private = f" --plain-http {registry}" if "image encrypt" in command else ""
                        done = self.shell(command + private)
                        self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len(runs), 1)
            again = self.shell(runs[0])
            self.assertEqual((again.returncode, again.stdout), (0, "hello\n"), again.stderr)
            self.stack.await_clean()
        self.assertLess(len(COMMANDS), 10)


if __name__ == "__main__":
    unittest.main()
