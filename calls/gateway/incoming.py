"""Calls that have come in, as Twilio knows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from calls.gateway.accounts import TwilioAccount
from calls.gateway.calls import CallFacts
from calls.gateway.client import TwilioRefused, patiently, rest

MOST = 1000  # calls to a number that are looked at, the newest


@dataclass(frozen=True)
class IncomingCall:
    """Who has called which number, and how it stands; `began_at` is aware UTC."""

    caller: str
    to: str
    began_at: datetime | None
    facts: CallFacts

    @classmethod
    def read(cls, call: Any) -> "IncomingCall | None":
        """None: it is a call of another direction."""
        if str(getattr(call.direction, "value", call.direction)) != "inbound":
            return None
        # The library has no public name for who has called.
        caller = str(call._from or "")
        return cls(caller, str(call.to or ""), call.start_time, CallFacts.read(call))


def fetch_incoming(account: TwilioAccount, call_sid: str) -> IncomingCall | None:
    """None: Twilio does not know it, or it has not come in."""
    try:
        return IncomingCall.read(patiently(lambda: rest(account).calls(call_sid).fetch()))
    except TwilioRefused as refusal:
        if refusal.status == 404:
            return None
        raise


def find_incoming(account: TwilioAccount, *, to: str, since: datetime) -> list[IncomingCall]:
    """Those to a number of ours that began at or after `since`, newest first."""
    calls = patiently(
        lambda: rest(account).calls.list(to=to, start_time_after=since, limit=MOST, page_size=MOST)
    )
    return [came for call in calls if (came := IncomingCall.read(call)) is not None]
