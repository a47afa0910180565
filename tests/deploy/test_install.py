"""install.sh, update.sh and uninstall.sh, really run on a throw-away server. In this order: each
test goes on where the one before it ended. tests/deploy/machine.py says what is faked there."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.deploy.conftest import CHECKOUT
from tests.deploy.machine import Machine
from tests.fakes import jpeg

INSTALL = f"{CHECKOUT}/deploy/install.sh"
UPDATE = f"{CHECKOUT}/deploy/update.sh"
PORT = "8080"
METRICS = 9400
SAID = "Kantu says of a test picture: "
# What any use of a Debian leaves behind.
TRACES = (
    "/var/log/",
    "/var/cache/",
    "/var/lib/apt/",
    "/var/lib/dpkg/",
    "/var/lib/systemd/",
    "/root/",
)
TRACES += (
    "/etc/passwd",
    "/etc/group",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/.pwd.lock",
    "/etc/subuid",
)
TRACES += ("/etc/subgid", "/etc/ssl/certs/ca-certificates.crt", "/usr/local/sbin/")


@contextmanager
def visitors(machine: Machine) -> Iterator[dict[str, int]]:
    """The statuses of the answers that they got are there when they are gone."""
    machine.run("rm", "-f", "/run/stop")
    load = [f"{CHECKOUT}/tests/deploy/load.py", f"http://127.0.0.1:{PORT}", "/run/stop"]
    started = subprocess.Popen(
        machine.inside("/usr/bin/python3", *load), stdout=subprocess.PIPE, text=True
    )
    answers: dict[str, int] = {}
    try:
        yield answers
    finally:
        machine.run("touch", "/run/stop")
        answers.update(json.loads(started.communicate(timeout=60)[0]))


def current(machine: Machine) -> str:
    return machine.run("readlink", "/opt/kantu/current").stdout.strip()


def units(machine: Machine) -> list[str]:
    listed = machine.run("systemctl", "list-units", "--plain", "--no-legend", "kantu@*").stdout
    return [line.split()[0] for line in listed.splitlines()]


def version(machine: Machine, name: str, *edits: str) -> str:
    """A copy of the checkout, changed by shell commands."""
    folder = f"/root/{name}"
    machine.run("bash", "-ec", "; ".join([f"cp -r {CHECKOUT} {folder}", f"cd {folder}", *edits]))
    return folder


def test_a_dry_run_prints_the_steps_and_does_nothing(machine: Machine) -> None:
    before = machine.changes()
    said = machine.run(
        INSTALL, "--dry-run", "--domain", "kantu.test", "--email", "a@kantu.test"
    ).stdout
    assert machine.changes() == before
    for word in ("apt-get", "useradd", "-m venv", "pip install --no-cache-dir", "systemctl start"):
        assert word in said
    for word in ("certbot certonly", "ufw allow 443/tcp", "nginx -t", "caption a photo"):
        assert word in said


@pytest.mark.parametrize(
    "options",
    [["--port", "0"], ["--port", "x"], ["--domain", "http://a.b"], ["--domain", "a.b"], ["--what"]],
)
def test_wrong_options_are_refused_before_anything_happens(
    machine: Machine, options: list[str]
) -> None:
    before = machine.changes()
    assert machine.run(INSTALL, *options, ok=False).returncode == 1
    assert machine.changes() == before


def test_update_says_that_nothing_is_installed(machine: Machine) -> None:
    done = machine.run(UPDATE, ok=False)
    assert done.returncode == 1 and "not installed here yet" in done.stdout


def test_it_installs_and_captions_a_photo_through_the_public_port(machine: Machine) -> None:
    said = machine.run(INSTALL, "--port", PORT).stdout
    assert said.count(SAID) == 2  # by the socket, and through nginx
    assert f":{PORT}\n" in said
    assert machine.run("systemctl", "is-enabled", "nginx", *units(machine)).returncode == 0
    assert "allow 8080/tcp" in machine.read("/root/ufw.log")
    assert "This is a container" in said


def test_it_takes_less_than_300_megabytes_of_the_disk(machine: Machine) -> None:
    assert int(machine.run("du", "-sm", "/opt/kantu").stdout.split()[0]) < 300


def test_what_only_tensorflow_reads_is_not_installed(machine: Machine) -> None:
    found = machine.run("find", "/opt/kantu/", "-name", "*.pb", "-o", "-name", "*.tflite").stdout
    assert "encoder.tflite" in found
    assert ".pb" not in found


def test_a_model_that_the_settings_do_not_name_is_not_installed(machine: Machine) -> None:
    found = machine.run("find", "/opt/kantu/", "-name", "manifest.json").stdout
    assert "/model_assets/kantu-2/" in found
    assert "/model_assets/unused/" not in found


def test_the_service_runs_in_its_sandbox(machine: Machine) -> None:
    (unit,) = units(machine)
    shown = machine.run("systemctl", "show", "--property", "MainPID", "--value", unit).stdout
    status = machine.read(f"/proc/{shown.strip()}/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    user = machine.run("id", "-u", "kantu").stdout.strip()
    assert facts["Uid"].split() == [user] * 4 and user != "0"
    assert facts["CapBnd"] == "0" * 16
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    interfaces = machine.run("nsenter", "-t", shown.strip(), "--net", "ip", "-o", "link").stdout
    assert len(interfaces.splitlines()) == 1 and "lo" in interfaces


def test_systemd_finds_nothing_wrong_with_the_unit(machine: Machine) -> None:
    (unit,) = units(machine)
    assert (
        machine.run("systemd-analyze", "verify", "--man=no", f"/etc/systemd/system/{unit}").stdout
        == ""
    )


def test_nobody_but_nginx_and_kantu_reaches_the_socket(machine: Machine) -> None:
    ask = "curl -s -o /dev/null --unix-socket /opt/kantu/current/run/http http://x/readyz"
    for user, reaches in (("www-data", True), ("nobody", False)):
        done = machine.run(
            "setpriv", "--reuid", user, "--regid", user, "--init-groups", *ask.split(), ok=False
        )
        assert (done.returncode == 0) == reaches


def test_the_settings_are_read_by_no_other_user(machine: Machine) -> None:
    assert (
        machine.run("stat", "-c", "%U %G %a", "/etc/kantu/kantu.env").stdout == "root kantu 640\n"
    )


def test_a_second_run_keeps_settings_and_port_and_takes_new_settings_in(machine: Machine) -> None:
    before = current(machine)
    added = (
        "KANTU_RATE_LIMIT=off",
        "KANTU_TOKEN=open-sesame",
        f"KANTU_METRICS_PORT={METRICS}",
        "KANTU_FORMATS=jpeg,heic",
    )
    edit = "; ".join(f"echo {line} >>$0" for line in added)
    machine.run("bash", "-c", edit, "/etc/kantu/kantu.env")
    said = machine.run(INSTALL).stdout
    assert f":{PORT}\n" in said and said.count(SAID) == 2  # which needed the token
    assert "KANTU_TOKEN=open-sesame" in machine.read("/etc/kantu/kantu.env")
    assert "packages of requirements-serve.txt requirements-heic.txt" in said
    assert current(machine) != before and len(units(machine)) == 1
    unauthorized = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"]
    assert machine.run(*unauthorized, f"http://127.0.0.1:{PORT}/api/v1/models").stdout == "401"


def test_metrics_are_on_the_port_of_the_settings_alone(machine: Machine) -> None:
    ask = ["curl", "-s", "-w", "%{http_code}"]
    seen = machine.run(*ask, f"http://127.0.0.1:{METRICS}/metrics").stdout
    assert seen.endswith("200") and "kantu_captions_total" in seen
    assert machine.run(*ask, f"http://127.0.0.1:{PORT}/metrics").stdout.endswith("404")
    assert machine.run(*ask, f"http://127.0.0.1:{METRICS}/").stdout.endswith("404")


@pytest.mark.parametrize(
    "name, edit, word",
    [
        ("does-not-start", "echo 'raise SystemExit(\"cannot start\")' >wsgi.py", "cannot start"),
        (
            "cannot-caption",
            "echo 'def read_photo(*_): 1 / 0' >>app/photos/__init__.py",
            "ZeroDivisionError",
        ),
    ],
)
def test_a_version_that_does_not_work_goes_and_visitors_notice_nothing(
    machine: Machine, name: str, edit: str, word: str
) -> None:
    source = version(machine, name, edit)
    machine.run("bash", "-c", f"base64 -d >/root/photo.jpg <<<{encoded(jpeg(400, 300))}")
    before, running = current(machine), units(machine)
    with visitors(machine) as answers:
        done = machine.run(UPDATE, source, ok=False)
    assert done.returncode == 1
    assert word in done.stdout and "Kantu goes on as before" in done.stdout
    assert (current(machine), units(machine)) == (before, running)
    assert len(machine.run("ls", "/opt/kantu/releases").stdout.split()) == 2
    assert set(answers) == {"200"} and answers["200"] > 5, answers


def test_a_good_version_takes_over_and_no_request_is_lost(machine: Machine) -> None:
    source = version(machine, "good", "echo new >static/version.txt")
    machine.run("tar", "-C", "/root", "-czf", "/root/good.tar.gz", "good")
    before = current(machine)
    with visitors(machine) as answers:
        said = machine.run(f"{source}/deploy/update.sh", "/root/good.tar.gz").stdout
    assert SAID in said and current(machine) != before and len(units(machine)) == 1
    assert "Installing the Python packages" not in said
    assert set(answers) == {"200"} and answers["200"] > 20, answers
    got = machine.run("curl", "-s", f"http://127.0.0.1:{PORT}/static/version.txt").stdout
    assert got == "new\n"


def test_a_site_that_nginx_refuses_changes_nothing(machine: Machine) -> None:
    source = version(machine, "bad-site", "echo 'no such word;' >>deploy/nginx-site.conf")
    before = current(machine)
    site = machine.read("/etc/nginx/sites-available/kantu")
    done = machine.run(UPDATE, source, ok=False)
    assert done.returncode == 1 and "Through nginx" in done.stdout
    assert current(machine) == before and len(units(machine)) == 1
    assert machine.read("/etc/nginx/sites-available/kantu") == site


def test_the_release_before_can_come_back(machine: Machine) -> None:
    folders = machine.run("ls", "/opt/kantu/releases").stdout.split()
    now = current(machine).removeprefix("releases/")
    (before,) = set(folders) - {now}
    machine.run(f"/opt/kantu/releases/{before}/deploy/update.sh")
    asked = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"]
    assert machine.run(*asked, f"http://127.0.0.1:{PORT}/static/version.txt").stdout == "404"


def test_without_a_certificate_it_says_why_and_goes_on_without_https(machine: Machine) -> None:
    machine.run("touch", "/root/no-certificate")
    options = ["--domain", "kantu.test", "--email", "a@kantu.test", "--port", "80"]
    done = machine.run(INSTALL, *options, ok=False)
    assert done.returncode == 1
    assert "The usual reasons" in done.stdout, done.stdout
    at = ["--resolve", "kantu.test:80:127.0.0.1", "http://kantu.test/readyz"]
    assert "ready" in machine.run("curl", "-s", *at).stdout
    machine.run("rm", "/root/no-certificate")


def test_with_a_certificate_it_serves_https_and_sends_http_there(machine: Machine) -> None:
    said = machine.run(INSTALL, "--email", "a@kantu.test").stdout
    assert "https://kantu.test\n" in said and said.count(SAID) == 3
    at = ["--resolve", "kantu.test:80:127.0.0.1", "http://kantu.test/x?y"]
    head = machine.run("curl", "-s", "-i", *at).stdout
    assert "301" in head and "location: https://kantu.test/x?y" in head.lower()
    assert "--keep-until-expiring" in machine.read("/root/certbot.log")


def test_uninstall_asks_and_keeps_what_nobody_agreed_to(machine: Machine) -> None:
    steps = machine.run("/opt/kantu/current/deploy/uninstall.sh", "--dry-run").stdout
    assert "rm -rf /etc/kantu" in steps
    machine.run("cp", "-a", "/etc/kantu", "/root/settings")
    machine.run("/opt/kantu/current/deploy/uninstall.sh")  # nobody is there to answer
    assert units(machine) == []
    assert machine.run("ls", "/opt").stdout.find("kantu") < 0
    assert "kantu.env" in machine.run("ls", "/etc/kantu").stdout
    assert machine.run("which", "nginx").stdout


def test_uninstall_with_yes_leaves_nothing(machine: Machine) -> None:
    machine.run(f"{CHECKOUT}/deploy/uninstall.sh", "--yes")
    left = machine.changes() - machine.fresh
    assert {path for path in left if not path.startswith(TRACES)} == set()
    for file in ("/etc/passwd", "/etc/group", "/etc/fstab"):
        assert "kantu" not in machine.read(file)
    assert machine.run("which", "nginx", ok=False).returncode == 1
    assert "delete allow 8080/tcp" in machine.read("/root/ufw.log")
    assert machine.run("ls", "/run/kantu", ok=False).returncode == 2


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
