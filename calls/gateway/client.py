"""How Twilio is reached: clients, our own errors, and patience where it is safe."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import requests
from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from calls.gateway.accounts import TwilioAccount
from tenants.bricks import deadline
from tenants.bricks.breaker import Breaker, NotAsked

T = TypeVar("T")

TIMEOUT = 5.0  # seconds for one REST request
RATE_LIMIT_WAITS = (0.5, 1.0)  # seconds before a request that was certainly not processed is tried
_NO_CONNECTION = "no connection could be made"
hangs = Breaker("Twilio", seconds=5, after=3)


class TwilioError(Exception):
    """Twilio could not do what was asked."""


class TwilioRefused(TwilioError):
    """Twilio answered no. `code` is its error code, 0 when it gave none; `status` is HTTP's."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


class TwilioBusy(TwilioError):
    """Too many requests at once; this one was not processed."""

    code = 20429  # Twilio's own for it


class TwilioUnreachable(TwilioError):
    """No connection could be made, so nothing was asked of Twilio."""


class OutcomeUnknown(TwilioError):
    """The request was sent and its answer lost: it may or may not have been carried out."""


class _SandboxHttpClient(TwilioHttpClient):
    """Sends what is meant for any Twilio host to the sandbox."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=TIMEOUT)
        self._base = urlsplit(base_url)
        if self.session is not None:
            self.session.trust_env = False  # a proxy knows no way to the sandbox

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(url)
        if not (parts.hostname or "").endswith(".twilio.com"):
            raise ValueError(f"Not a Twilio host: {parts.hostname}")
        path = self._base.path.rstrip("/") + parts.path
        moved = urlunsplit((self._base.scheme, self._base.netloc, path, parts.query, ""))
        return super().request(method, moved, *args, **kwargs)


@lru_cache(maxsize=64)
def _client(account_sid: str, user: str, password: str, sandbox_url: str) -> Client:
    http = _SandboxHttpClient(sandbox_url) if sandbox_url else TwilioHttpClient(timeout=TIMEOUT)
    return Client(user, password, account_sid=account_sid, http_client=http)


def rest(account: TwilioAccount) -> Client:
    """A client that signs in with the API key."""
    return _client(
        account.sid, account.api_key_sid, account.api_key_secret, settings.TWILIO_SANDBOX_URL
    )


def owner(account: TwilioAccount) -> Client:
    """A client that signs in with the auth token, for what no API key may see."""
    return _client(account.sid, account.sid, account.auth_tokens[0], settings.TWILIO_SANDBOX_URL)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the library and its HTTP client raise into our own errors.

    Raises `TwilioUnreachable` at once, and asks nothing, while Twilio lets everybody wait.
    """
    try:
        with hangs.asking(requests.Timeout), deadline.not_counted():
            yield
    except NotAsked as error:
        raise TwilioUnreachable("it has not answered for a while") from error
    except requests.Timeout as error:
        if isinstance(error, requests.ConnectTimeout):
            raise TwilioUnreachable(_NO_CONNECTION) from error
        raise OutcomeUnknown(type(error).__name__) from error
    except TwilioRestException as error:
        if error.status == 429:
            raise TwilioBusy("too many requests at once") from error
        if error.status >= 500:
            raise OutcomeUnknown(f"HTTP {error.status}") from error
        raise TwilioRefused(error.code or 0, error.msg, error.status) from error
    except TwilioException as error:
        # Lists raise the plain class; their requests change nothing.
        raise OutcomeUnknown(str(error)) from error
    except requests.ConnectionError as error:
        if _never_connected(error):
            raise TwilioUnreachable(_NO_CONNECTION) from error
        raise OutcomeUnknown(type(error).__name__) from error
    except requests.RequestException as error:
        raise OutcomeUnknown(type(error).__name__) from error


def _never_connected(error: requests.ConnectionError) -> bool:
    cause: BaseException | None = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError"}


def patiently(request: Callable[[], T]) -> T:
    """Run a request; a 429 was certainly not processed and is asked again shortly."""
    for wait in (*RATE_LIMIT_WAITS, None):
        try:
            with translated():
                return request()
        except TwilioBusy:
            if wait is None:
                raise
            time.sleep(wait)
    raise AssertionError("unreachable")


def get_json(
    client: Client, host: str, path: str
) -> tuple[dict[str, Any], Mapping[str, str] | None]:
    """A resource as JSON, and its headers: for what the library has no call or tells no headers."""

    def ask() -> Any:
        answer = client.request("GET", f"https://{host}.twilio.com{path}")
        if answer.status_code != 200:
            code, message = _error(answer.text)
            raise TwilioRestException(answer.status_code, path, message, code)
        return answer

    answer = patiently(ask)
    try:
        return json.loads(answer.text), answer.headers
    except ValueError as error:
        raise OutcomeUnknown("an answer that is not Twilio's") from error


def find_json(client: Client, host: str, path: str) -> dict[str, Any] | None:
    """The same without headers; None where there is none."""
    try:
        return get_json(client, host, path)[0]
    except TwilioRefused as refusal:
        if refusal.status == 404:
            return None
        raise


def _error(text: str) -> tuple[int, str]:
    """Twilio's error code and message; a proxy's page has neither."""
    try:
        body = json.loads(text)
        return int(body.get("code") or 0), str(body.get("message", ""))
    except (ValueError, AttributeError):
        return 0, "an answer that is not Twilio's"
