"""Fields that several resources share: who is called by whom, and what is to be reported where."""

from __future__ import annotations

from sandbox.config import Account, Config
from sandbox.rest.core import ApiError
from sandbox.rest.forms import Form
from sandbox.telephony.callbacks import (
    CALL_EVENTS,
    RECORDING_EVENTS,
    Callback,
    RecordingCallback,
)
from sandbox.telephony.handsets import REFUSED_BY_REST
from sandbox.telephony.places import E164

# Twilio's console permissions stand in here as the two-way world of tests: a list of prefixes.
INVALID_EVENT = 21626
INVALID_CALLBACK = 21609


def parties(form: Form, account: Account, config: Config) -> tuple[str, str]:
    """(From, To), refused as Twilio refuses them."""
    to, from_ = form.text("To"), form.text("From")
    if not to:
        raise ApiError(400, 21201, "No 'To' number is specified")
    if not from_:
        raise ApiError(400, 21213, "No 'From' number is specified")
    if to.startswith(("client:", "sip:", "app:")):
        raise ApiError(400, 20001, f"To {to}: only phone numbers are implemented by the sandbox")
    if not E164.fullmatch(to):
        raise ApiError(400, 21211, f"Invalid 'To' Phone Number: {to}")
    if not E164.fullmatch(from_):
        raise ApiError(400, 21212, f"Invalid 'From' Phone Number: {from_}")
    if not account.owns(from_):
        raise ApiError(400, 21210, f"'From' phone number not verified: {from_}")
    if to.endswith(REFUSED_BY_REST):
        raise ApiError(400, 21214, f"'To' phone number cannot be reached: {to}")
    if to in config.blocked_numbers:
        raise ApiError(400, 21216, f"Account not allowed to call {to}")
    if any(to.startswith(prefix) for prefix in config.geo_blocked_prefixes):
        raise ApiError(400, 21215, f"Account not authorized to call {to}")
    return from_, to


def call_callback(form: Form) -> Callback | None:
    """StatusCallback, -Method and -Event; only ``completed`` by default."""
    url = form.url("StatusCallback", INVALID_CALLBACK)
    method = form.method("StatusCallbackMethod")
    events = form.words("StatusCallbackEvent", "completed", CALL_EVENTS, INVALID_EVENT)
    return Callback(url, method, events) if url else None


def recording_callback(form: Form, prefix: str = "RecordingStatusCallback") -> RecordingCallback:
    """RecordingStatusCallback, -Method and -Event.

    A URL that is none is not refused: Twilio records and never tells (13256).
    """
    return RecordingCallback(
        form.text(prefix),
        form.method(f"{prefix}Method"),
        form.words(f"{prefix}Event", "completed", RECORDING_EVENTS, INVALID_EVENT),
    )


def channels(form: Form) -> int:
    """1 for ``mono`` (default), 2 for ``dual``."""
    return 2 if form.choice("RecordingChannels", "mono", ("mono", "dual")) == "dual" else 1


def track(form: Form) -> str:
    """inbound, outbound or both."""
    return form.choice("RecordingTrack", "both", ("inbound", "outbound", "both"))
