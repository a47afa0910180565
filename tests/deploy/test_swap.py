"""The swap file: how large, and made once."""

from __future__ import annotations

import subprocess

import pytest

from app.config import ROOT
from tests.deploy.conftest import CHECKOUT
from tests.deploy.machine import Machine

SOURCES = "set -euo pipefail; source deploy/steps.sh; source deploy/swap.sh; "
FAKES = "/root/fakes"


@pytest.mark.parametrize(
    "engine, memory, disk, size",
    [
        ("litert", 480, 9000, 544),  # a VPS of 512 MB
        ("litert", 980, 20_000, 0),  # 1 GB holds two instances
        ("litert", 480, 1000, 250),  # a quarter of what is free, at most
        ("litert", 480, 400, 0),
        ("tensorflow", 480, 20_000, 2592),
        ("tensorflow", 4000, 20_000, 0),
    ],
)
def test_its_size_comes_from_memory_and_disk(
    engine: str, memory: int, disk: int, size: int
) -> None:
    command = f"{SOURCES} ENGINE={engine}; swap_size {memory} {disk}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{size}\n"


def swap(machine: Machine, commands: str) -> str:
    """In a machine that says it is none of a container's, and has 480 MB of memory."""
    machine.write(f"{FAKES}/systemd-detect-virt", "#!/bin/sh\nexit 1\n")
    machine.write(f"{FAKES}/awk", "#!/bin/sh\necho 960\n")
    for program in ("mkswap", "swapon", "swapoff"):
        machine.write(f"{FAKES}/{program}", f'#!/bin/sh\necho {program} "$@" >>{FAKES}/log\n')
    sources = f"cd {CHECKOUT}; PATH={FAKES}:$PATH; {SOURCES} read_notes; "
    return machine.run("bash", "-c", sources + commands).stdout


def test_it_is_made_once_and_goes_again(machine: Machine) -> None:
    before = machine.read("/etc/fstab")
    assert "Making /swapfile of" in swap(machine, "ENGINE=tensorflow make_swap")
    swap(machine, "ENGINE=tensorflow make_swap")
    assert machine.read("/etc/fstab").count("/swapfile none swap sw 0 0\n") == 1
    assert "swapon /swapfile" in machine.read(f"{FAKES}/log")
    assert machine.run("stat", "-c", "%a", "/swapfile").stdout == "600\n"
    assert machine.read("/etc/sysctl.d/90-kantu-swap.conf") == "vm.swappiness=10\n"
    assert "MADE_SWAP=yes" in machine.read("/etc/kantu/install.notes")
    swap(machine, "remove_swap")
    assert machine.read("/etc/fstab") == before
    assert (
        machine.run("ls", "/swapfile", "/etc/sysctl.d/90-kantu-swap.conf", ok=False).returncode == 2
    )


def test_where_there_is_swap_it_stays(machine: Machine) -> None:
    said = swap(machine, "swaps() { echo /dev/vdb; }; make_swap")
    assert "has swap already" in said


def test_a_system_that_takes_no_swap_file_is_left_as_it_was(machine: Machine) -> None:
    machine.write(f"{FAKES}/swapon.no", "#!/bin/sh\nexit 1\n")
    before = machine.read("/etc/fstab")
    said = swap(machine, f"mv {FAKES}/swapon.no {FAKES}/swapon; ENGINE=tensorflow make_swap")
    assert "takes no swap file" in said
    assert machine.read("/etc/fstab") == before
    assert machine.run("ls", "/swapfile", ok=False).returncode == 2
