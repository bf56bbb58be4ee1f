# SPDX-License-Identifier: Apache-2.0
"""The owner's side for tests and demo: a private cc-trustee, and images encrypted without any code of ours.

Encryption is done by the openssl program and Python, after the published formats: so the guest's decryption is
checked against something that shares nothing with it.
"""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import urllib.error
import urllib.request

import ocilayout
from stack import BINARIES, Failure

# What the sample attester's evidence is endorsed by. The verifier fills in a fixed measurement, as upstream's.
SAMPLE_MEASUREMENT = "abcde"
SAMPLE_REFERENCE_VALUES = {
    "launch_digest": [SAMPLE_MEASUREMENT], "svn": ["1"], "major_version": 1, "minimum_minor_version": 4}

DENY_ALL = "package policy\n\ndefault allow := false\n"

PROVIDER = "org.opencontainers.image.enc.keys.provider.attestation-agent"
PUBLIC_OPTIONS = "org.opencontainers.image.enc.pubopts"


def b64(data):
    return base64.b64encode(data).decode()


def ctr(key, iv, data):
    """AES-256-CTR of the openssl program; encryption and decryption are the same."""
    return subprocess.run(["openssl", "enc", "-aes-256-ctr", "-K", key.hex(), "-iv", iv.hex(), "-nopad"], input=data,
                          capture_output=True, check=True).stdout


def encrypt_layer(layer, key_id, kek):
    """Returns the encrypted twin of an ocilayout.Layer, and its layer key."""
    key, nonce, iv = os.urandom(32), os.urandom(16), os.urandom(16)
    blob = ctr(key, nonce, layer.blob)
    private = json.dumps({"symkey": b64(key), "digest": layer.digest, "cipheroptions": {"nonce": b64(nonce)}}).encode()
    packet = {"kid": key_id, "wrapped_data": b64(ctr(kek, iv, private)), "iv": b64(iv), "wrap_type": "A256CTR"}
    public = {"cipher": "AES_256_CTR_HMAC_SHA256", "hmac": b64(hmac.digest(key, blob, hashlib.sha256)),
              "cipheroptions": {}}
    annotations = {PROVIDER: b64(json.dumps(packet).encode()), PUBLIC_OPTIONS: b64(json.dumps(public).encode())}
    media_type = ocilayout.LAYER_TYPES[layer.compression] + "+encrypted"
    return ocilayout.Layer(blob=blob, compression=layer.compression, diff_id=layer.diff_id, media_type=media_type,
                           annotations=annotations), key


def encrypt(image, key_id, kek):
    """Returns the image with each layer encrypted under a key of its own, and those keys."""
    twins = [encrypt_layer(layer, key_id, kek) for layer in image.layers]
    return ocilayout.Image([layer for layer, _ in twins], config=image.config), [key for _, key in twins]


class Trustee:
    """with Stack(...) as stack: trustee = Trustee(stack, port)"""

    def __init__(self, stack, port):
        self.stack, self.port = stack, port
        self.url = f"http://127.0.0.1:{port}"
        self.data = stack.dir / "trustee"
        self.process = None
        self.start()
        self.token = subprocess.run([BINARIES / "cc-trustee", "admin-token", "--data-dir", self.data],
                                    capture_output=True, text=True, check=True).stdout.strip()

    def start(self):
        self.process = self.stack.spawn("trustee", [
            str(BINARIES / "cc-trustee"), "--listen", f"127.0.0.1:{self.port}", "--data-dir", str(self.data),
            "--insecure-sample"])
        self.stack.wait_for_port("trustee", self.process, self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.stack.children.remove(self.process)

    def environment(self):
        """What makes `ccctl trustee` talk to this service."""
        return {"CC_TRUSTEE_URL": self.url, "CC_TRUSTEE_ADMIN_KEY": str(self.data / "admin.key")}

    def ccctl(self, *args):
        """Runs the owner's tool against this service; returns its output."""
        result = subprocess.run([BINARIES / "ccctl", *map(str, args)], capture_output=True, text=True, check=False,
                                env=os.environ | self.environment(), cwd=self.stack.dir)
        if result.returncode != 0:
            raise Failure(f"ccctl {' '.join(map(str, args))}: {result.stderr.strip()}")
        return result.stdout

    def call(self, method, path, body=None, content_type="application/json"):
        request = urllib.request.Request(f"{self.url}/kbs/v0/{path}", data=body, method=method, headers={
            "Authorization": f"Bearer {self.token}", "Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            raise Failure(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error

    def put_key(self, name, key):
        self.call("POST", f"resource/{name}", key, "application/octet-stream")

    def endorse(self, values):
        payload = b64(json.dumps(values).encode())
        self.call("POST", "reference-value",
                  json.dumps({"version": "0.1.0", "type": "sample", "payload": payload}).encode())

    def forget(self, names):
        for name in names:
            self.call("DELETE", f"reference-value/{name}")

    def set_resource_policy(self, rego):
        text = base64.urlsafe_b64encode(rego.encode()).decode().rstrip("=")
        self.call("POST", "resource-policy", json.dumps({"policy": text}).encode())


def attestation_config(port):
    """The shim's [attestation] table for a Trustee on that port."""
    return f'[attestation]\nkbs_url = "http://127.0.0.1:{port}"\ninsecure_sample_evidence = true\n'

