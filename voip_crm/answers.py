"""What is answered when nothing else can answer: errors that no view has met, and bodies that are
too large to be read. A page to people, the API's one body to programs.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults
from psycopg.errors import ReadOnlySqlTransaction

from calls.api import errors
from calls.api.errors import RETRY_SECONDS, body
from calls.facts.sounds import MOST_BYTES
from contacts.pages.import_forms import LARGEST_FILE
from tenants.bricks import deadline

# Seconds for which a request may wait for the database, and then is answered all the same: 503, or
# TwiML. Django admin reads more at once.
PATIENCE = 2.5
LONGER = {"/admin/": 9.0}
LARGEST_BODY = LARGEST_FILE * 5 // 4
# The addresses that take files: one that is a little too large is told of at its field.
FILES = {"/contacts/import": LARGEST_BODY, "/settings/lines/sounds/new": MOST_BYTES * 5 // 4}


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`. A database that is away or read-only is nobody's fault: 503."""
    if is_unavailable(sys.exc_info()[1]):
        return unavailable(request)
    if _is_program(request):
        return JsonResponse(body("internal_error", "Something went wrong here."), status=500)
    return defaults.server_error(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`. Also what a session says that could not be saved."""
    if is_unavailable(exception):
        return unavailable(request)
    if _is_program(request):
        return JsonResponse(body("invalid_request", "This request cannot be read."), status=400)
    return defaults.bad_request(request, exception)


def unavailable(request: HttpRequest) -> HttpResponse:
    wait = {"Retry-After": str(RETRY_SECONDS)}
    if _is_program(request):
        busy = errors.unavailable()
        content = body(busy.code, busy.message, busy.details)
        return JsonResponse(content, status=503, headers=wait)
    return HttpResponse(render_to_string("503.html"), status=503, headers=wait)


def is_unavailable(error: BaseException | None) -> bool:
    """Whether at the bottom of it the database was away, busy or read-only."""
    kinds = (OperationalError, InterfaceError, ReadOnlySqlTransaction)
    return any(isinstance(cause, kinds) for cause in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_program(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


class DeadlineMiddleware:
    """Nobody waits for a database that hangs (`tenants.bricks.deadline`)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        longer = (LONGER[path] for path in LONGER if request.path.startswith(path))
        with deadline.within(next(longer, PATIENCE)):
            return self.get_response(request)


class BodyLimitMiddleware:
    """Refuses what says of itself that it is too large, before any of it is read or written."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > _most(request.path):
            if _is_program(request):
                return JsonResponse(body("too_large", "This request is too large."), status=413)
            return HttpResponse(render_to_string("413.html"), status=413)
        return self.get_response(request)


def with_body_limit(application: Any) -> Any:
    """ASGI's Django reads a request whole before any middleware sees it. Of one that is too large
    it gets no more than its length, by which `BodyLimitMiddleware` refuses it.
    """

    async def limited(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        most, come, is_refused = _most(scope["path"]), 0, False
        length = dict(scope["headers"]).get(b"content-length", b"")

        async def no_more_than_may_be() -> Any:
            nonlocal come, is_refused
            if is_refused:  # the rest goes nowhere until the answer is out
                while (message := await receive())["type"] == "http.request":
                    pass
                return message
            if not (length.isdigit() and int(length) > most):
                message = await receive()
                come += len(message.get("body", b""))
                if come <= most:
                    return message
                scope["headers"] = [*scope["headers"], (b"content-length", b"%d" % come)]
            is_refused = True
            return {"type": "http.request"}

        await application(scope, no_more_than_may_be, send)

    return limited


def _most(path: str) -> int:
    return FILES.get(path) or int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)
