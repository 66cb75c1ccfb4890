"""What `./run` needs beside the web server: its database, the sandbox process, Celery's threads."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from calls.gateway import addresses
from calls.models import PhoneNumber
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant
from voip_crm import demo, embedded
from voip_crm.children import die_with_parent

log = logging.getLogger(__name__)

SANDBOX_START_SECONDS = 20.0
STOP_SECONDS = 3.0
THREADS = 4


def prepare_database() -> None:
    """Bring the tables up to date, and the demo where nothing is."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        print("Preparing the database …", file=sys.stderr)  # it may take ten seconds
        call_command("migrate", verbosity=0)
    demo.load_if_empty()


class Sandbox:
    """The Twilio sandbox as a child process that does not outlive us."""

    @classmethod
    def start_if_wanted(cls) -> "Sandbox | None":
        """Start it unless real credentials or another sandbox were given. The database must be
        there: it says which numbers there are.
        """
        port = os.environ.get(embedded.SANDBOX_PORT_VARIABLE)
        return cls(Path(os.environ["VAR_DIR"]), port) if port else None

    def __init__(self, var: Path, port: str) -> None:
        config = var / "sandbox.json"
        wanted = sandbox_config(str(var / "sandbox"), numbers_held())
        embedded.write_private(config, json.dumps(wanted, indent=1))
        self._stopping = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--config", str(config)]
            + ["--host", embedded.HOST, "--port", port],
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us alone, and we end its whole group
            preexec_fn=die_with_parent,
        )
        threading.Thread(target=self._report_death, daemon=True).start()

    def wait_until_ready(self) -> None:
        """Exits with one line when the sandbox does not start."""
        deadline = time.monotonic() + SANDBOX_START_SECONDS
        url = f"{settings.TWILIO_SANDBOX_URL}/sandbox/health"
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=1):  # noqa: S310  # nosec B310 - ours
                    return
            except OSError:
                time.sleep(0.05)
        sys.exit("The Twilio sandbox did not start; its own lines above say why.")

    def stop(self) -> None:
        self._stopping = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(STOP_SECONDS)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    def _report_death(self) -> None:
        code = self._process.wait()
        if not self._stopping:
            log.error("The Twilio sandbox ended (exit code %s): calls fail. Restart ./run.", code)


class Worker:
    """Celery's worker and beat as threads, over the broker that the settings name."""

    def __init__(self) -> None:
        self._stopping = False
        self._ends: list[Callable[[], None]] = []

    def start(self) -> None:
        threading.Thread(target=self._start, name="celery", daemon=True).start()

    def stop(self) -> None:
        self._stopping = True
        for end in self._ends:
            ended = threading.Thread(target=end, daemon=True)
            ended.start()
            ended.join(STOP_SECONDS)

    def _start(self) -> None:
        # Imported here, in a thread, because it takes a third of a second: pages come first.
        from celery.beat import Scheduler, Service
        from celery.worker import WorkController

        from voip_crm.celery import app

        beat = Service(app, max_interval=1, scheduler_cls=Scheduler)
        worker = WorkController(
            app=app,
            pool_cls="threads",
            concurrency=THREADS,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        self._ends = [lambda: beat.stop(wait=False), worker.stop]
        threading.Thread(target=self._run, args=("beat", beat), name="beat", daemon=True).start()
        self._run("worker", worker)

    def _run(self, name: str, part: Any) -> None:
        try:
            part.start()
        except BaseException:  # SystemExit too: a thread may not end unheard
            if not self._stopping:
                log.exception("Celery's %s failed", name)
        if not self._stopping:
            log.error("Celery's %s ended: recordings are not fetched. Restart ./run.", name)


def numbers_to_begin_with() -> list[dict[str, str]]:
    """The sandbox's: the demo's, before it is made, and free ones. They lead nowhere."""
    free = ((number, "Free") for number in demo.FREE_NUMBERS)
    return [
        {"sid": demo.number_sid(number), "phone_number": number, "friendly_name": label}
        for number, label in [*chain.from_iterable(demo.NUMBERS.values()), *free]
    ]


def numbers_held() -> list[dict[str, str]]:
    """The same with those of each workspace, which lead to it: the sandbox forgets what was bought
    when it ends.
    """
    found = {number["phone_number"]: number for number in numbers_to_begin_with()}
    for tenant_id in Tenant.objects.values_list("pk", flat=True):
        ours = addresses.of_number(tenant_id)
        with tenant_transaction(tenant_id):
            rows = list(PhoneNumber.objects.filter(account_sid=settings.TWILIO_ACCOUNT_SID))
        for row in rows:
            found[row.number] = {
                "sid": row.twilio_sid or demo.number_sid(row.number),
                "phone_number": row.number,
                "friendly_name": row.label,
                "voice_url": ours.called,
                "voice_fallback_url": ours.fallback,
                "status_callback": ours.status,
            }
    return list(found.values())


def sandbox_config(data_dir: str, numbers: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The sandbox's account, as `sandbox/README.md` describes it, from our settings; `numbers` are
    those to begin with, by default.
    """
    return {
        "accounts": [
            {
                "sid": settings.TWILIO_ACCOUNT_SID,
                "auth_token": settings.TWILIO_AUTH_TOKEN,
                "friendly_name": "Local",
                "api_keys": [
                    {"sid": settings.TWILIO_API_KEY_SID, "secret": settings.TWILIO_API_KEY_SECRET}
                ],
                "applications": [
                    {
                        "sid": settings.TWILIO_TWIML_APP_SID,
                        "friendly_name": "VoIP CRM",
                        "voice_url": addresses.voice_requests(),
                        "voice_method": "POST",
                        "status_callback": addresses.agent_status(),
                        "status_callback_method": "POST",
                    }
                ],
                "numbers": numbers_to_begin_with() if numbers is None else numbers,
                "verified_numbers": [],
            }
        ],
        "data_dir": data_dir,
        "ring_seconds": 1.5,
    }
