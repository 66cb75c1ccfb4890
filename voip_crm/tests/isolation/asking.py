"""One request, and all that came of it: the answer, log lines, live messages, tasks, rows."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import pytest
from celery import Task
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http.response import HttpResponseBase
from django.test import Client
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response

from tenants.bricks import live
from tenants.bricks.lanes import Lane
from voip_crm.logs import JsonFormatter
from voip_crm.tests.isolation.world import Side, World, changes, client_of, snapshot

OURS = ("tenants", "contacts", "calls", "voip_crm", "django.request", "django.security")

# A WITH looks, too, unless one of its parts writes: who asks is found by one, with each request.
_LOOKS = re.compile(
    r"[(\s]*(SELECT|SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT|SET CONSTRAINTS"
    r"|WITH(?!.*\b(INSERT|UPDATE|DELETE|MERGE)\b))\b",
    re.DOTALL,
)


@dataclass
class Outcome:
    """`said` is what the asker sent, `heard` what came of it, to anybody, anywhere."""

    status: int
    body: str
    said: str = ""
    heard: list[tuple[str, str]] = field(default_factory=list)  # (where, text)
    messages: list[tuple[str, str]] = field(default_factory=list)  # (channel, text)
    tasks: list[tuple[str, str]] = field(default_factory=list)  # (name, first argument)
    accounts: set[str] = field(default_factory=set)  # SIDs that Twilio was asked about
    changed: set[tuple[str, Any]] = field(default_factory=set)
    written: list[str] = field(default_factory=list)  # rows as they are now
    has_written: bool = False
    location: str = ""
    asker: Any = None  # whose own streams may end, be they a member of a workspace or not

    def statements(self, execute: Any, sql: Any, *rest: Any) -> Any:
        """Rows are only compared when something else than a look was sent to the database."""
        self.has_written |= not _LOOKS.match(str(sql))
        return execute(sql, *rest)

    def leaks(self, world: World, own: Side | None) -> list[str]:
        """What of another workspace than `own` came anywhere, or was touched."""
        found = [
            f"{where} shows {other.tenant.slug}'s {seen!r}"
            for other in world.others(own)
            for where, text in self.heard
            for seen in other.seen_in(text, said=self.said)
        ]
        mine = own.tenant.pk if own else None
        found += [
            f"touched a row of another in {t}" for t, w in self.changed if w not in (None, mine)
        ]
        mine_too = {f"live:end:{m.user_id}" for m in own.members.values()} if own else set()
        channels = {f"live:{mine}", f"live:end:{mine}", f"live:end:{self.asker}", *mine_too}
        found += [f"told {c}: {m}" for c, m in self.messages if c not in channels]
        found += [f"queued {name} for {whose}" for name, whose in self.tasks if whose != str(mine)]
        known = own and own.ids["account_sid"]
        found += [f"spoke to Twilio as {sid}" for sid in self.accounts if sid != known]
        return found


def ask(
    world: World,
    actor: str,
    method: str,
    path: str,
    *,
    client: Client | None = None,
    keep: bool = False,
    **sent: Any,
) -> Outcome:
    """Send a request as `actor`; whatever it wrote is noted, then undone, or kept."""
    client = client or client_of(world, actor)
    with _listening() as outcome, transaction.atomic():
        with connection.execute_wrapper(outcome.statements):
            response = client.generic(method, path, **sent)
            outcome.status, outcome.body = response.status_code, _body(response)
            _do_what_waits(outcome)
        if outcome.has_written:
            after = snapshot()
            outcome.changed = changes(world.before, after)
            outcome.written = [
                row for table in after for _, row in after[table] - world.before[table]
            ]
        if not keep:
            transaction.set_rollback(True)
        elif outcome.has_written:
            world.before = after
    outcome.asker = getattr(getattr(response.wsgi_request, "user", None), "pk", None)
    outcome.location = response.headers.get("Location", "")
    outcome.said = unquote_plus(f"{path} {sent}")
    head = f"{response.headers} {response.cookies}"
    outcome.heard += [("answer", outcome.body), ("headers", head)]
    outcome.heard += [("message", text) for _, text in outcome.messages]
    return outcome


def _body(response: HttpResponseBase) -> str:
    data = (
        b"".join(response.streaming_content)  # type: ignore[attr-defined]
        if response.streaming
        else response.content  # type: ignore[attr-defined]
    )
    return str(data.decode("utf-8", "replace"))


def _do_what_waits(outcome: Outcome) -> None:
    """What a commit would: the deferred constraints speak, and what waits for it happens."""
    try:
        if outcome.has_written:
            connection.check_constraints()
    except DatabaseError as error:
        outcome.heard.append(("database", f"broken: {error}"))
        outcome.status = 599
        return
    while connection.run_on_commit:
        _, callback, _ = connection.run_on_commit.pop(0)
        callback()


class _Lines(logging.Handler):
    """Formatted as in production, for the outcome of the request that is under way."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.outcome: Outcome | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.outcome is not None:
            self.outcome.heard.append(("log", self.format(record)))


_lines = _Lines()


@contextmanager
def listening_to_logs() -> Iterator[None]:
    """Once for many requests: after each change of a level logging works everything out anew. The
    outcome alone hears them: others would format thousands of lines and tracebacks for nobody.
    """
    loggers = [logging.getLogger(name) for name in OURS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(_lines)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagates) in zip(loggers, before, strict=True):
            logger.removeHandler(_lines)
            logger.setLevel(level)
            logger.propagate = propagates


@contextmanager
def _listening() -> Iterator[Outcome]:
    """Our logs at DEBUG, live messages, tasks and requests to Twilio go to the outcome."""
    outcome = Outcome(0, "")
    assert _lines in logging.getLogger(OURS[0]).handlers, "nobody listens to the logs"

    def deliver(channel: str, text: str) -> None:
        outcome.messages.append((channel, text))

    def queue(task: Task, args: Any = (), *rest: Any, **options: Any) -> None:
        outcome.tasks.append((str(task.name), str(args[0])))

    def tend(lane: Lane, key: Any, work: Any) -> None:
        outcome.tasks.append(("tend", str(key[0])))

    def request(client: Any, method: str, url: str, *args: Any, **options: Any) -> Response:
        outcome.accounts |= set(re.findall(r"AC[0-9a-f]{32}", url))
        sent = [options.get(name) or {} for name in ("params", "data")]
        sent[: len(args)] = [each or {} for each in args[:2]]
        return wire(method, url, sent[0] | sent[1])

    patch = pytest.MonkeyPatch()
    patch.setattr(settings, "REDIS_URL", "")  # messages stay in this process
    patch.setattr(Task, "apply_async", queue)
    patch.setattr(Lane, "do", tend)
    patch.setattr(TwilioHttpClient, "request", request)
    live._local.append(deliver)
    _lines.outcome = outcome
    try:
        yield outcome
    finally:
        _lines.outcome = None
        live._local.remove(deliver)
        patch.undo()


def wire(method: str, url: str, data: Any) -> Response:
    """Twilio, as far as these requests need it: it says yes, and makes SIDs of what it is asked."""
    sid = re.sub(r"\D", "", str(abs(hash((url, str(data)))))).rjust(32, "0")[:32]
    account = (re.findall(r"AC[0-9a-f]{32}", url) or [""])[0]
    answer: dict[str, Any] = {"sid": account, "status": "active", "type": "Full"}
    if "/Participants" in url:
        answer = {"call_sid": f"CA{sid}", "account_sid": account}
    elif "/Applications.json" in url and method == "GET":
        answer = {"applications": []}
    elif "/Applications" in url:
        answer = {"sid": f"AP{sid}", "account_sid": account}
    elif "/AvailablePhoneNumbers" in url:
        answer = {"available_phone_numbers": [{"phone_number": "+12125550123"}]}
    elif "/IncomingPhoneNumbers" in url:
        # Whatever number is asked for is there, and leads nowhere.
        number = {"sid": f"PN{sid}", "phone_number": data.get("PhoneNumber", "+12125550123")}
        number |= {"account_sid": account, "capabilities": {"voice": True}}
        there = [number] if "PhoneNumber" in data else []
        answer = {"incoming_phone_numbers": there} if method == "GET" else number
        if method == "DELETE":
            return Response(204, "", {})
    return Response(201 if method == "POST" else 200, json.dumps(answer), {})
