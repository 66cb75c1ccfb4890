"""What every REST resource needs: errors, sign-in, paging."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

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
