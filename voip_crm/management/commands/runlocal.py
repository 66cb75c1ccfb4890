"""Serve the whole product from one process, with the Twilio sandbox as its child."""

import argparse
import signal
import sys
from importlib import import_module
from typing import Any

import uvicorn
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import connection

from voip_crm import checks, demo, embedded, local, mailbox


class Command(BaseCommand):
    help = __doc__
    # Our own checks are run below; the rest is for developers and costs half a second.
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        embedded.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        checks.refuse_to_start_on_errors()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        sandbox, worker = None, local.Worker()
        try:
            local.prepare_database()
            sandbox = local.Sandbox.start_if_wanted()
            greeting = _greeting()
            import_module("voip_crm.asgi")  # a second that both need
            if sandbox:
                sandbox.wait_until_ready()

            def when_listening() -> None:
                self._say(greeting)
                worker.start()

            _Server(options["host"], options["port"], when_listening).run()
        except KeyboardInterrupt:
            pass
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            worker.stop()
            if sandbox:
                sandbox.stop()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        sys.stdout.flush()


class _Server(uvicorn.Server):
    """Uvicorn that says when it listens and does not wait for open streams when it stops."""

    def __init__(self, host: str, port: int, when_listening: Any) -> None:
        super().__init__(
            uvicorn.Config(
                "voip_crm.asgi:application",
                host=host,
                port=port,
                lifespan="off",
                ws="none",
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=3,
            )
        )
        self._when_listening = when_listening

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._when_listening()

    async def shutdown(self, sockets: Any = None) -> None:
        from voip_crm.live import hub

        hub.close()
        await super().shutdown(sockets)


def _leave(*_: Any) -> None:
    raise KeyboardInterrupt


def _greeting() -> str:
    lines = ["", f"VoIP CRM is ready: {settings.PUBLIC_BASE_URL}", ""]
    if get_user_model().objects.filter(email=demo.PEOPLE[0][0]).exists():
        lines += [f"  {email:<26}{what}" for email, what in demo.PEOPLE]
        lines += ["", f"Password: {demo.PASSWORD}", ""]
    if settings.TWILIO_SANDBOX_URL:
        lines.append("Calls go to the sandbox on this machine; no real phone rings.")
        lines.append(f"Call in from its telephone: {settings.TWILIO_SANDBOX_URL}/")
    if mailbox.keeps_mails():
        lines.append(f"Mail is not sent; read it at {settings.PUBLIC_BASE_URL}/mails")
    connection.close()
    return "\n".join([*lines, "Ctrl-C stops everything."])
