"""Recordings: what is known of them, and their audio."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from django.conf import settings

from calls.facts.sids import ACCOUNT, RECORDING, is_sid
from calls.gateway.accounts import TwilioAccount
from calls.gateway.client import (
    TIMEOUT,
    OutcomeUnknown,
    TwilioBusy,
    TwilioRefused,
    patiently,
    rest,
    translated,
)


@dataclass(frozen=True)
class RecordingFacts:
    """What REST says of a recording; `duration` in seconds, `source` what has made it."""

    sid: str
    status: str
    duration: int | None
    channels: int
    source: str


def recorded(callback: str) -> dict[str, Any]:
    """How a call is recorded, each side on a channel of its own; `callback` is told of it."""
    return {
        "recording_channels": "dual",
        "recording_track": "both",
        "recording_status_callback": callback,
        "recording_status_callback_method": "POST",
        "recording_status_callback_event": ["in-progress", "completed", "absent"],
    }


def record_call(account: TwilioAccount, call_sid: str, callback: str) -> None:
    """Record a call that is in progress, from now to its end. Raises `OutcomeUnknown`, after which
    it may be recorded already, and the other errors of this module.
    """
    patiently(lambda: rest(account).calls(call_sid).recordings.create(**recorded(callback)))


def find_recordings(account: TwilioAccount, call_sid: str) -> list[RecordingFacts]:
    """The recordings of a call's leg."""
    recordings = patiently(lambda: rest(account).calls(call_sid).recordings.list(limit=20))
    return [
        RecordingFacts(
            sid=str(found.sid),
            status=str(getattr(found.status, "value", found.status)),
            duration=int(found.duration) if str(found.duration or "").isdecimal() else None,
            channels=int(found.channels or 1),
            source=str(getattr(found.source, "value", found.source)),
        )
        for found in recordings
    ]


def media_url(account: TwilioAccount, recording_sid: str) -> str:
    """Where a recording's WAV audio is. Raises `ValueError` for what is no SID."""
    for sid, kind in ((account.sid, ACCOUNT), (recording_sid, RECORDING)):
        if not is_sid(sid, kind):
            raise ValueError(f"Not a SID: {sid!r}")
    base = settings.TWILIO_SANDBOX_URL or "https://api.twilio.com"
    return f"{base}/2010-04-01/Accounts/{account.sid}/Recordings/{recording_sid}.wav"


@contextmanager
def open_recording(
    account: TwilioAccount, recording_sid: str, *, channels: int
) -> Iterator[requests.Response]:
    """Stream a recording's WAV audio. The URL is made of checked SIDs, never taken from a webhook.

    Raises `TwilioRefused` (404: not there yet, or deleted) and the other errors of this module.
    """
    url = media_url(account, recording_sid)
    with translated(), requests.Session() as session:
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
