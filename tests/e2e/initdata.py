# SPDX-License-Identifier: Apache-2.0
"""Initdata, as the owner of a pod writes it into an annotation."""

import base64
import gzip

ANNOTATION = "io.katacontainers.config.hypervisor.cc_init_data"


def encode(**files):
    """The annotation's value; `policy_rego="…"` is the file policy.rego."""
    text = 'version = "0.1.0"\nalgorithm = "sha512"\n[data]\n'
    for name, content in files.items():
        text += f'"{name.replace("_", ".")}" = \'\'\'\n{content}\'\'\'\n'
    return base64.b64encode(gzip.compress(text.encode())).decode()
