# SPDX-License-Identifier: Apache-2.0
"""Makes small OCI images as directories, for tests and the demo. No network, no container tool."""

import gzip
import hashlib
import io
import json
import pathlib
import platform
import subprocess
import tarfile

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYER_TYPES = {
    "tar": "application/vnd.oci.image.layer.v1.tar",
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(entries):
    """A tar archive from {path: bytes | ("link", target) | ("dir",) | tarfile.TarInfo}; mode 0755, root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in entries.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(path)
            info.mode = 0o755
            if content == ("dir",):
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            elif isinstance(content, tuple):
                info.type, info.linkname = tarfile.SYMTYPE, content[1]
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def compress(data, kind):
    if kind == "gzip":
        return gzip.compress(data, compresslevel=6, mtime=0)
    if kind == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout
    return data


# This machine as images name it.
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def busybox_layer(program="/bin/busybox"):
    """Debian's static busybox with links for its applets, and the files that a container expects."""
    busybox = pathlib.Path(program).read_bytes()
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    entries = {"bin/busybox": busybox}
    entries |= {f"bin/{name}": ("link", "busybox") for name in applets if name != "busybox"}
    entries["etc/passwd"] = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    entries["etc/group"] = b"root:x:0:\nnogroup:x:65534:\n"
    entries["tmp"] = ("dir",)
    entries["root"] = ("dir",)
    return tar(entries)


class Layer:
    """One layer: the bytes that the registry serves, how they are compressed, and the diff_id that is claimed."""

    def __init__(self, archive=None, compression="gzip", blob=None, diff_id=None, media_type=None, annotations=None):
        self.blob = compress(archive, compression) if blob is None else blob
        self.compression = compression
        self.diff_id = diff_id or sha256(archive)
        self.media_type = media_type or LAYER_TYPES[compression]
        self.annotations = annotations

    @property
    def digest(self):
        return sha256(self.blob)

    def descriptor(self):
        descriptor = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.blob)}
        return descriptor | ({"annotations": self.annotations} if self.annotations else {})


class Image:
    """One image of one platform, from uncompressed tar archives or ready-made Layer objects."""

    def __init__(self, layers, compression="gzip", architecture=ARCHITECTURE, config=None):
        self.layers = [layer if isinstance(layer, Layer) else Layer(layer, compression) for layer in layers]
        self.architecture = architecture
        self.config = config or {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin", "IMAGE=from-config"], "WorkingDir": "/"}

    def diff_ids(self):
        return [layer.diff_id for layer in self.layers]

    def build(self):
        """Returns (manifest bytes, every blob by digest)."""
        config = json.dumps({
            "architecture": self.architecture, "os": "linux", "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids()},
        }, sort_keys=True).encode()
        manifest = json.dumps({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(config),
                       "size": len(config)},
            "layers": [layer.descriptor() for layer in self.layers],
        }, sort_keys=True).encode()
        return manifest, {sha256(b): b for b in (config, manifest, *(layer.blob for layer in self.layers))}

    def descriptor(self, manifest):
        return {"mediaType": MANIFEST_TYPE, "digest": sha256(manifest), "size": len(manifest),
                "platform": {"architecture": self.architecture, "os": "linux"}}

    def write(self, directory):
        """Writes an OCI layout that skopeo can copy. Returns the manifest's digest."""
        manifest, blobs = self.build()
        write_layout(directory, [self.descriptor(manifest)], blobs)
        return sha256(manifest)


class Index:
    """One name for several images, each of a platform of its own."""

    def __init__(self, images):
        self.images = images

    def write(self, directory):
        """Like Image.write, of the index."""
        blobs, descriptors = {}, []
        for image in self.images:
            manifest, more = image.build()
            blobs |= more
            descriptors.append(image.descriptor(manifest))
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": descriptors}).encode()
        blobs[sha256(index)] = index
        write_layout(directory, [{"mediaType": INDEX_TYPE, "digest": sha256(index), "size": len(index)}], blobs)
        return sha256(index)


def write_layout(directory, descriptors, blobs):
    target = pathlib.Path(directory) / "blobs/sha256"
    target.mkdir(parents=True, exist_ok=True)
    for digest, data in blobs.items():
        (target / digest.removeprefix("sha256:")).write_bytes(data)
    pathlib.Path(directory, "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    pathlib.Path(directory, "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": descriptors}))
