"""What can be said of the files of deploy/ without running them on a server."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

from app.config import ROOT

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "kantu@.service"
# What systemd learned after 249, which Ubuntu 22.04 has.
TOO_NEW = ("RestrictFileSystems", "RestrictNetworkInterfaces", "ExtensionDirectories", "OpenFile")
TOO_NEW += (
    "StartupAllowedCPUs",
    "MemoryPressureWatch",
    "RestartSteps",
    "RestartMode",
    "PrivatePIDs",
)


def test_shellcheck_has_nothing_to_say() -> None:
    scripts = [str(path.relative_to(ROOT)) for path in sorted(DEPLOY.glob("*.sh"))]
    scripts += [f"script/{name}" for name in ("server", "setup", "test")]
    checker = Path(sysconfig.get_path("scripts")) / "shellcheck"
    done = subprocess.run(
        [checker, "--external-sources", *scripts], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == ""


def test_the_sandbox_is_tight(tmp_path: Path) -> None:
    unit = tmp_path / "kantu@1.service"
    unit.write_bytes(UNIT.read_bytes())
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", unit],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_oldest_supported_systemd_knows_the_options() -> None:
    used = set(re.findall(r"^(\w+)=", UNIT.read_text(), re.MULTILINE))
    assert not used & set(TOO_NEW)


def test_the_image_has_the_files_that_a_release_has() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = {
        word.rstrip("/")
        for line in re.findall(r"^COPY (.*)$", dockerfile, re.MULTILINE)
        for word in line.split()[:-1]
    }
    (files,) = re.findall(r"RELEASE_FILES=\((.*?)\)", (DEPLOY / "steps.sh").read_text(), re.DOTALL)
    # On a server, these are for its scripts.
    only_there = {"script", "requirements.txt", "requirements-heic.txt", "pyproject.toml"}
    assert {name.split("/")[0] for name in copied} == set(files.split()) - only_there
    assert all((ROOT / name).exists() for name in copied)
