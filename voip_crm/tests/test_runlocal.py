"""`./run` in its own processes: it serves, says what broke, and leaves nothing behind."""

import os
import re
import signal
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from voip_crm import demo
from voip_crm.tests import harness

linux_only = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads /proc; only Linux ends a child by itself"
)


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each start after the first one finds the demo."""
    return tmp_path_factory.mktemp("var")


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


@linux_only
def test_it_says_where_and_as_whom_to_sign_in_and_ends_with_its_sandbox(
    running: harness.Site,
) -> None:
    said = harness.wait_until(
        lambda: (text := running.processes.log("runlocal")).count("Ctrl-C") and text
    )
    assert running.url in said and f"Password: {demo.PASSWORD}" in said
    for email, _ in demo.PEOPLE:
        assert email in said
    with urllib.request.urlopen(f"{running.url}/readyz") as ready:
        assert ready.status == 200
    sandbox = sandbox_of(running)
    assert running.processes.stop("runlocal", signal.SIGINT) == 0
    assert harness.wait_until(lambda: is_gone(sandbox))
    assert not re.search("Traceback|ERROR", running.processes.log("runlocal"))


@linux_only
def test_its_sandbox_does_not_outlive_a_kill(running: harness.Site) -> None:
    sandbox = sandbox_of(running)
    os.kill(running.processes.children["runlocal"].pid, signal.SIGKILL)
    assert harness.wait_until(lambda: is_gone(sandbox))


@linux_only
def test_it_says_that_the_sandbox_ended(running: harness.Site) -> None:
    os.kill(sandbox_of(running), signal.SIGKILL)
    harness.wait_until(lambda: "sandbox ended" in running.processes.log("runlocal"))
