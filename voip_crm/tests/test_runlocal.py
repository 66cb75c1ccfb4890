"""`./run` in its own processes: it serves, says what broke, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from voip_crm import demo
from voip_crm.tests import harness

COUNT = "from tenants.models import Tenant; print(Tenant.objects.count(), 'workspaces')"

linux_only = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads /proc; only Linux ends a child by itself"
)


def manage(
    var: Path, *command: str, stdin: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """`./run manage COMMAND …`, but for the virtual environment."""
    return subprocess.run(
        [sys.executable, settings.BASE_DIR / "manage.py", "trial", *command],
        cwd=var,
        env=os.environ | harness.trial_environment(var) | more,
        input=stdin,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def first_command(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A command where nothing had been run, and the folder in which each run finds the demo."""
    var = tmp_path_factory.mktemp("var")
    return var, manage(var, "shell", stdin=f"{COUNT}; raise SystemExit(7)")


@pytest.fixture(scope="module")
def var(first_command: tuple[Path, Any]) -> Path:
    return first_command[0]


@pytest.fixture
def running(var: Path) -> Iterator[harness.Site]:
    with harness.embedded_site(var) as site:
        yield site


def sandbox_of(site: harness.Site) -> int:
    """The sandbox's process id, found among the children of runlocal."""
    parent = site.processes.children["runlocal"].pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return next(int(c) for c in children if b"sandbox" in Path(f"/proc/{c}/cmdline").read_bytes())


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return " Z " in Path(f"/proc/{pid}/stat").read_text()


def test_a_command_before_the_first_run_makes_the_trial_and_gets_its_input(
    first_command: Any,
) -> None:
    _, asked = first_command
    assert (asked.returncode, asked.stdout.split()[-2:]) == (7, ["2", "workspaces"])
    assert "Preparing the database" in asked.stderr


@linux_only
def test_it_says_where_and_as_whom_to_sign_in_and_ends_with_its_sandbox(
    running: harness.Site, var: Path
) -> None:
    said = harness.wait_until(
        lambda: (text := running.processes.log("runlocal")).count("Ctrl-C") and text
    )
    assert running.url in said and f"Password: {demo.PASSWORD}" in said
    for email, _ in demo.PEOPLE:
        assert email in said
    with urllib.request.urlopen(f"{running.url}/readyz") as ready:
        assert ready.status == 200
    # A command of another terminal finds it on whatever ports it has.
    asked = manage(var, "twilio_doctor")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert f"sandbox at {running.sandbox.url}" in asked.stdout
    assert f"{running.url}/healthz answers" in asked.stdout
    sandbox = sandbox_of(running)
    assert running.processes.stop("runlocal", signal.SIGINT) == 0
    assert harness.wait_until(lambda: is_gone(sandbox))
    assert not re.search("Traceback|ERROR", running.processes.log("runlocal"))


@linux_only
def test_whoever_calls_the_demo_is_answered_and_the_end_is_told(running: harness.Site) -> None:
    """The demo's numbers lead to their workspaces from the start."""
    for ((number, _),) in demo.NUMBERS.values():
        gives_up = [{"until": "answered"}, {"wait": 1}, {"hang_up": True}]
        call = running.sandbox.incoming(to=number, caller="+12125550123", script=gives_up)
        sid = call["sid"]
        (asked,) = harness.wait_until(lambda sid=sid: requests_about(running, sid, "ringing"))
        assert "/api/twilio/voice-webhook?step=called&tenant=" in asked["url"]
        told = harness.wait_until(lambda sid=sid: ends_told_of(running, sid))
        assert [(asked["status"], *(each["status"] for each in told))] == [(200, 204)]


def ends_told_of(site: harness.Site, sid: str) -> list[dict[str, Any]]:
    """By the number's status callback, beside the queue's own word."""
    status = "/api/twilio/call-status?tenant="
    return [each for each in requests_about(site, sid, "completed") if status in each["url"]]


def requests_about(site: harness.Site, sid: str, status: str) -> list[dict[str, Any]]:
    """Those that the sandbox has made about a call of this status, and that were answered."""
    return [
        entry
        for entry in site.sandbox.wire()
        if entry["kind"] == "webhook"
        and (entry["params"].get("CallSid"), entry["params"].get("CallStatus")) == (sid, status)
        and entry.get("status")
    ]


def test_the_doctor_says_what_to_do_when_nothing_runs(var: Path) -> None:
    asked = manage(var, "twilio_doctor")
    assert asked.returncode == 1
    assert "No sandbox answers at http://127.0.0.1:" in asked.stdout
    assert "./run, in another terminal" in asked.stdout


@linux_only
def test_its_sandbox_does_not_outlive_a_kill(running: harness.Site) -> None:
    sandbox = sandbox_of(running)
    os.kill(running.processes.children["runlocal"].pid, signal.SIGKILL)
    assert harness.wait_until(lambda: is_gone(sandbox))


@linux_only
def test_it_says_that_the_sandbox_ended(running: harness.Site) -> None:
    os.kill(sandbox_of(running), signal.SIGKILL)
    harness.wait_until(lambda: "sandbox ended" in running.processes.log("runlocal"))


def test_a_command_without_the_account_of_the_last_run_says_what_to_give(tmp_path: Path) -> None:
    tmp_path.joinpath("last-run.env").write_text(
        "PUBLIC_BASE_URL=http://localhost:8000\nTWILIO_SANDBOX_URL=\n"
    )
    asked = manage(tmp_path, "check")
    assert asked.returncode == 1
    assert "same TWILIO_ variables" in asked.stderr
