"""The tests of deploy/ need what script/test installs of Debian, or they fail. For a machine of
their own they need root and namespaces besides: where they may not have these, they are skipped and
say so."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import ROOT
from tests.deploy import machine as machines
from tests.deploy.machine import Machine, booted

CHECKOUT = "/root/kantu"
UNUSED_MODEL = f"{CHECKOUT}/model_assets/unused"
PARTS = ["app", "deploy", "model_assets", "script", "static", "templates", "tests/deploy"]
PARTS += ["wsgi.py", "pyproject.toml", "LICENSE", "requirements.txt"]
INSTALLED = ["requirements-serve.txt", "requirements-heic.txt"]
PARTS += INSTALLED

# apt-get itself, but certbot comes as a script, whose certificate the machine trusts.
APT_GET = """#!/bin/bash
words=()
for word in "$@"; do
  [ "$word" = certbot ] && cp /root/fake-certbot /usr/local/sbin/certbot || words+=("$word")
done
[[ "$*" == *install*certbot* ]] || exec /usr/bin/apt-get "${words[@]}"
"""

CERTBOT = """#!/bin/bash
echo "$*" >>/root/certbot.log
[ ! -e /root/no-certificate ] || { echo "the name does not point here"; exit 1; }
live=/etc/letsencrypt/live/kantu.test
case $1 in
  certonly)
    mkdir -p $live
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=kantu.test \
      -addext subjectAltName=DNS:kantu.test -keyout $live/privkey.pem -out $live/fullchain.pem
    cat $live/fullchain.pem >>/etc/ssl/certs/ca-certificates.crt ;;
  delete) rm -r /etc/letsencrypt/live ;;
esac
"""

UFW = """#!/bin/bash
[ "$1" = status ] && echo "Status: active" || echo "$*" >>/root/ufw.log
"""


@pytest.fixture(scope="session")
def downloads(pytestconfig: pytest.Config) -> Path:
    """Wheels for Debian's Python, and nginx's packages, downloaded once."""
    version = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    wanted = b"".join((ROOT / one).read_bytes() for one in INSTALLED) + version.encode()
    name = f"kantu-deploy-{hashlib.sha256(wanted).hexdigest()[:12]}"
    folder = pytestconfig.cache.mkdir(name)  # type: ignore[union-attr]
    if not (folder / "complete").exists():
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"]
        requirements = [f"--requirement={ROOT / one}" for one in INSTALLED]
        _fetch([*download, "--python-version", version, *requirements], folder)
        _fetch(["apt-get", "download", *machines.PACKAGES], folder)
        (folder / "complete").touch()
    return folder


def _fetch(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{command[0]} cannot download what the machine needs: {done.stderr[-300:]}")


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Ends where there can be no machine, before anything is downloaded for it."""
    if absent := machines.absent():
        pytest.fail(f"{absent} is missing: script/test installs it")
    if reason := machines.forbidden():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def machine(
    namespaces: None, downloads: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """Without nginx, with a checkout of Kantu in CHECKOUT."""
    with booted(tmp_path_factory.mktemp("machine"), downloads) as one:
        prepare(one)
        yield one


def prepare(machine: Machine) -> None:
    pack = ["tar", "-C", str(ROOT), "-c", "--exclude", "__pycache__", *PARTS]
    unpack = machine.inside(
        "bash", "-c", f"mkdir {CHECKOUT} && tar -C {CHECKOUT} -x --no-same-owner"
    )
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packing:
        subprocess.run(unpack, stdin=packing.stdout, check=True)
    machine.write(f"{UNUSED_MODEL}/manifest.json", "{}")
    machine.write("/usr/local/sbin/apt-get", APT_GET)
    machine.write("/root/fake-certbot", CERTBOT)
    machine.write("/usr/local/sbin/ufw", UFW)
    # What a fresh server does not have, and what it has in apt's cache here instead of on the net.
    machine.run(
        "bash", "-c", "rm -f /usr/sbin/policy-rc.d; mv /run/wheels/*.deb /var/cache/apt/archives"
    )
    # nginx-light and the modules that come with it keep nginx from being removed.
    flavours = "dpkg-query --show --showformat '${Package}\\n' 'nginx-*' 'libnginx-*' || true"
    machine.run("bash", "-c", f"dpkg --purge {' '.join(machines.PACKAGES)} $({flavours})")
    # Nobody to ask for a name's address, so nobody waits for the answer; and nothing that sorts
    # manual pages or tells a desktop whenever a package comes.
    quiet = "rm -f /var/lib/man-db/auto-update /etc/apt/apt.conf.d/20packagekit"
    machine.run("bash", "-c", f"echo nameserver 127.0.0.1 >/etc/resolv.conf; {quiet}")
    machine.fresh = frozenset(machine.changes())
