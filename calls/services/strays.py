"""Calls that came in while nothing could be written down: found at Twilio, and filed with the
messages that their callers have left.

Talks to Twilio, so never inside a transaction. What was filed is found again by its SID, so that
it is there once.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from urllib.parse import parse_qsl
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from calls import gateway
from calls.facts import states
from calls.facts.sids import CALL, is_sid
from calls.gateway.accounts import TwilioAccount, TwilioNotConfigured, account_for
from calls.gateway.incoming import IncomingCall
from calls.models import CallLeg, CallLog, PhoneNumber, UnroutedEvent
from calls.services.callbacks.reading import Hook
from calls.services.inbound import arriving, messages
from calls.services.rooms import findings
from tenants.bricks import turns
from tenants.bricks.ids import read_uuid
from tenants.fence.context import tenant_transaction

logger = logging.getLogger(__name__)

EVERY = 1800  # seconds between two looks at all numbers of a workspace
APART = 1  # second between two workspaces
LOOKED_BACK = timedelta(hours=24)
REQUESTS_LATE = timedelta(minutes=30)  # after a call's end; Twilio: 15
ONCE = (
    26 * 3600
)  # seconds for which it is known that a call is none of ours: longer than it is seen
MOST_TOLD = 20  # in a sweep
AGAIN = 20  # seconds, for one that goes on still
# What Twilio asks us about a call that comes in; a number may lead to somebody else's program.
_OURS = ("voice_webhook", "voice_fallback")


def look_for(tenant_id: UUID, *, now: datetime) -> None:
    """What Twilio tells of calls that we do not know; now and then all calls to the workspace's
    numbers are looked through.
    """
    for account_sid, call_sid in _told(tenant_id):
        with _noting_trouble():
            account = account_for(tenant_id, account_sid)
            came = gateway.fetch_incoming(account, call_sid)
            if came is not None and came.facts.status in states.TERMINAL:
                file(tenant_id, account, came, now=now)
    if not _is_time(tenant_id):
        return
    with tenant_transaction(tenant_id):
        numbers = list(PhoneNumber.objects.values_list("account_sid", "number"))
    for account_sid, number in numbers:
        with _noting_trouble():
            account = account_for(tenant_id, account_sid)
            for came in _unknown(tenant_id, account, number, now):
                with _noting_trouble():
                    _file_if_ours(tenant_id, account, came, now)


def _is_time(tenant_id: UUID) -> bool:
    """Of all workspaces one after the other, as all are due at once when we have just begun."""
    own = turns.Turn(f"strays:{tenant_id}", seconds=EVERY)
    if not own.take():
        return False
    if turns.take("strays", seconds=APART):
        return True
    own.give_back()
    return False


@contextmanager
def _noting_trouble() -> Iterator[None]:
    """What cannot be asked now is asked another time."""
    try:
        yield
    except (gateway.TwilioError, TwilioNotConfigured) as error:
        logger.warning("Twilio could not be asked who has called: %s", error)


def _told(tenant_id: UUID) -> Sequence[tuple[str, str]]:
    """(account, call) of recordings that we were told of, and whose address names no call: our own
    document has asked for them when nothing could be read.
    """
    told = UnroutedEvent.objects.filter(named_tenant=tenant_id, hook=Hook.RECORDING)
    told = told.exclude(ids__has_key="call").order_by("-pk")
    found = dict.fromkeys(told.values_list("account_sid", "call_sid")[:MOST_TOLD])
    return [
        (account_sid, call_sid)
        for account_sid, call_sid in found
        if is_sid(call_sid, CALL) and turns.take(f"told:{call_sid}", seconds=AGAIN)
    ]


def _unknown(
    tenant_id: UUID, account: TwilioAccount, number: str, now: datetime
) -> Iterator[IncomingCall]:
    """Those that are over, that we do not know, and of which Twilio can tell by now whether it had
    asked us.
    """
    found = gateway.find_incoming(account, to=number, since=now - LOOKED_BACK)
    with tenant_transaction(tenant_id):
        sids = [came.facts.sid for came in found]
        known = set(CallLeg.objects.filter(call_sid__in=sids).values_list("call_sid", flat=True))
    for came in found:
        sid, ended_at = came.facts.sid, came.facts.ended_at
        if sid in known or came.facts.status not in states.TERMINAL or ended_at is None:
            continue
        if now - ended_at >= REQUESTS_LATE and not turns.is_taken(f"stray:{sid}"):
            yield came


def _file_if_ours(
    tenant_id: UUID, account: TwilioAccount, came: IncomingCall, now: datetime
) -> None:
    if _was_asked(tenant_id, account, came.facts.sid):
        file(tenant_id, account, came, now=now)
    else:  # only of these it is kept in mind, so that what fails on the way is looked at again
        turns.take(f"stray:{came.facts.sid}", seconds=ONCE)


def _was_asked(tenant_id: UUID, account: TwilioAccount, call_sid: str) -> bool:
    """For this workspace: a day ago the number may have been another's."""
    ours = [settings.PUBLIC_BASE_URL + reverse(name) for name in _OURS]
    for request in gateway.requests_about(account, call_sid):
        base, _, query = request.url.partition("?")
        if base in ours and read_uuid(dict(parse_qsl(query)).get("tenant")) == tenant_id:
            return True
    return False


def file(tenant_id: UUID, account: TwilioAccount, came: IncomingCall, *, now: datetime) -> None:
    """Write down a call that is over, with what was recorded of it."""
    arrived = arriving.arrive(
        tenant_id,
        account_sid=account.sid,
        call_sid=came.facts.sid,
        caller=came.caller,
        to=came.to,
        said={"source": "rest", "CallSid": came.facts.sid},
        now=came.began_at or now,
    )
    if arrived is None:
        return
    logger.warning("Call %s was not written down when it came in, and is now", arrived.call_id)
    with tenant_transaction(tenant_id):
        call = CallLog.objects.get(pk=arrived.call_id)
        leg = CallLeg.objects.get(conference=call.conference_id, party=CallLeg.Party.CONTACT)
    messages.find(account, call, now=came.facts.ended_at or now)
    findings.hear_facts(leg, came.facts)
