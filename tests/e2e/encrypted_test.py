# SPDX-License-Identifier: Apache-2.0
"""Encrypted images: the key goes to a guest that the trust service endorsed, and to no other.

The machine is emulated, so the evidence is the sample attester's; all else is as it would be in a Realm.
"""

import base64
import json
import os
import time
import unittest

import ocilayout
from stack import TOP, Stack, free_port
from trust import (DENY_ALL, SAMPLE_MEASUREMENT, SAMPLE_REFERENCE_VALUES, Trustee, attestation_config, encrypt,
                   encrypt_layer)

KEY_NAME = "default/key/app"
KEY_ID = f"kbs:///{KEY_NAME}"
KEK = os.urandom(32)
SECRETS = [KEK]
DEFAULT_POLICY = (TOP / "src/trustee/policies/default_resource.rego").read_text()

STACK = None
TRUSTEE = None
IMAGE = None


def push_encrypted(name, image, key_id=KEY_ID):
    encrypted, keys = encrypt(image, key_id, KEK)
    SECRETS.extend(keys)
    return STACK.push(name, encrypted)


def setUpModule():
    global STACK, TRUSTEE, IMAGE
    port = free_port()
    # At "debug" the guest's console is in the log, too.
    STACK = Stack(attestation=attestation_config(port) + '[log]\nlevel = "debug"\n',
                  vmm='kernel_params = ["agent.guest_components_rest_api=all"]')
    TRUSTEE = Trustee(STACK, port)
    secret = ocilayout.Layer(ocilayout.tar({"secret/recipe": b"two parts rum"}), "zstd")
    uncompressed = ocilayout.Layer(ocilayout.tar({"plain": b"x"}), "tar")
    IMAGE = push_encrypted("secret:1", ocilayout.Image([ocilayout.busybox_layer(), secret, uncompressed]))


def tearDownModule():
    try:
        check_logs()
    finally:
        STACK.close()


def check_logs():
    """No key is in any log, in no form that a log would have it in."""
    for log in STACK.dir.glob("*.log"):
        text = log.read_bytes()
        for secret in SECRETS:
            forms = {"raw": secret, "hex": secret.hex().encode(), "base64": base64.b64encode(secret)[:-2],
                     "base64url": base64.urlsafe_b64encode(secret)[:-2]}
            for form, needle in forms.items():
                if needle in text or needle.upper() in text:
                    raise AssertionError(f"{log.name} holds a key ({form})")
        if TRUSTEE.token.encode() in text:
            raise AssertionError(f"{log.name} holds the administrator's token")


class Encrypted(unittest.TestCase):
    def setUp(self):
        TRUSTEE.put_key(KEY_NAME, KEK)
        TRUSTEE.endorse(SAMPLE_REFERENCE_VALUES)

    def tearDown(self):
        for name in STACK.containers():
            STACK.remove(name)
        STACK.await_clean()

    def runs(self, reference=None, name="good"):
        result = STACK.run(reference or IMAGE, name, "/bin/cat", "/secret/recipe")
        self.assertEqual(result.stdout, "two parts rum")

    def refused(self, *words, reference=None, name="bad", stack=None):
        result = (stack or STACK).run(reference or IMAGE, name, "/bin/true", check=False)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_denied_until_the_measurement_is_endorsed(self):
        TRUSTEE.forget(["launch_digest"])
        self.refused("attestation:", f"{SAMPLE_MEASUREMENT} is not endorsed", KEY_ID)
        TRUSTEE.endorse(SAMPLE_REFERENCE_VALUES)
        self.runs()

    def test_image_encrypted_by_the_owners_tool(self):
        secret = ocilayout.tar({"secret/recipe": b"two parts rum"})
        image = ocilayout.Image([ocilayout.busybox_layer(), secret])
        image.write(STACK.dir / "recipe")
        reference = f"{STACK.registry}/tool:1"
        key = STACK.dir / "tool.key"
        TRUSTEE.ccctl("image", "encrypt", f"oci:{STACK.dir}/recipe", f"docker://{reference}", "--key",
                      "kbs:///default/key/tool", "--key-file", key, "--plain-http", STACK.registry)
        SECRETS.append(key.read_bytes())
        STACK.announce(reference, image.diff_ids())
        TRUSTEE.ccctl("trustee", "resource", "put", "default/key/tool", key)
        self.runs(reference)
        TRUSTEE.put_key("default/key/tool", os.urandom(32))
        self.refused("unwrap the layer key with kbs:///default/key/tool", "wrong key", reference=reference)

    def test_container_fetches_a_secret_over_rest(self):
        TRUSTEE.put_key("default/text/motto", b"no shortcuts")
        script = ("for p in info cdh/resource/default/text/motto cdh/resource/default/text/none "
                  "'aa/evidence?runtime_data=x'; do wget -q -O - http://127.0.0.1:8006/$p || echo failed; echo; done")
        info, motto, missing, _, evidence = STACK.run(IMAGE, "rest", "/bin/sh", "-c", script).stdout.splitlines()
        self.assertEqual(json.loads(info)["tee"], "sample")
        self.assertEqual(motto, "no shortcuts")
        self.assertEqual(missing, "failed")
        self.assertEqual(json.loads(evidence)["report_data"], base64.b64encode(b"x").decode())

    def test_policy_that_denies(self):
        TRUSTEE.set_resource_policy(DENY_ALL)
        try:
            self.refused("attestation:", "PolicyDeny", KEY_ID)
        finally:
            TRUSTEE.set_resource_policy(DEFAULT_POLICY)

    def test_key_that_was_replaced(self):
        TRUSTEE.put_key(KEY_NAME, os.urandom(32))
        self.refused("wrong key or tampered data")

    def test_key_of_a_wrong_length(self):
        TRUSTEE.put_key(KEY_NAME, b"short")
        self.refused(KEY_ID, "the key has 5 bytes, must have 32")

    def test_key_that_does_not_exist(self):
        reference = push_encrypted("missing:1", ocilayout.Image([ocilayout.busybox_layer()]), "kbs:///default/key/none")
        self.refused("default/key/none does not exist", reference=reference)

    def test_ciphertext_changed_in_the_registry_misses_its_digest(self):
        layer, _ = encrypt_layer(ocilayout.Layer(ocilayout.tar({"unique": os.urandom(4096)})), KEY_ID, KEK)
        reference = STACK.push("flipped:1", ocilayout.Image([layer]))
        path = STACK.blob_path(layer.digest)
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)
        self.refused(layer.digest, reference=reference)

    def test_ciphertext_changed_with_its_digest_misses_its_hmac(self):
        layer, _ = encrypt_layer(ocilayout.Layer(ocilayout.tar({"unique": os.urandom(4096)})), KEY_ID, KEK)
        data = bytearray(layer.blob)
        data[-100] ^= 1
        layer.blob = bytes(data)
        self.refused("HMAC", reference=STACK.push("forged:1", ocilayout.Image([layer])))

    def test_trust_service_that_is_not_there(self):
        TRUSTEE.stop()
        try:
            self.refused(f"attest to {TRUSTEE.url}")
        finally:
            TRUSTEE.start()
        self.runs()

    def test_runtime_without_a_trust_service(self):
        with Stack() as stack:
            layer, _ = encrypt_layer(ocilayout.Layer(ocilayout.tar({"a": b"b"})), KEY_ID, KEK)
            self.refused("no key broker", "attestation.kbs_url", reference=stack.push("x:1", ocilayout.Image([layer])),
                         stack=stack)

    def test_guest_that_may_not_use_sample_evidence(self):
        config = STACK.dir / "config.toml"
        good = config.read_text()
        config.write_text(good.replace("insecure_sample_evidence = true", "insecure_sample_evidence = false"))
        try:
            self.refused("TEE")
        finally:
            config.write_text(good)


if __name__ == "__main__":
    unittest.main()
