"""The only place that talks to Twilio: tokens, signatures, REST, recording media.

Facts about the wire: docs/architecture.md, “Twilio”. Every function takes the account; none of
them may run inside a database transaction.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import requests
from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from calls.accounts import TwilioAccount

logger = logging.getLogger(__name__)
T = TypeVar("T")

TIMEOUT = 5.0  # seconds for one REST request
TOKEN_TTL = 600  # seconds: a removed agent loses the phone after ten minutes at most
RATE_LIMIT_WAITS = (0.5, 1.0)  # seconds before a request that was certainly not processed is tried
MAX_CALL_SECONDS = 4 * 3600
CALL_EVENTS = ["initiated", "ringing", "answered", "completed"]

_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


class TwilioError(Exception):
    """Twilio could not do what was asked."""


class TwilioRefused(TwilioError):
    """Twilio answered no. `code` is its error code, 0 when it gave none; `status` is HTTP's."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


class TwilioBusy(TwilioError):
    """Too many requests at once; this one was not processed."""


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
def _client(account: TwilioAccount, sandbox_url: str) -> Client:
    http = _SandboxHttpClient(sandbox_url) if sandbox_url else TwilioHttpClient(timeout=TIMEOUT)
    return Client(
        account.api_key_sid, account.api_key_secret, account_sid=account.sid, http_client=http
    )


def _rest(account: TwilioAccount) -> Client:
    return _client(account, settings.TWILIO_SANDBOX_URL)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the library and its HTTP client raise into our own errors."""
    try:
        yield
    except TwilioRestException as error:
        if error.status == 429:
            raise TwilioBusy from error
        if error.status >= 500:
            raise OutcomeUnknown(f"HTTP {error.status}") from error
        raise TwilioRefused(error.code or 0, error.msg, error.status) from error
    except TwilioException as error:
        # Lists raise the plain class; their requests change nothing.
        raise OutcomeUnknown(str(error)) from error
    except requests.ConnectTimeout as error:
        raise TwilioUnreachable from error
    except requests.ConnectionError as error:
        if _never_connected(error):
            raise TwilioUnreachable from error
        raise OutcomeUnknown(type(error).__name__) from error
    except requests.RequestException as error:
        raise OutcomeUnknown(type(error).__name__) from error


def _never_connected(error: requests.ConnectionError) -> bool:
    cause: BaseException | None = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError"}


def _patiently(request: Callable[[], T]) -> T:
    """Run a request; a 429 was certainly not processed and is asked again shortly."""
    for wait in (*RATE_LIMIT_WAITS, None):
        try:
            with _translated():
                return request()
        except TwilioBusy:
            if wait is None:
                raise
            time.sleep(wait)
    raise AssertionError("unreachable")


# --- tokens and signatures -------------------------------------------------------------------


def access_token(account: TwilioAccount, identity: str) -> str:
    """A Voice token (JWT) with which a browser may connect, and only connect, as `identity`."""
    token = AccessToken(
        account.sid,
        account.api_key_sid,
        account.api_key_secret,
        identity=identity,
        ttl=TOKEN_TTL,
        # The library's default, now, is too early for a server whose clock is behind ours.
        nbf=int(time.time()) - 30,
    )
    token.add_grant(
        VoiceGrant(outgoing_application_sid=account.twiml_app_sid, incoming_allow=False)
    )
    return str(token.to_jwt())


def is_signed(account: TwilioAccount, url: str, form: Mapping[str, Any], signature: str) -> bool:
    """Whether `signature` is this account's for a form POST to `url` (the exact public URL)."""
    return any(
        RequestValidator(token).validate(url, form, signature) for token in account.auth_tokens
    )


# --- calls -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class CallFacts:
    """What REST says of a call. `duration` in seconds, times aware UTC, None when not known."""

    sid: str
    status: str
    ended_at: datetime | None
    duration: int | None

    @classmethod
    def read(cls, call: Any) -> "CallFacts":
        duration = str(call.duration or "")
        return cls(
            sid=str(call.sid),
            status=str(getattr(call.status, "value", call.status)),
            ended_at=call.end_time,
            duration=int(duration) if duration.isdecimal() else None,
        )


@dataclass(frozen=True)
class Callbacks:
    """Absolute URLs (`calls.addresses`) for what Twilio reports of a contact's leg."""

    status: str
    conference: str
    recording: str  # "" when the call is not recorded


def dial_participant(
    account: TwilioAccount,
    *,
    room: str,
    label: str,
    to: str,
    caller_id: str,
    ring_timeout: int,
    callbacks: Callbacks,
    conference_events: Sequence[str],
) -> str:
    """Ring `to` (E.164) into the conference `room`; returns the new leg's call SID.

    Raises `TwilioRefused`, `TwilioBusy`, `TwilioUnreachable`, or `OutcomeUnknown`, after which a
    second try could ring a person twice.
    """
    options: dict[str, Any] = {}
    if callbacks.recording:
        options = {
            "record": True,
            "recording_channels": "dual",
            "recording_track": "both",
            "recording_status_callback": callbacks.recording,
            "recording_status_callback_method": "POST",
            "recording_status_callback_event": ["in-progress", "completed", "absent"],
        }

    def create() -> str:
        participant = (
            _rest(account)
            .conferences(room)
            .participants.create(
                from_=caller_id,
                to=to,
                label=label,
                early_media=True,
                beep="false",
                start_conference_on_enter=True,
                end_conference_on_exit=True,
                timeout=ring_timeout,
                time_limit=MAX_CALL_SECONDS,
                status_callback=callbacks.status,
                status_callback_method="POST",
                status_callback_event=CALL_EVENTS,
                # Counts only when this leg happens to make the room; the first one's is used.
                conference_status_callback=callbacks.conference,
                conference_status_callback_method="POST",
                conference_status_callback_event=list(conference_events),
                **options,
            )
        )
        return str(participant.call_sid)

    return _patiently(create)


def fetch_call(account: TwilioAccount, call_sid: str) -> CallFacts | None:
    """What Twilio knows of a call now; None when it does not know it."""
    try:
        return CallFacts.read(_patiently(lambda: _rest(account).calls(call_sid).fetch()))
    except TwilioRefused as refusal:
        if refusal.status == 404:
            return None
        raise


def find_participant(account: TwilioAccount, room: str, label: str) -> str | None:
    """The call SID of the participant `label` of a live conference (SID or name), or None."""
    try:
        participant = _patiently(
            lambda: _rest(account).conferences(room).participants(label).fetch()
        )
    except TwilioRefused as refusal:
        if refusal.status == 404:
            return None
        raise
    return str(participant.call_sid)


def find_calls(
    account: TwilioAccount, *, to: str, caller_id: str, since: datetime
) -> list[CallFacts]:
    """Calls from `caller_id` to `to` started at or after `since`, newest first, at most fifty."""
    calls = _patiently(
        lambda: _rest(account).calls.list(
            to=to, from_=caller_id, start_time_after=since, limit=50, page_size=50
        )
    )
    return [CallFacts.read(call) for call in calls]


def hang_up(account: TwilioAccount, call_sid: str, *, ringing: bool) -> CallFacts | None:
    """End a leg. A call that has ended already is a success. Returns what Twilio says of it."""
    wanted = "canceled" if ringing else "completed"
    try:
        facts = CallFacts.read(
            _patiently(lambda: _rest(account).calls(call_sid).update(status=wanted))
        )
        if ringing and facts.status == "in-progress":
            # It was answered while we cancelled it, and cancelling does not end it then.
            return hang_up(account, call_sid, ringing=False)
        return facts
    except TwilioRefused as refusal:
        if refusal.code == 21220 or refusal.status == 404:
            return fetch_call(account, call_sid)
        raise


def end_conference(account: TwilioAccount, conference_sid: str) -> None:
    """End a room and every leg in it. One that has ended already is a success."""
    try:
        _patiently(lambda: _rest(account).conferences(conference_sid).update(status="completed"))
    except TwilioRefused as refusal:
        if refusal.status not in (400, 404):
            raise
        logger.info("Conference %s had ended already (%s)", conference_sid, refusal.code)


# --- recordings ------------------------------------------------------------------------------


@dataclass(frozen=True)
class RecordingFacts:
    """What REST says of a recording; `duration` in seconds."""

    sid: str
    status: str
    duration: int | None
    channels: int


def find_recordings(account: TwilioAccount, call_sid: str) -> list[RecordingFacts]:
    """The recordings of a call's leg."""
    recordings = _patiently(lambda: _rest(account).calls(call_sid).recordings.list(limit=20))
    return [
        RecordingFacts(
            sid=str(found.sid),
            status=str(getattr(found.status, "value", found.status)),
            duration=int(found.duration) if str(found.duration or "").isdecimal() else None,
            channels=int(found.channels or 1),
        )
        for found in recordings
    ]


@contextmanager
def open_recording(
    account: TwilioAccount, recording_sid: str, *, channels: int
) -> Iterator[requests.Response]:
    """Stream a recording's WAV audio. The URL is made of checked SIDs, never taken from a webhook.

    Raises `TwilioRefused` (404: not there yet, or deleted) and the other errors of this module.
    """
    for sid in (account.sid, recording_sid):
        if not _SID.fullmatch(sid):
            raise ValueError(f"Not a SID: {sid!r}")
    base = settings.TWILIO_SANDBOX_URL or "https://api.twilio.com"
    url = f"{base}/2010-04-01/Accounts/{account.sid}/Recordings/{recording_sid}.wav"
    with _translated(), requests.Session() as session:
        session.trust_env = not settings.TWILIO_SANDBOX_URL
        response = session.get(
            url,
            auth=(account.api_key_sid, account.api_key_secret),
            params={"RequestedChannels": channels} if channels > 1 else None,
            stream=True,
            timeout=TIMEOUT,
            # Twilio serves media itself; a redirect would carry our credentials elsewhere.
            allow_redirects=False,
            headers={"Accept-Encoding": "identity"},
        )
        with response:
            if response.status_code == 429:
                raise TwilioBusy
            if response.status_code >= 500:
                raise OutcomeUnknown(f"HTTP {response.status_code}")
            if response.status_code != 200:
                raise TwilioRefused(0, "No recording there.", response.status_code)
            yield response
