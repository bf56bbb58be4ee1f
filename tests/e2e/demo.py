# SPDX-License-Identifier: Apache-2.0
"""./dev demo: a container in a VM, its image pulled and unpacked inside the guest, driven by a real containerd.

Then the same with an encrypted image, whose key only an endorsed guest gets.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time

import ocilayout
from stack import BINARIES, RUNTIME, Failure, Stack, free_port
from trust import DENY_ALL, Trustee, attestation_config

BOLD, DIM, RESET = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def step(text):
    print(f"{BOLD}==> {text}{RESET}", flush=True)


def command(stack, *args):
    print(f"{DIM}$ {' '.join(stack.argv(*args))}{RESET}", flush=True)


def prepare(stack):
    """Returns the image to run: busybox made on the spot, or IMAGE from its own registry."""
    wanted = os.environ.get("IMAGE")
    if wanted:
        step(f"telling containerd of {wanted} (name, manifest and config; no layer is unpacked)")
        config = subprocess.run(["skopeo", "inspect", "--config", "--raw", f"docker://{wanted}"], capture_output=True,
                                text=True, check=False)
        if config.returncode != 0:
            raise Failure(f"cannot read {wanted}: {config.stderr.strip()}; is its registry reachable from here?")
        stack.announce(wanted, json.loads(config.stdout)["rootfs"]["diff_ids"])
        return wanted
    step("pushing an image made of Debian's busybox to the private registry")
    return stack.push("busybox:latest", ocilayout.Image([ocilayout.busybox_layer()]))


def time_line(stack, started):
    """Prints the shim's own log of when each step of the pod's start ended."""
    log = (stack.dir / "containerd.log").read_text(errors="replace")
    for event, milliseconds in re.findall(r" info shim ([a-z ]+?)(?: [a-z]+=.*)? ms=(\d+)$", log, re.MULTILINE):
        print(f"    {int(milliseconds):6d} ms  {event}")
    print(f"    {round((time.monotonic() - started) * 1000):6d} ms  container's output read and container removed")


def show(stack, reference):
    step("running it: containerd -> shim -> QEMU -> agent -> image in the guest -> container")
    script = "echo guest kernel: $(uname -r); echo arguments: $0 $@; echo from the image: IMAGE=$IMAGE; cat /proc/cmdline"
    args = ("run", "--rm", "--runtime", RUNTIME, reference, "demo", "/bin/sh", "-c", script, "hello", "world")
    command(stack, *args)
    started = time.monotonic()
    result = stack.ctr(*args)
    print("    " + "\n    ".join(result.stdout.strip().splitlines()))
    print(f"    host kernel: {platform.release()}")
    step("time line of that start")
    time_line(stack, started)
    step("what the host holds of the image")
    usage = stack.ctr("snapshots", "usage").stdout.strip().splitlines()
    print("    " + "\n    ".join(usage))
    print("    every snapshot is empty: no layer was unpacked on the host")
    step("exit codes are exact")
    code = stack.run(reference, "seven", "/bin/sh", "-c", "exit 7", check=False).returncode
    print(f"    exit 7 arrived as {code}")
    if code != 7:
        raise Failure("the demo did not end as it should; see above")
    step("left behind on the host")
    stack.await_clean()
    print("    nothing: no process, mount or file of the pods")


def refused(stack, reference, reason):
    """Runs the image, which must fail for that reason; prints what containerd was told."""
    command(stack, "run", "--rm", "--runtime", RUNTIME, reference, "denied")
    result = stack.run(reference, "denied", check=False)
    print(f"    {result.stderr.strip()}")
    if result.returncode == 0 or reason not in result.stderr:
        raise Failure(f"this should have failed with '{reason}'")


def ccctl(stack, trustee, *args):
    """Runs a command of the owner's tool, shown without the options that only this private set-up needs."""
    shown = " ".join(args) + (" > guest.json" if args[0] == "measure" else "")
    print(f"{DIM}$ ccctl {shown}{RESET}", flush=True)
    private = ["--plain-http", stack.registry] if args[:2] == ("image", "encrypt") else []
    return trustee.ccctl(*args, *private)


def show_encrypted(stack, port):
    step("now with a secret: starting the owner's trust service (key broker, verifier, reference values)")
    trustee = Trustee(stack, port)
    print(f"    {trustee.url}\n"
          "    This VM is emulated and has no TEE: its evidence is the SAMPLE attester's and proves nothing.\n"
          "    In a Realm the same steps run with the CCA token.")
    step("the owner encrypts an image with a new key, pushes it, and gives the key to the trust service")
    secret = ocilayout.tar({"secret/recipe": b"two parts rum, one part lime\n"})
    image = ocilayout.Image([ocilayout.busybox_layer(), secret],
                            config={"Cmd": ["/bin/cat", "/secret/recipe"], "Env": ["PATH=/bin"]})
    image.write(stack.dir / "recipe")
    reference = f"{stack.registry}/recipe:encrypted"
    ccctl(stack, trustee, "image", "encrypt", "oci:recipe", f"docker://{reference}", "--key", "kbs:///default/key/demo",
          "--key-file", "demo.key")
    ccctl(stack, trustee, "trustee", "resource", "put", "default/key/demo", "demo.key")
    stack.announce(reference, image.diff_ids())
    step("running it in a guest that nobody endorsed: DENIED")
    refused(stack, reference, "is not endorsed")
    step("the owner endorses the guest's measurement; the same command again: RUNS")
    (stack.dir / "guest.json").write_text(ccctl(stack, trustee, "measure", "--config", "config.toml", "--json"))
    ccctl(stack, trustee, "trustee", "endorse", "guest.json")
    command(stack, "run", "--rm", "--runtime", RUNTIME, reference, "secret")
    result = stack.run(reference, "secret", check=False)
    print(f"    {(result.stdout or result.stderr).strip()}")
    if result.stdout != "two parts rum, one part lime\n":
        raise Failure("the encrypted image did not run")
    step("with another key in the trust service: DENIED")
    ccctl(stack, trustee, "key", "new", "other.key")
    ccctl(stack, trustee, "trustee", "resource", "put", "default/key/demo", "other.key")
    refused(stack, reference, "kbs:///default/key/demo")
    step("with a policy that gives out nothing: DENIED")
    ccctl(stack, trustee, "trustee", "resource", "put", "default/key/demo", "demo.key")
    (stack.dir / "nothing.rego").write_text(DENY_ALL)
    ccctl(stack, trustee, "trustee", "resource-policy", "set", "nothing.rego")
    refused(stack, reference, "PolicyDeny")
    step("why, in the trust service's words")
    log = (stack.dir / "trustee.log").read_text(errors="replace")
    sessions = re.findall(r' decision session="([0-9a-f]+)" what="resource', log)
    explanation = ccctl(stack, trustee, "trustee", "explain", sessions[0])
    print("    " + "\n    ".join(explanation.strip().splitlines()))
    stack.await_clean()


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave containerd and registry running, print commands to try")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("demo: containerd needs root; run it as root")
    try:
        step("starting a private containerd and registry on loopback")
        port = free_port()
        stack = Stack(attestation=attestation_config(port))
        try:
            reference = prepare(stack)
            show(stack, reference)
            show_encrypted(stack, port)
        except BaseException:
            if not args.keep:
                stack.close()
            raise
    except Failure as failure:
        sys.exit(f"demo: {failure}")
    if not args.keep:
        stack.close()
        step("done, cleaned up")
        return
    step(f"kept; logs and configuration are in {stack.dir}. Try:")
    ctr = " ".join(stack.argv())
    print(f"    {ctr} run --rm -t --runtime {RUNTIME} {reference} try /bin/sh\n"
          f"    {ctr} run -d --runtime {RUNTIME} {reference} web /bin/sleep 1000\n"
          f"    {ctr} tasks exec --exec-id 1 web /bin/ps\n"
          f"    {ctr} tasks ls; {ctr} tasks metrics web; {ctr} tasks kill -s SIGKILL web\n"
          f"  end it with: kill {' '.join(str(child.pid) for child in stack.children)}; rm -rf {stack.dir}")


if __name__ == "__main__":
    main()
