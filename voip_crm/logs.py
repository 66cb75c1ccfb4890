"""Log lines: one JSON object per event in production, readable ones in ./run.

    {"time": "…Z", "level": "INFO", "logger": "voip_crm.requests", "message": "POST /… 204",
     "request_id": "…", "tenant": "…", "user": "…", "call_sid": "CA…", "status": 204, "ms": 12}

The standard library does it in fewer lines than a structlog set-up would take, and formats what
Django, Celery and the servers log by the same rules: nothing secret, and one line per event.
"""

import json
import logging
import os
import re
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tenants.bricks import log_context

requests = logging.getLogger("voip_crm.requests")

SECRET_VARIABLES = (
    "SECRET_KEY",
    "SECRETS_KEYS",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_PREVIOUS",
    "TWILIO_API_KEY_SECRET",
)
HIDDEN = "[hidden]"
_SECRETS = re.compile(
    # The end of a name is enough: to look for its beginning at each letter took ten times as long.
    r"(?P<name>authorization|cookie|password|secret|sessionid|csrftoken|signature|ticket"
    r"|token)(?P<is>[\"']?\s*[:=]\s*[\"']?)(?:(?:Basic|Bearer)\s+)?[^\s\"'&,;}]+"
    r"|\beyJ[\w-]{8,}[.:][\w.:-]+"  # tokens and tickets, wherever they stand
    r"|(?<=://)[^/\s@]+@"  # user and password of a URL
    r"|(?<=/set-password/)[^\s\"?]+|(?<=/reset-password/)[^\s\"?]+",  # links that sign people in
    re.IGNORECASE,
)
_LINE_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SANE_REQUEST_ID = re.compile(r"[\w.-]{8,64}", re.ASCII)
_QUIET = ("/healthz", "/readyz")


def hide_secrets(text: str) -> str:
    """Replace our own secrets, tokens, and the values of what is named like a secret."""
    for name in SECRET_VARIABLES:
        for secret in filter(None, os.environ.get(name, "").split(",")):
            text = text.replace(secret, HIDDEN)
    return _SECRETS.sub(lambda m: f"{m['name'] or ''}{m['is'] or ''}{HIDDEN}", text)


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": hide_secrets(record.getMessage()),
            **log_context.facts(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = hide_secrets(self.formatException(record.exc_info))
        return json.dumps(line, default=str)  # escapes every line break


class PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        known = [f"{name}={value}" for name, value in log_context.facts().items()]
        message = hide_secrets(" ".join([record.getMessage(), *known]))
        # A forged line would need a break of its own.
        message = _LINE_BREAKS.sub(lambda found: repr(found[0])[1:-1], message)
        line = f"{_time(record)} {record.levelname} {record.name}: {message}"
        if record.exc_info:
            trace = hide_secrets(self.formatException(record.exc_info))
            line += "".join(f"\n    {part}" for part in trace.splitlines())
        return line


class RequestLogMiddleware:
    """Gives each request an id (a sane `X-Request-ID` is kept, the answer carries it) and a line:
    method, path without query, status, milliseconds, and whatever the rooms have bound.
    """

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        started = time.perf_counter()
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _SANE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        log_context.begin(request_id=request_id)
        try:
            response = self.get_response(request)
            response.headers["X-Request-ID"] = request_id
            if request.path not in _QUIET:
                milliseconds = round((time.perf_counter() - started) * 1000)
                facts = {"status": response.status_code, "ms": milliseconds}
                words = (request.method, _path(request), response.status_code)
                requests.info("%s %s %s", *words, extra={"facts": facts})
            return response
        finally:
            log_context.begin()

    def process_view(self, request: Any, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        # Now the other middleware has found out who asks.
        tenant, user = getattr(request, "tenant", None), getattr(request, "user", None)
        log_context.bind(tenant=tenant and tenant.pk, user=user and user.pk)
        log_context.bind(call=kwargs.get("call_id"))


def _path(request: Any) -> str:
    """Without what is secret in it: the link with which a password is set."""
    match = request.resolver_match
    token = match.kwargs.get("token") if match else None
    return str(request.path.replace(token, HIDDEN) if token else request.path)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
