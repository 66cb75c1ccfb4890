"""The product as real processes, for tests: server, worker, sandbox, and a client of the last.

`Processes` starts children that end with the test run; `SandboxClient` asks the sandbox what it
saw and tells it to misbehave. Fixtures are in `conftest.py`.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection

from voip_crm.children import die_with_parent
from voip_crm.tests.statements import PROCESSES

START_SECONDS = 180.0
# A second account at the sandbox, for a workspace that has its own.
OWN_ACCOUNT: dict[str, Any] = {
    "sid": f"AC{secrets.token_hex(16)}",
    "auth_token": secrets.token_hex(16),
    "api_keys": [{"sid": f"SK{secrets.token_hex(16)}", "secret": secrets.token_hex(16)}],
    "numbers": [{"sid": f"PN{secrets.token_hex(16)}", "phone_number": "+442079460177"}],
}


def wait_until(what: Any, seconds: float = 30.0, every: float = 0.05) -> Any:
    """The first true answer of `what()`. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(every)


def answers(url: str) -> bool:
    """Whether anything answers at `url`, be it an error."""
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def children_of(parent: int) -> set[int]:
    """The processes of this one that have not ended (Linux)."""
    return {pid for pid, (state, of) in _processes().items() if of == parent and state != "Z"}


def alive(pids: set[int]) -> set[int]:
    """Those of them that have not ended (Linux)."""
    return {pid for pid, (state, _) in _processes().items() if pid in pids and state != "Z"}


def _processes() -> dict[int, tuple[str, int]]:
    """State and parent of each process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # Behind the name, which is in brackets and may contain anything.
            state, parent, *_ = path.read_text().rpartition(")")[2].split()
            found[int(path.parent.name)] = (state, int(parent))
    return found


def find_redis() -> str:
    """The path of a Redis server. Raises AssertionError when there is none."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    assert found, "this test starts a Redis server of its own, and there is none on PATH"
    return found


@dataclass
class Processes:
    """Children with a log file each, ended together."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="site-")))
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Run `python COMMAND…` with the test's environment and `environment` on top of it."""
        inherited = {k: v for k, v in os.environ.items() if k != "DJANGO_ALLOW_ASYNC_UNSAFE"}
        # Whoever honours a proxy cannot leave this machine.
        nowhere = dict.fromkeys(["HTTP_PROXY", "HTTPS_PROXY"], "http://127.0.0.1:9")
        nowhere["PGAPPNAME"] = PROCESSES
        with (self.folder / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(
                [sys.executable, "-u", *command],
                cwd=settings.BASE_DIR,
                env=inherited | nowhere | {"NO_PROXY": "localhost,127.0.0.1"} | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        return self.children[name]

    def wait_for(self, name: str, url: str) -> None:
        def ready() -> bool:
            assert self.children[name].poll() is None, f"{name} ended:\n{self.log(name)}"
            return answers(url)

        wait_until(ready, START_SECONDS)

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends the child and its group; returns its exit code."""
        child = self.children.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGCONT)  # a paused one hears nothing else
        for one in (number, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, one)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(10)
        return child.wait()

    def stop_all(self) -> None:
        for name in reversed(list(self.children)):
            self.stop(name)

    def signal_all(self, number: signal.Signals) -> None:
        for child in self.children.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)

    def close(self) -> None:
        self.stop_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, name: str, lines: int = 60) -> str:
        text = (self.folder / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])


class SandboxClient:
    """The sandbox's control door, `/sandbox/…`; its README describes each answer."""

    def __init__(self, url: str) -> None:
        self.url = url

    def state(self) -> Any:
        """`{"calls": […], "conferences": […], "recordings": […]}` in Twilio's shapes."""
        return self._ask("GET", "/sandbox/state")

    def wire(self, since: int = 0) -> Any:
        """Requests received and callbacks sent after entry `since`, oldest first."""
        return self._ask("GET", f"/sandbox/wire?since={since}")["entries"]

    def heard(self, sid: str) -> Any:
        """What the far end of this call heard, the `digits` it received, and what it `said`."""
        return self._ask("GET", f"/sandbox/calls/{sid}/heard")

    def hangup(self, sid: str) -> Any:
        """The far side hangs up; before it was answered, it declines."""
        return self._ask("POST", f"/sandbox/calls/{sid}/hangup", {})

    def answer(self, sid: str) -> Any:
        """The far side picks up what rings on (number 103, or the fault `ring-on`)."""
        return self._ask("POST", f"/sandbox/calls/{sid}/answer", {})

    def digits(self, sid: str, digits: str) -> None:
        """The far side presses keys."""
        self._ask("POST", f"/sandbox/calls/{sid}/digits", {"digits": digits})

    def incoming(self, *, to: str, caller: str, **more: Any) -> Any:
        """A pretend caller rings one of our numbers, and does what a `script` says; the call, in
        Twilio's shape.
        """
        return self._ask("POST", "/sandbox/incoming", {"to": to, "from": caller, **more})

    def call(self, sid: str) -> Any:
        """Where a call is: its `stages`, and the `prompts` that it heard."""
        return self._ask("GET", f"/sandbox/calls/{sid}")

    def cut_media(self) -> int:
        """The network loses the sound of every browser in a call; how many there are."""
        return int(self._ask("POST", "/sandbox/media/cut", {})["cut"])

    def fault(self, kind: str, **order: Any) -> Any:
        """Order a fault (`sandbox/wire/faults.py` lists the kinds)."""
        return self._ask("POST", "/sandbox/faults", {"kind": kind, **order})

    def faults(self) -> Any:
        """The orders, each with how often it `fired`."""
        return self._ask("GET", "/sandbox/faults")["faults"]

    def clear_faults(self) -> None:
        self._ask("DELETE", "/sandbox/faults")

    def is_idle(self) -> bool:
        """No call, callback or recording is under way."""
        return bool(self._ask("GET", "/sandbox/health")["idle"])

    def end_all_calls(self) -> None:
        """So that no callback of this test reaches the next one's empty database."""
        for call in self.state()["calls"]:
            if call["status"] in ("queued", "ringing", "in-progress"):
                self.hangup(call["sid"])

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()!r}") from error
        return json.loads(text) if text else None


@dataclass
class Site:
    """A running product: where it is, its sandbox, its processes."""

    url: str
    sandbox: SandboxClient
    processes: Processes

    def pause(self) -> None:
        """Freeze every process at a moment when none of them has a transaction open.

        Between two tests the database is emptied, and other tests have it to themselves: a sweep
        in the middle of that would deadlock with it, or find rows that are not for it.
        """

        def frozen() -> bool:
            self.processes.signal_all(signal.SIGSTOP)
            time.sleep(0.02)  # what they sent before has reached its backend
            if not _open_transactions():
                return True
            self.processes.signal_all(signal.SIGCONT)
            return False

        wait_until(frozen, 30)
        # Of a sweep that was stopped between two transactions; it takes its turn again and goes on.
        cache.delete("turn:sweep")

    def resume(self) -> None:
        self.processes.signal_all(signal.SIGCONT)


@contextlib.contextmanager
def services_site() -> Iterator[Site]:
    """Server, worker with beat, and sandbox as processes on the test's own database and Redis."""
    from voip_crm.local import sandbox_config

    processes = Processes()
    config = processes.folder / "sandbox.json"
    recordings = str(processes.folder / "sandbox")
    wanted = sandbox_config(recordings) | {"ring_seconds": 0.5, "events_seconds": 0}
    wanted["accounts"].append(OWN_ACCOUNT)
    config.write_text(json.dumps(wanted))
    ours = {"DATABASE_URL": _test_database_url(), "CONN_MAX_AGE": "0", "LOG_LEVEL": "INFO"}
    ours["DATABASE_OWNER_URL"] = ""  # servers refuse it
    try:
        start_sandbox(processes, config)
        start_server(processes, **ours)
        if settings.REDIS_URL:
            start_worker(processes, **ours)
        processes.wait_for("sandbox", f"{settings.TWILIO_SANDBOX_URL}/sandbox/health")
        processes.wait_for("server", f"{settings.PUBLIC_BASE_URL}/healthz")
        yield Site(settings.PUBLIC_BASE_URL, SandboxClient(settings.TWILIO_SANDBOX_URL), processes)
    finally:
        processes.close()


def start_sandbox(processes: Processes, config: Path) -> None:
    port = settings.TWILIO_SANDBOX_URL.rpartition(":")[2]
    processes.start(
        "sandbox", "-m", "sandbox", "--config", str(config), "--host", "127.0.0.1", "--port", port
    )


def start_server(processes: Processes, **environment: str) -> None:
    port = settings.PUBLIC_BASE_URL.rpartition(":")[2]
    options = ["--host", "127.0.0.1", "--port", port, "--lifespan", "off", "--ws", "none"]
    options += ["--timeout-graceful-shutdown", "1", "--no-access-log"]
    processes.start("server", "-m", "uvicorn", "voip_crm.asgi:application", *options, **environment)


def start_worker(processes: Processes, **environment: str) -> None:
    options = ["--beat", "--scheduler", "celery.beat:Scheduler", "--concurrency", "2"]
    options += ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    processes.start("worker", "-m", "celery", "-A", "voip_crm", "worker", *options, **environment)


@contextlib.contextmanager
def embedded_site(var: Path | None = None) -> Iterator[Site]:
    """`manage.py runlocal` on SQLite, as `./run` starts it, in a folder of its own or in `var`. In
    the suite the first finds its tables there (test_runlocal.py has the one that makes them).
    """
    from voip_crm.tests.environment import free_port

    processes = Processes()
    port, sandbox_port = free_port(), free_port()
    url = f"http://localhost:{port}"
    if var is None:
        var = processes.folder / "var"
        var.mkdir(mode=0o700)
        copy_migrated(var / "db.sqlite3")
    ours = trial_environment(var) | {"RING_TIMEOUT": os.environ["RING_TIMEOUT"]}
    options = ["--port", str(port), "--sandbox-port", str(sandbox_port)]
    try:
        processes.start("runlocal", "manage.py", "runlocal", *options, **ours)
        processes.wait_for("runlocal", f"{url}/healthz")
        yield Site(url, SandboxClient(f"http://127.0.0.1:{sandbox_port}"), processes)
    finally:
        processes.close()


def copy_migrated(file: Path) -> bool:
    """Put the suite's SQLite database there, which is migrated and empty; whether there is one."""
    template = os.environ.get("SQLITE_TEMPLATE")
    if template:
        shutil.copyfile(template, file)
    return bool(template)


def trial_environment(var: Path) -> dict[str, str]:
    """Of the tests' own settings none reaches `./run`: it makes what it needs in `var`."""
    given = ["SECRET_KEY", "REDIS_URL", "DATABASE_URL", "RECORDINGS_DIR", "STATIC_USE_FINDERS"]
    given += ["PUBLIC_BASE_URL", *(name for name in os.environ if name.startswith("TWILIO_"))]
    return dict.fromkeys(given, "") | {"VAR_DIR": str(var)}


def _open_transactions() -> int:
    """Of other processes, on the test database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        )
        return int(cursor.fetchone()[0])


def _test_database_url() -> str:
    """The database of pytest-django, for another process."""
    name = connection.settings_dict["NAME"]
    assert connection.vendor == "postgresql", "real processes need PostgreSQL: use ./test"
    assert name.startswith("test_"), "the test database has not been made: mark it django_db"
    before, _, rest = os.environ["DATABASE_URL"].rpartition("/")
    query = rest.partition("?")[1:]
    return f"{before}/{name}{''.join(query)}"
