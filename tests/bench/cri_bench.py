#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev bench: figures of pods as a kubelet makes them, through containerd's CRI plugin. Nothing is asserted.

    tests/bench/cri_bench.py [--runs 10] [--parallel 8] [--pods 100]

Each time includes that of one crictl process; the first line says how much that is.
"""

import argparse
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import ocilayout  # noqa: E402
from crinode import CriNode  # noqa: E402
from stack import read  # noqa: E402

IMAGE = "registry.k8s.io/bench/busybox:1"
LARGE = "registry.k8s.io/bench/large:1"


def report(name, values, unit="ms"):
    values = sorted(values)
    p95 = values[min(len(values) - 1, round(0.95 * (len(values) - 1)))]
    print(f"{name:58s} p50 {statistics.median(values):9.1f}  p95 {p95:9.1f} {unit}  (n={len(values)}, "
          f"load {os.getloadavg()[0]:.0f})", flush=True)


def milliseconds(action, *args, **kwargs):
    started = time.perf_counter()
    result = action(*args, **kwargs)
    return (time.perf_counter() - started) * 1000, result


def push_images(node):
    busybox = ocilayout.Layer(ocilayout.busybox_layer())
    node.push(IMAGE, ocilayout.Image([busybox]))
    node.push("registry.k8s.io/pause:3.6", ocilayout.Image([busybox], config={"Cmd": ["sleep", "1000000000"],
                                                                            "Env": ["PATH=/bin"]}))
    noise = ocilayout.tar({f"data/{i}": os.urandom(1 << 20) for i in range(100)})
    node.push(LARGE, ocilayout.Image([busybox, ocilayout.Layer(noise)]))
    for image in (IMAGE, LARGE):
        node.crictl("pull", image)


def start(pod, name="c", image=IMAGE):
    """CreateContainer and StartContainer; the image is on the node already, and the guest pulls its own copy."""
    path = pod.container_config(name, image, "sleep", "1000")
    container = pod.node.crictl("create", pod.id, path, pod.config).stdout.strip()
    pod.node.crictl("start", container)
    return container


def alone(node, runs):
    sandboxes, containers, removals = [], [], []
    for i in range(runs):
        took, pod = milliseconds(node.run_pod, f"alone{i}")
        sandboxes.append(took)
        containers.append(milliseconds(start, pod)[0])
        removals.append(milliseconds(pod.remove)[0])
    report("RunPodSandbox, alone", sandboxes)
    report("CreateContainer and StartContainer, pull in the guest", containers)
    report("StopPodSandbox and RemovePodSandbox of a running pod", removals)


def side_by_side(node, parallel, rounds=2):
    sandboxes, containers = [], []

    def one(name):
        took, pod = milliseconds(node.run_pod, name)
        sandboxes.append(took)
        # The container's file is named after it.
        containers.append(milliseconds(start, pod, name)[0])

    for i in range(rounds):
        with ThreadPoolExecutor(parallel) as pool:
            for done in [pool.submit(one, f"p{i}-{j}") for j in range(parallel)]:
                done.result()
        node.remove_pods()
    report(f"RunPodSandbox, {parallel} at once", sandboxes)
    report(f"CreateContainer and StartContainer, {parallel} at once", containers)


def exec_during_a_pull(node):
    pod = node.run_pod("pull")
    container = start(pod)
    execs = lambda: milliseconds(node.crictl, "exec", "--sync", container, "true")[0]
    report("ExecSync of true in an idle pod", [execs() for _ in range(20)])
    pull = threading.Thread(target=start, args=(pod, "second", LARGE))
    began = time.perf_counter()
    pull.start()
    times = []
    while pull.is_alive():
        times.append(execs())
    report(f"ExecSync while the pod pulls another 100 MB ({time.perf_counter() - began:.1f} s)", times)
    node.remove_pods()


def failures(node, runs):
    def until(done):
        while not done():
            time.sleep(0.02)

    ends, removals = [], []
    for i in range(runs):
        pod = node.run_pod(f"killed{i}")
        container = start(pod)
        os.kill(node.vms()[0], signal.SIGKILL)
        ends.append(milliseconds(until, lambda: pod.status(container)["state"] == "CONTAINER_EXITED" and
                                 pod.sandbox_state() == "SANDBOX_NOTREADY")[0])
        pod.remove()
        pod = node.run_pod(f"hung{i}")
        start(pod)
        os.kill(node.vms()[0], signal.SIGSTOP)
        removals.append(milliseconds(pod.remove)[0])
    report("VMM killed: until container and sandbox are told so", ends)
    report("forced removal of a pod whose guest hangs", removals)


def resources(node):
    """What pods must not use up, on the node and in containerd."""
    def lines(*argv):
        return len(subprocess.run([*node.inside, *argv], capture_output=True, text=True, check=True).stdout.splitlines())

    # nsenter has become containerd itself.
    pid = node.containerd.pid
    status = read(f"/proc/{pid}/status").decode()
    rss = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return {
        "containerd's RSS (MB)": round(rss / 1024, 1),
        "containerd's descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "mounts": lines("cat", "/proc/self/mounts"),
        "control groups": sum(1 for _ in pathlib.Path("/sys/fs/cgroup").rglob("cgroup.procs")),
        "network namespaces": lines("ls", "/run/netns"),
        "interfaces": lines("ls", "/sys/class/net"),
        "shim sockets": lines("ls", "/run/containerd/s"),
        "shims and VMs": len(node.shims()) + len(node.vms()),
        "state directories": len(node.leftovers()["state"]),
    }


def in_sequence(node, pods):
    for i in range(3):
        node.run_pod(f"warm{i}").remove()
    before = resources(node)
    began = time.perf_counter()
    for i in range(pods):
        pod = node.run_pod(f"seq{i}")
        start(pod)
        pod.remove()
    each = (time.perf_counter() - began) / pods
    time.sleep(2)
    after = resources(node)
    print(f"{pods} pods with a container, made and removed one after the other, {each:.1f} s each: before -> after")
    for what, value in before.items():
        print(f"    {what:30s} {value:>10} -> {after[what]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--pods", type=int, default=100)
    arguments = parser.parse_args()
    with CriNode() as node:
        push_images(node)
        version = next(line.split()[1] for line in node.crictl("version").stdout.splitlines() if "RuntimeVersion" in line)
        print(f"# pods through CRI: {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, containerd "
              f"{version}, guests of 1 vCPU and 512 MiB, accel=auto")
        report("crictl version: a process and a call, in each figure below",
               [milliseconds(node.crictl, "version")[0] for _ in range(20)])
        alone(node, arguments.runs)
        side_by_side(node, arguments.parallel)
        exec_during_a_pull(node)
        failures(node, max(1, arguments.runs // 3))
        in_sequence(node, arguments.pods)


if __name__ == "__main__":
    main()
