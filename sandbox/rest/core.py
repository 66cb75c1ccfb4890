"""What every REST resource needs: errors, sign-in, strict forms, paging."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from multidict import MultiMapping

from sandbox.config import Account
from sandbox.telephony.exchange import Exchange

EXCHANGE = web.AppKey("exchange", Exchange)
ACCOUNT = web.RequestKey("account", Account)
AFTER = web.RequestKey("after", list[Callable[[], None]])
PREFIX = "/2010-04-01/Accounts"
Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiError(Exception):
    """An answer in Twilio's error shape."""

    def __init__(
        self, status: int, code: int, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}

    def response(self) -> web.Response:
        """``{"code", "message", "more_info", "status"}``."""
        body = {
            "code": self.code,
            "message": str(self),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        return web.json_response(body, status=self.status, headers=self.headers)


def not_found(what: str) -> ApiError:
    """404 with 20404."""
    return ApiError(404, 20404, f"The requested resource {what} was not found")


class Form:
    """A form whose every field must be asked for: ``finish`` refuses what nobody implements."""

    def __init__(self, data: MultiMapping[Any]) -> None:
        self._data = data
        self._asked: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether the field was sent."""
        self._asked.add(name)
        return name in self._data

    def text(self, name: str, default: str = "") -> str:
        """A text field."""
        return str(self._data.get(name, default)) if self.has(name) else default

    def flag(self, name: str, default: bool = False) -> bool:
        """``true`` or ``false``, in any case."""
        text = self.text(name, str(default)).lower()
        if text not in ("true", "false"):
            raise ApiError(400, 20001, f"{name} must be true or false")
        return text == "true"

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within limits."""
        text = self.text(name, str(default))
        if not text.isdigit() or not low <= int(text) <= high:
            raise ApiError(400, 20001, f"{name} must be between {low} and {high}")
        return int(text)

    def choice(self, name: str, default: str, allowed: Sequence[str]) -> str:
        """One of a few words."""
        text = self.text(name, default)
        if text not in allowed:
            raise ApiError(400, 20001, f"{name} must be one of {', '.join(allowed)}")
        return text

    def words(self, name: str, default: str, allowed: Sequence[str], code: int) -> frozenset[str]:
        """Repeated or space-separated words."""
        sent = self._data.getall(name) if self.has(name) else [default]
        found = frozenset(word for value in sent for word in str(value).split())
        if unknown := found - set(allowed):
            raise ApiError(400, code, f"{name}: {', '.join(sorted(unknown))} is not an event")
        return found

    def method(self, name: str, default: str = "POST") -> str:
        """GET or POST."""
        return self.choice(name, default, ("GET", "POST"))

    def url(self, name: str, code: int = 21609) -> str:
        """An http(s) URL, '' if not sent. Twilio refuses hosts with underscores."""
        text = self.text(name)
        if text:
            parts = urlsplit(text)
            host = parts.hostname or ""
            if parts.scheme not in ("http", "https") or not host or "_" in host:
                raise ApiError(400, code, f"{name} is not a valid URL: {text}")
        return text

    def finish(self) -> None:
        """Refuse what was not asked for, instead of ignoring it in silence."""
        if unknown := sorted(set(self._data) - self._asked):
            names = ", ".join(unknown)
            raise ApiError(400, 20001, f"Parameter {names} is not implemented by the sandbox")


async def form(request: web.Request) -> Form:
    """The posted fields."""
    return Form(await request.post())


def exchange(request: web.Request) -> Exchange:
    """The switch room of this application."""
    return request.app[EXCHANGE]


def account(request: web.Request) -> Account:
    """The signed-in account."""
    return request[ACCOUNT]


def base_url(request: web.Request) -> str:
    """Our own base as the client called it; recording URLs are built from it."""
    return f"{request.scheme}://{request.host}"


def after_answer(request: web.Request, act: Callable[[], None]) -> None:
    """Do this when the answer is out: Twilio's callbacks follow its answer."""
    request[AFTER].append(act)


def paged(
    request: web.Request, key: str, items: Sequence[Any], render: Callable[[Any], Json]
) -> web.Response:
    """A page of ``items``, which have ``sid`` and come in order; PageSize at most 1000."""
    query = request.query
    text = query.get("PageSize", "50")
    size = min(1000, int(text)) if text.isdigit() and int(text) > 0 else 50
    start = 0
    token = query.get("PageToken", "").removeprefix("PA")
    if token:
        sids = [_key(item) for item in items]
        start = sids.index(token) + 1 if token in sids else len(items)
    part = items[start : start + size]
    keep = {k: v for k, v in query.items() if k not in ("Page", "PageToken", "PageSize")}
    number = int(query.get("Page", "0") or 0)

    def uri(page: int, last: str = "") -> str:
        asked = {**keep, "PageSize": str(size), "Page": str(page)}
        return f"{request.path}?{urlencode(asked | ({'PageToken': 'PA' + last} if last else {}))}"

    more = start + size < len(items)
    return web.json_response(
        {
            key: [render(item) for item in part],
            "page": number,
            "page_size": size,
            "start": start,
            "end": start + max(0, len(part) - 1),
            "uri": request.path_qs,
            "first_page_uri": uri(0),
            "previous_page_uri": None,
            "next_page_uri": uri(number + 1, _key(part[-1])) if more else None,
        }
    )


def _key(item: Any) -> str:
    return str(item.sid if hasattr(item, "sid") else item.call.sid)


def only_filters(request: web.Request, *names: str) -> None:
    """Refuse a list filter that is not implemented."""
    known = {"Page", "PageSize", "PageToken", *names}
    if unknown := sorted(set(request.query) - known):
        raise ApiError(400, 20001, f"Filter {', '.join(unknown)} is not implemented by the sandbox")


def sign_in(request: web.Request) -> Account:
    """The account of the basic auth: account SID and token, or API key and secret."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    try:
        credentials = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        credentials = ""
    user, _, password = credentials.partition(":")
    for candidate in exchange(request).config.accounts.values():
        known = [candidate.auth_token, candidate.secondary_token]
        expected = known if user == candidate.sid else [candidate.api_keys.get(user)]
        if kind.lower() != "basic":
            continue
        if any(one and secrets.compare_digest(one.encode(), password.encode()) for one in expected):
            return candidate
    raise ApiError(401, 20003, "Authenticate", {"WWW-Authenticate": 'Basic realm="Twilio API"'})


def by_token(request: web.Request) -> bool:
    """Whether the account's token signed in, not an API key."""
    text = request.headers.get("Authorization", "").partition(" ")[2]
    return base64.b64decode(text).startswith(b"AC")


@web.middleware
async def rest_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """How many requests of an account are under way at once, and the answer to each."""
    if not request.path.startswith(("/2010-04-01/", "/v1/")):
        return await handler(request)
    under_way = exchange(request).under_way
    whose = request.match_info.get("account", "")
    under_way[whose] += 1
    try:
        return await _answer(request, handler, under_way[whose])
    finally:
        under_way[whose] -= 1


async def _answer(request: web.Request, handler: Handler, at_once: int) -> web.StreamResponse:
    """Faults, sign-in, errors, and what is to happen only after the answer has gone out."""
    room = exchange(request)
    after: list[Callable[[], None]] = []
    request[AFTER] = after
    fields = {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
    entry = room.wire.add("rest", method=request.method, path=request.path_qs, params=fields)
    subject = f"{request.method} {request.path_qs} {urlencode(fields)}"
    faults = room.faults
    if delay := faults.take("rest-delay", subject):
        await asyncio.sleep(1 if delay.seconds is None else delay.seconds)
    if faults.take("rest-drop", subject):
        entry["status"] = "dropped"
        return _hang_up(request)
    drop = None
    try:
        if fault := faults.take("rest-error", subject):
            headers = {"Retry-After": "1"} if fault.status == 429 else {}
            code = fault.code or (20429 if fault.status == 429 else 20500)
            raise ApiError(fault.status, code, "ordered by a fault", headers)
        if not _is_media(request):
            ours = request[ACCOUNT] = sign_in(request)
            if request.match_info.get("account", ours.sid) != ours.sid:
                raise not_found(request.path)
            if at_once > room.config.rest_concurrency:
                raise ApiError(429, 20429, "Too Many Requests", {"Retry-After": "1"})
        drop = faults.take("rest-accept-then-drop", subject)
        response: web.StreamResponse = await handler(request)
    except ApiError as error:
        entry["code"] = error.code
        response = error.response()
    except web.HTTPNotFound:
        response = not_found(request.path).response()
    except web.HTTPMethodNotAllowed:
        response = ApiError(405, 20004, "Method not allowed").response()
    entry["status"] = response.status
    if after and (early := faults.take("callback-before-answer", subject)):
        for act in after:
            act()
        await asyncio.sleep(0.5 if early.seconds is None else early.seconds)
    if drop is not None:
        entry["status"] = "accepted, then dropped"
        response = _hang_up(request)
    else:
        if after and not response.prepared:
            await response.prepare(request)
            await response.write_eof()
    for act in after:
        act()
    return response


def _is_media(request: web.Request) -> bool:
    return (
        "Recordings/" in request.path
        and request.method in ("GET", "HEAD")
        and (not request.path.endswith(".json"))
    )


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
