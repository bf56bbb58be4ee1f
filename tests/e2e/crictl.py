# SPDX-License-Identifier: Apache-2.0
"""Drives containerd's CRI plugin as a kubelet does, with the Kubernetes project's crictl (tests/conformance/build)."""

import json
import os
import pathlib
import subprocess

from stack import TOP, Failure, eventually

TOOLS = pathlib.Path(os.environ.get("CC_CRI_TOOLS", TOP / "build/conformance"))
HANDLER = "kata-cc"

# What a kubelet asks for unless the pod says shareProcessNamespace.
OWN_PIDS = {"security_context": {"namespace_options": {"pid": 1}}}


class Crictl:
    """Beside stack.Stack: pod = stack.run_pod("a"); container = pod.start("c", image, "sleep", "10")"""

    @property
    def endpoint(self):
        return f"unix://{self.dir}/containerd.sock"

    def crictl_argv(self, *args):
        if not (TOOLS / "crictl").exists():
            raise Failure(f"{TOOLS}/crictl is not there; tests/conformance/build makes it")
        return [*self.inside, str(TOOLS / "crictl"), "--runtime-endpoint", self.endpoint, "--image-endpoint",
                self.endpoint, "--timeout", "120s", *map(str, args)]

    def crictl(self, *args, check=True, timeout=180, **kwargs):
        kwargs = {"stdin": subprocess.DEVNULL} | kwargs if "input" not in kwargs else kwargs
        result = subprocess.run(self.crictl_argv(*args), capture_output=True, text=True, errors="replace",
                                timeout=timeout, check=False, **kwargs)
        if check and result.returncode != 0:
            raise Failure(f"crictl {' '.join(map(str, args))} ended with {result.returncode}: {result.stderr.strip()}")
        return result

    def inspect(self, command, object_id):
        """inspect (container) or inspectp (pod) as a dictionary."""
        return json.loads(self.crictl(command, "-o", "json", object_id).stdout)

    def pod_config(self, name, **config):
        """Writes a PodSandboxConfig that `config` is merged into. Returns (its path, the pod's log directory)."""
        logs = self.dir / "logs" / name
        logs.mkdir(parents=True, exist_ok=True)
        config = {"metadata": {"name": name, "namespace": "test", "uid": name, "attempt": 1},
                  "log_directory": str(logs), "linux": OWN_PIDS} | config
        path = self.dir / f"pod-{name}.json"
        path.write_text(json.dumps(config))
        return path, logs

    def run_pod(self, name, handler=HANDLER, **config):
        """RunPodSandbox. Returns a Pod."""
        path, logs = self.pod_config(name, **config)
        return Pod(self, self.crictl("runp", "--runtime", handler, path).stdout.strip(), path, logs)

    def refuse_pod(self, name, handler=HANDLER, **config):
        """What a RunPodSandbox that must fail says."""
        result = self.crictl("runp", "--runtime", handler, self.pod_config(name, **config)[0], check=False)
        if result.returncode == 0:
            raise Failure(f"pod {name} runs")
        return result.stderr

    def remove_pods(self):
        return self.crictl("rmp", "--all", "--force", check=False)


class Pod:
    """A running sandbox and what is asked of it."""

    def __init__(self, node, pod_id, config, logs):
        self.node, self.id, self.config, self.logs = node, pod_id, config, logs

    def create(self, name, image, *command, **config):
        """CreateContainer; returns the container's id. Keys of ContainerConfig by name."""
        path = self.container_config(name, image, *command, **config)
        return self.node.crictl("create", "--with-pull", self.id, path, self.config).stdout.strip()

    def container_config(self, name, image, *command, **config):
        config = {"metadata": {"name": name, "attempt": config.pop("attempt", 0)}, "image": {"image": image},
                  "log_path": f"{name}.log", "linux": OWN_PIDS} | ({"command": list(command)} if command else {}) | config
        path = self.node.dir / f"container-{name}.json"
        path.write_text(json.dumps(config))
        return path

    def start(self, name, image, *command, **config):
        container = self.create(name, image, *command, **config)
        self.node.crictl("start", container)
        return container

    def refuse(self, name, image, *command, pull=True, **config):
        """What a container that must not start gets to hear, as the kubelet would show it."""
        path = self.container_config(name, image, *command, **config)
        result = self.node.crictl("create", *(["--with-pull"] if pull else []), self.id, path, self.config, check=False)
        if result.returncode == 0:  # containerd's CreateContainer makes no task; StartContainer does
            result = self.node.crictl("start", result.stdout.strip(), check=False)
        if result.returncode == 0:
            raise Failure(f"container {name} runs")
        return result.stderr

    def log(self, name):
        """[(stream, line)] of a container's log file."""
        lines = (self.logs / f"{name}.log").read_text().splitlines()
        return [(line.split(" ", 3)[1], line.split(" ", 3)[3]) for line in lines]

    def status(self, container):
        return self.node.inspect("inspect", container)["status"]

    def await_state(self, container, wanted):
        """The status, once its state is `wanted`."""
        def reached():
            status = self.status(container)
            return status if status["state"] == wanted else None
        return eventually(reached, lambda: f"container {container} is {self.status(container)['state']}, not {wanted}")

    def sandbox_state(self):
        return self.node.inspect("inspectp", self.id)["status"]["state"]

    def ip(self):
        return self.node.inspect("inspectp", self.id)["status"]["network"]["ip"]

    def stop(self):
        self.node.crictl("stopp", self.id)

    def remove(self):
        self.node.crictl("rmp", "--force", self.id)
