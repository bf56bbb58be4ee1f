# SPDX-License-Identifier: Apache-2.0
"""Debian packages of any architecture and suite: downloaded and verified by apt, unpacked, never installed."""

import pathlib
import shutil
import subprocess
import sys
import time

MIRROR = "http://deb.debian.org"
STABLE = ("bookworm", "trixie")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def run(*argv, **kwargs):
    """Runs a program; its failure ends the build with the program's own words."""
    result = subprocess.run(argv, capture_output=True, text=True, check=False, **kwargs)
    if result.returncode != 0:
        sys.exit(f"guest build: {' '.join(map(str, argv))} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


class Archive:
    """One suite of the Debian archive as one architecture sees it.

    Without a suite it is what this machine's own apt knows. Otherwise apt gets a private state below `cache`, so that
    neither foreign architectures nor foreign suites need to be configured on the build machine.
    """

    def __init__(self, cache, architecture, suite=""):
        self.cache = pathlib.Path(cache)
        # apt's own sandbox user cannot write into a private directory; downloads are signed and verified anyway.
        self.options = ["-o", "APT::Sandbox::User=root"]
        self.fresh = not suite and architecture == run("dpkg", "--print-architecture").strip()
        if not self.fresh:
            self._private_state(architecture, suite or host_suite())

    def _private_state(self, architecture, suite):
        state = self.cache / f"apt-{suite}-{architecture}"
        (state / "lists/partial").mkdir(parents=True, exist_ok=True)
        (state / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
        sources = [f"deb [signed-by={KEYRING}] {MIRROR}/debian {suite} main\n"]
        if suite in STABLE:
            sources.append(f"deb [signed-by={KEYRING}] {MIRROR}/debian-security {suite}-security main\n")
        (state / "sources.list").write_text("".join(sources))
        # The lists of today will do.
        self.updated = state / "updated"
        self.fresh = self.updated.exists() and time.time() - self.updated.stat().st_mtime < 86400
        settings = {
            "APT::Architecture": architecture, "APT::Architectures": architecture, "Acquire::Languages": "none",
            "Dir::Etc::sourcelist": state / "sources.list", "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": state / "lists", "Dir::State::status": "/dev/null", "Dir::Cache": state / "cache",
        }
        for key, value in settings.items():
            self.options += ["-o", f"{key}={value}"]

    def _apt(self, program, *argv, **kwargs):
        if not self.fresh:
            run("apt-get", *self.options, "update")
            self.updated.touch()
            self.fresh = True
        return run(program, *self.options, *argv, **kwargs)

    def depends(self, package):
        """Names of the packages that one depends on."""
        lines = self._apt("apt-cache", "depends", "--important", package).splitlines()
        return [line.split()[1] for line in lines if line.strip().startswith("Depends: ")]

    def version(self, package):
        for line in self._apt("apt-cache", "policy", package).splitlines():
            if line.strip().startswith("Candidate: "):
                return line.split()[1]
        sys.exit(f"guest build: apt knows no package {package}; is 'apt-get update' done?")

    def unpack(self, name, packages):
        """Unpacks packages below the cache, once for each `name`, and returns that directory."""
        root = self.cache / name
        if (root / "complete").exists():
            return root / "files"
        shutil.rmtree(root, ignore_errors=True)
        download = root / "download"
        download.mkdir(parents=True)
        self._apt("apt-get", "download", *packages, cwd=download)
        for deb in sorted(download.glob("*.deb")):
            run("dpkg-deb", "-x", str(deb), str(root / "files"))
        shutil.rmtree(download)
        (root / "complete").touch()
        return root / "files"


def host_suite():
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2]
    sys.exit("guest build: /etc/os-release names no VERSION_CODENAME; choose a suite with --suite")
