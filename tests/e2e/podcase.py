# SPDX-License-Identifier: Apache-2.0
"""What tests of pods have in common: a node for the module, and a look at what is left after each test."""

import re
import unittest

import ocilayout
from crinode import CriNode

IMAGE = "registry.k8s.io/pods/busybox:1"
# Longer than crictl waits for anything: what ends earlier did not wait for the guest.
AGENT_TIMEOUT = 600


class PodCase(unittest.TestCase):
    """A module says `setUpModule = PodCase.start_node` and `tearDownModule = PodCase.end_node`."""

    node = None

    @staticmethod
    def start_node(kind=CriNode):
        PodCase.node = kind(vmm=f"agent_timeout_s = {AGENT_TIMEOUT}")
        busybox = ocilayout.Layer(ocilayout.busybox_layer())
        PodCase.node.push(IMAGE, ocilayout.Image([busybox]))
        PodCase.node.push("registry.k8s.io/pause:3.6", ocilayout.Image([busybox], config={
            "Cmd": ["sleep", "1000000000"], "Env": ["PATH=/bin"]}))

    @staticmethod
    def end_node():
        PodCase.node.close()

    def tearDown(self):
        removed = self.node.remove_pods()
        self.assertEqual(removed.returncode, 0, removed.stderr)
        self.node.await_clean()

    def exec(self, container, *command):
        """A streaming exec: (exit code, stdout, stderr)."""
        result = self.node.crictl("exec", container, *command, check=False)
        code = re.search(r"command terminated with exit code (\d+)", result.stderr)
        return int(code.group(1)) if code else result.returncode, result.stdout, result.stderr

    def output(self, container, *command):
        code, out, err = self.exec(container, *command)
        self.assertEqual(code, 0, err)
        return out

    def sandbox(self, **config):
        """A pod with one container that sleeps: (pod, container's id)."""
        pod = self.node.run_pod(self._testMethodName.replace("_", "-")[-40:].strip("-"), **config)
        return pod, pod.start("c", IMAGE, "sleep", "1000")
