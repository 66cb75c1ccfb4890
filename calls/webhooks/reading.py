"""What a callback's form says. Unknown fields and values are kept and do no harm."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from django.utils import timezone

from calls.facts import states
from calls.facts.sids import CALL, CONFERENCE, is_sid
from calls.gateway.accounts import TwilioAccount
from calls.services.rooms.progress import Heard
from calls.webhooks.signed_posts import Form

PLAUSIBLE_YEARS = range(2000, 2100)  # beyond, sums of times and durations could fail


def heard(account: TwilioAccount, form: Form, kind: str, name: str) -> Heard:
    """Read a callback about a leg or, of the kind CONFERENCE, about a room."""
    of_room = kind == states.CONFERENCE  # whoever else names a room could name a stranger's
    return Heard(
        kind=kind,
        name=name,
        at=_moment(form.get("Timestamp")),
        payload=form,
        sequence=number(form.get("SequenceNumber")),
        duration=number(form.get("CallDuration")),
        sip_code=number(form.get("SipResponseCode"), below=1000),
        error_code=number(form.get("ErrorCode")),
        call_sid=sid(form.get("CallSid"), CALL),
        label=form.get("ParticipantLabel", ""),
        conference_sid=sid(form.get("ConferenceSid"), CONFERENCE) if of_room else "",
        account_sid=account.sid,
    )


def heard_of_browser(account: TwilioAccount, form: Form, kind: str, name: str) -> Heard:
    """Read a request into which the browser may have put fields of its own: all that Twilio itself
    always sends with it is the call.
    """
    return Heard(
        kind=kind,
        name=name,
        at=timezone.now(),
        payload=form,
        call_sid=sid(form.get("CallSid"), CALL),
        account_sid=account.sid,
    )


def _moment(text: str | None) -> datetime:
    """An RFC 2822 time as aware UTC; the present when there is none that can be believed."""
    try:
        moment = parsedate_to_datetime(text or "")
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return timezone.now()
    return moment if moment.year in PLAUSIBLE_YEARS else timezone.now()


def number(text: str | None, *, below: int = 2**31) -> int | None:
    if not text or not text.isascii() or not text.isdecimal() or len(text) > 10:
        return None
    number = int(text)
    return number if number < below else None


def sid(text: str | None, kind: str) -> str:
    return text if is_sid(text, kind) else ""
