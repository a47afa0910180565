"""A throw-away server: a copy of this machine that lives in memory, with its own systemd running.

It is an overlay over this machine's root, in namespaces of its own: what it writes, the processes
it starts and its network are gone with it. systemd, nginx, apt-get, useradd are the real ones.
Faked:

- There is no network but its own loopback. pip takes wheels that were downloaded before; apt-get
  takes the packages of `PACKAGES` from its cache.
- ufw and certbot are small scripts that write down how they were called.
- It says that it is a container, as it is one, so no swap is made. Where the tests have it made,
  mkswap and swapon are scripts that do nothing: swap would be the real machine's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("nginx", "nginx-common")
CGROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))

# $1 is an empty folder.
BOOT = """
set -eu
mount --make-rprivate /
mount -t tmpfs -o size=2g tmpfs "$1"
cd "$1"
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs root/$folder; done
chmod 1777 root/tmp
mkdir root/dev/shm root/run/lock root/run/test
mount -t tmpfs -o mode=1777 tmpfs root/dev/shm
for device in null zero full random urandom tty; do
  touch root/dev/$device
  mount --bind /dev/$device root/dev/$device
done
ln -s /proc/self/fd root/dev/fd
ln -s /proc/self/fd/0 root/dev/stdin
ln -s pts/ptmx root/dev/ptmx
mount --bind upper root/run/test
ip link set lo up
exec unshare --pid --cgroup --fork --kill-child bash -c '
  mount -t proc proc root/proc
  mount -t sysfs -o ro sysfs root/sys
  mount -t cgroup2 cgroup2 root/sys/fs/cgroup
  cd root
  mkdir run/old
  pivot_root . run/old
  umount -l run/old
  exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=basic.target --show-status=no
'
"""


@dataclass
class Machine:
    pid: int
    """Of its systemd."""
    fresh: frozenset[str] = frozenset()
    """The changes() of a server on which nothing was done as yet."""

    def run(self, *command: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        """As root. Errors and output are in stdout, in their order."""
        done = subprocess.run(
            self.inside(*command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert not ok or done.returncode == 0, done.stdout
        return done

    def inside(self, *command: str) -> list[str]:
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        wheels = ["PIP_NO_INDEX=1", "PIP_FIND_LINKS=/run/wheels"]
        namespaces = ["nsenter", "--target", str(self.pid), "--all"]
        return [*namespaces, "env", "-i", path, "HOME=/root", *wheels, *command]

    def write(self, path: str, text: str) -> None:
        """An executable file."""
        script = 'mkdir -p "$(dirname "$1")" && printf %s "$2" >"$1" && chmod 755 "$1"'
        self.run("bash", "-c", script, "bash", path, text)

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout

    def changes(self) -> set[str]:
        """The files that are not as on the machine below. (c: those that are gone.)"""
        found = self.run("bash", "-c", "cd /run/test && find . ! -type d ! -type c").stdout
        return {line.removeprefix(".") for line in found.splitlines()}


def absent() -> str:
    """The first program that is not here; empty where all are."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    programs = ("systemctl", "nginx", "unshare", "nsenter", "ip", "curl", "openssl")
    return next((name for name in programs if not shutil.which(name, path=path)), "")


def forbidden() -> str:
    """Why this user may have no such machine here; empty where one may be had."""
    if os.geteuid() != 0:
        return "needs root, for namespaces and mounts"
    probe = ["unshare", "--mount", "--net", "--pid", "--fork", "mount", "-t", "tmpfs", "x", "/mnt"]
    if subprocess.run(probe, capture_output=True).returncode:
        return "this container may not make namespaces"
    if not os.access(_cgroups() / "cgroup.procs", os.W_OK):
        return "needs version 2 of control groups, for systemd, and may not make one here"
    return ""


@contextmanager
def booted(folder: Path, wheels: Path) -> Iterator[Machine]:
    group = _cgroups() / f"kantu-test-{os.getpid()}"
    group.mkdir()
    enter = f"echo $$ >{group}/cgroup.procs && exec unshare --mount --net --ipc --uts"
    process = subprocess.Popen(
        ["bash", "-c", f'{enter} bash -c "$0" bash "$1"', BOOT, str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        machine = Machine(_child(process))
        _wait(machine, process)
        subprocess.run(
            f"tar -C {wheels} -c . | nsenter -t {machine.pid} --all "
            "bash -c 'mkdir /run/wheels && tar -C /run/wheels -x'",
            shell=True,
            check=True,
        )
        yield machine
    finally:
        process.kill()  # its child, systemd, goes with it
        process.communicate()
        _remove(group)


def _cgroups() -> Path:
    return next((path for path in CGROUPS if (path / "cgroup.procs").exists()), Path())


def _child(process: subprocess.Popen[str]) -> int:
    """systemd, once unshare has become it."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        for child in children.read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"it did not boot: {process.communicate()[1]}")


def _wait(machine: Machine, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if machine.run("systemctl", "is-active", "basic.target", ok=False).returncode == 0:
            return
        time.sleep(0.2)
    raise AssertionError(machine.run("systemctl", "list-jobs", ok=False).stdout)


def _remove(group: Path) -> None:
    for _ in range(50):
        folders = sorted(group.rglob("*"), key=lambda path: -len(path.parts))
        try:
            for folder in [path for path in folders if path.is_dir()]:
                folder.rmdir()
            return group.rmdir()
        except OSError:  # the last of its processes is still going
            time.sleep(0.1)
