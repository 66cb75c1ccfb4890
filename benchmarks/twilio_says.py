"""What Twilio sends to us: signed forms, as bytes of a request."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from urllib.parse import urlsplit
from uuid import UUID

from twilio.request_validator import RequestValidator

from benchmarks import load

# What a status callback has besides, in Twilio's own spelling.
_USUAL = {
    "ApiVersion": "2010-04-01",
    "Called": "+14155550100",
    "CalledCity": "SAN FRANCISCO",
    "CalledCountry": "US",
    "CalledState": "CA",
    "CalledZip": "94105",
    "Caller": "+14155550199",
    "CallerCity": "",
    "CallerCountry": "US",
    "CallerState": "CA",
    "CallerZip": "",
    "CallbackSource": "call-progress-events",
    "Direction": "outbound-api",
    "From": "+14155550199",
    "FromCity": "",
    "FromCountry": "US",
    "FromState": "CA",
    "FromZip": "",
    "To": "+14155550100",
    "ToCity": "SAN FRANCISCO",
    "ToCountry": "US",
    "ToState": "CA",
    "ToZip": "94105",
}


@cache
def _validator() -> RequestValidator:
    return RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])


def signed(url: str, form: Mapping[str, str]) -> bytes:
    """A POST to this address of ours: a path, or the whole as we gave it away."""
    base = os.environ["PUBLIC_BASE_URL"]
    whole = (url if url.startswith("http") else base + url).partition("#")[0]
    sent = {"AccountSid": os.environ["TWILIO_ACCOUNT_SID"], **form}
    parts = urlsplit(whole)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    headers = {
        "X-Twilio-Signature": _validator().compute_signature(whole, sent),
        "User-Agent": "TwilioProxy/1.1",
        "Accept": "*/*",
    }
    return load.post(path, sent, headers)


def of_leg(tenant: UUID, leg: UUID, sid: str, status: str, sequence: int, **more: str) -> bytes:
    """That a contact's leg has this status."""
    form = _USUAL | {"CallSid": sid, "CallStatus": status, "SequenceNumber": str(sequence)}
    form |= {"Timestamp": format_datetime(datetime.now(UTC)), **more}
    return signed(f"/api/twilio/call-status?leg={leg.hex}&tenant={tenant.hex}", form)


def of_room(tenant: UUID, room: UUID, event: str, sequence: int, **more: str) -> bytes:
    form = {
        "StatusCallbackEvent": event,
        "SequenceNumber": str(sequence),
        "ConferenceSid": f"CF{room.hex}",
        "FriendlyName": f"vc_{room.hex}",
        "Timestamp": format_datetime(datetime.now(UTC)),
        **more,
    }
    return signed(f"/api/twilio/call-status?room={room.hex}&tenant={tenant.hex}", form)


def story(tenant: UUID, leg: UUID, sid: str, statuses: list[tuple[str, int]]) -> Iterator[bytes]:
    """(status, sequence) pairs of a contact's leg as callbacks, in the order given."""
    for status, sequence in statuses:
        more = {"CallDuration": "61", "Duration": "2"} if status == "completed" else {}
        yield of_leg(tenant, leg, sid, status, sequence, **more)
