# SPDX-License-Identifier: Apache-2.0
"""The images that critest pulls from public registries, made from Debian packages and served locally under their names.

What a test looks at is kept: users, groups, tags that share or do not share an image, the web server and its port.
"""

import io
import pathlib
import subprocess
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import ocilayout
from crictl import TOOLS

E2E = "registry.k8s.io/e2e-test-images"
STAGING = "gcr.io/k8s-staging-cri-tools"

PASSWD = """root:x:0:0:root:/root:/bin/sh
www-data:x:33:33:www-data:/var/www:/bin/false
default-user:x:1000:1000:Linux User,,,:/home/default-user:/bin/sh
nobody:x:65534:65534:nobody:/home:/bin/false
"""
GROUP = """root:x:0:
www-data:x:33:
default-user:x:1000:
group-defined-in-image:x:50000:default-user
nogroup:x:65534:
"""


def layer(**files):
    return ocilayout.tar({"etc/passwd": PASSWD.encode(), "etc/group": GROUP.encode(), **files})


def program_layer(*programs, **files):
    """Programs (paths on this machine, or (path in the image, file here)) with the libraries that they load."""
    entries = {}
    for program in programs:
        name, source = (program, program) if isinstance(program, str) else program
        entries[name.lstrip("/")] = pathlib.Path(source).read_bytes()
        for line in subprocess.run(["ldd", source], capture_output=True, text=True, check=True).stdout.splitlines():
            library = next((word for word in line.split() if word.startswith("/")), None)
            if library:
                entries[library.lstrip("/")] = pathlib.Path(library).read_bytes()
    return ocilayout.tar(entries | files)


def with_setuid(archive, name):
    """The same layer, with one of its programs owned by root and set-user-id."""
    result = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as source, tarfile.open(fileobj=result, mode="w") as target:
        for member in source.getmembers():
            if member.name == name:
                member.mode = 0o4755
            target.addfile(member, source.extractfile(member))
    return result.getvalue()


def nginx_program():
    """Debian's nginx, unpacked and not installed: nothing of it runs here."""
    root = TOOLS / "nginx"
    if not (root / "usr/sbin/nginx").exists():
        root.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", "nginx"], cwd=root,
                       capture_output=True, check=True)
        subprocess.run(["dpkg-deb", "-x", next(root.glob("nginx_*.deb")), root], check=True)
    return root / "usr/sbin/nginx"


def image(busybox, *extra, command=("sh",), **config):
    return ocilayout.Image([busybox, layer(), *extra],
                           config={"Cmd": list(command), "Env": ["PATH=/bin"], "WorkingDir": "/"} | config)


def web_server(busybox, nginx, port, command=("/usr/sbin/nginx",)):
    config = f"""daemon off;
pid /var/run/nginx.pid;
error_log stderr;
events {{}}
http {{ access_log off; server {{ listen {port}; root /www; }} }}
"""
    files = {"etc/nginx/nginx.conf": config.encode(), "www/index.html": b"<h1>kata-cc</h1>\n",
             "var/run": ("dir",), "var/log/nginx": ("dir",), "var/lib/nginx": ("dir",)}
    return image(busybox, nginx, ocilayout.tar(files), command=command)


def all_images():
    """{name with tag: ocilayout.Image}"""
    busybox = ocilayout.Layer(ocilayout.busybox_layer())
    nginx = ocilayout.Layer(program_layer(("usr/sbin/nginx", nginx_program())))
    # What Debian's busybox lacks; and a shell and an ls of their own, because busybox's shell knows ls by itself.
    tools = ocilayout.Layer(program_layer(("bin/pgrep", "/usr/bin/pgrep"), ("bin/ipcs", "/usr/bin/ipcs"),
                                          ("bin/sh", "/usr/bin/dash"), ("bin/ls", "/usr/bin/ls")))
    # Debian's id, because busybox gives privileges up that it does not need.
    identity = ocilayout.Layer(with_setuid(program_layer(("bin/real-id", "/usr/bin/id")), "bin/real-id"))
    images = {
        "registry.k8s.io/pause:3.6": image(busybox, command=("sleep", "1000000000")),
        "registry.k8s.io/pause:3.9": image(busybox, command=("sleep", "1000000001")),
        f"{E2E}/busybox:1.29-2": image(busybox, tools),
        f"{E2E}/nginx:1.14-2": web_server(busybox, nginx, 80),
        f"{E2E}/nonewprivs:1.3": image(
            busybox, identity, command=("sh", "-c", 'echo "Effective uid: $(/bin/real-id -u)"')),
        # The test looks for the server's name in its log.
        f"{E2E}/httpd:2.4.39-4": web_server(busybox, nginx, 80, ("sh", "-c", "echo httpd; exec /usr/sbin/nginx")),
        f"{STAGING}/hostnet-nginx-{ocilayout.ARCHITECTURE}:latest": web_server(busybox, nginx, 12003),
        f"{STAGING}/test-image-user-uid:latest": image(busybox, User="1002"),
        f"{STAGING}/test-image-user-username:latest": image(busybox, User="www-data"),
        f"{STAGING}/test-image-user-uid-group:latest": image(busybox, User="1003:users"),
        f"{STAGING}/test-image-user-username-group:latest": image(busybox, User="www-data:100"),
        f"{STAGING}/test-image-predefined-group:latest": image(busybox, User="1000"),
    }
    tests = {name: image(busybox, layer(**{f"{name}.txt": name.encode()}))
             for name in ("latest", "tag", "all", "digest", "1", "2", "3", "tags")}
    images |= {
        f"{STAGING}/test-image-latest:latest": tests["latest"],
        f"{STAGING}/test-image-tag:test": tests["tag"],
        f"{STAGING}/test-image-tag:all": tests["all"],
        f"{STAGING}/test-image-digest:latest": tests["digest"],
    }
    images |= {f"{STAGING}/test-image-{number}:latest": tests[number] for number in "123"}
    return images | {f"{STAGING}/test-image-tags:{number}": tests["tags"] for number in "123"}
