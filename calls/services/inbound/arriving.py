"""A call comes in: its room, its caller's leg and its row are made, and it is said what it hears
first. Written out (`tenants.fence.pipeline`), as somebody waits at a telephone.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError

from calls.facts import states
from calls.facts.inbound import callers, hours, missed, spoken, written
from calls.facts.inbound.plans import Announcement
from calls.facts.rooms import request_of
from calls.models import CallLeg, CallLog, Conference, Line, PhoneNumber
from calls.services import whose
from calls.services.inbound import events
from calls.services.rooms import ledger, progress
from calls.services.rooms.progress import Heard
from contacts.numbers import Number
from contacts.selectors import ask_holders
from tenants.fence.columns import Columns, split
from tenants.fence.pipeline import ask, inserted, pipelined, rows, tell

logger = logging.getLogger(__name__)

LONGEST_NUMBER = 16  # characters, of ours
_CALL_ID = Columns(CallLog, "c", "id")
_NUMBER = Columns(PhoneNumber, "n", "id", "tenant", "number")
_LINE = Columns(Line, "l")
# All that is put into these statements are names of ours; values are parameters.
_ASKED = f"""SELECT
EXISTS (SELECT 1 FROM calls_blockedcaller b WHERE b.tenant_id = %s AND b.number = %s),
(SELECT c.id FROM calls_calllog c WHERE c.tenant_id = %s AND c.twilio_call_sid = %s),
{_NUMBER.sql}, {_LINE.sql}
FROM calls_phonenumber n
JOIN tenants_tenant t ON t.id = n.tenant_id AND t.is_active
LEFT JOIN calls_line l ON l.tenant_id = n.tenant_id AND l.number_id = n.id
WHERE n.tenant_id = %s AND n.account_sid = %s AND n.number = %s"""  # noqa: S608 # nosec B608 # our names
_CALLER = """INSERT INTO calls_caller
(tenant_id, call_id, place, moves, tries, steps, wish) VALUES (%s, %s, '', 0, 0, 1, '')"""


@dataclass(frozen=True)
class Arrived:
    """A call that has come in, and what its caller hears first, in the line's language. `is_new`:
    its rows were made now; `number_id` is of the number that was called, `has_line` whether it has
    a plan.
    """

    call_id: UUID
    number_id: UUID
    has_line: bool
    is_new: bool
    is_blocked: bool = False
    language: str = spoken.DEFAULT
    says: Announcement = Announcement()


def arrive(
    tenant_id: UUID,
    *,
    account_sid: str,
    call_sid: str,
    caller: str,
    to: str,
    said: Mapping[str, str],
    now: datetime,
) -> Arrived | None:
    """The call of an account, from a `caller`, whatever that is, to a number of ours; `said` is
    kept as it came. None: the workspace has no such number at this account, or it is closed. The
    same call again is the same.
    """
    if not call_sid or len(to) > LONGEST_NUMBER:
        return None
    heard = Heard(states.CALL, states.RINGING, now, said, call_sid=call_sid)
    come = _Come(tenant_id, account_sid, call_sid, caller, to, heard)
    for _ in range(2):
        try:
            return _arrive(come)
        except IntegrityError:
            # Twilio has asked twice, and the other one has just made it; or their contact has just
            # gone. (Or the call is another workspace's, of which this account should not speak.)
            logger.info("Call %s came in twice at once", call_sid)
    return None


@dataclass(frozen=True)
class _Come:
    """What is known of it from outside."""

    tenant_id: UUID
    account_sid: str
    call_sid: str
    caller: str
    to: str
    heard: Heard


def _arrive(come: _Come) -> Arrived | None:
    tenant_id, now = come.tenant_id, come.heard.at
    caller = callers.read(come.caller)
    with pipelined(tenant_id):
        known = [tenant_id, caller.number, tenant_id, come.call_sid]
        asked = ask(_ASKED, [*known, tenant_id, come.account_sid, come.to])
        holders = ask_holders(caller.number) if caller.may_be_matched else None
        found = rows(asked, _CALL_ID, _NUMBER, _LINE)
        if not found:
            return None
        (is_blocked,), (call_id,), of_number, of_line = split(found[0], _CALL_ID, _NUMBER, _LINE)
        number = _NUMBER.instance(of_number)
        line = _LINE.instance(of_line) if of_line[_LINE.names.index("id")] else None
        arrived = _first_heard(number.pk, line, bool(is_blocked), call_id or uuid4(), now)
        if call_id is not None:
            return arrived
        whom = whose.target_in(holders, Number(caller.number, "")) if holders is not None else None
        room = _write(come, arrived, whom, line)
    progress.announce(room, arrived.call_id)
    return Arrived(**{**vars(arrived), "is_new": True})


def _first_heard(
    number_id: UUID, line: Line | None, is_blocked: bool, call_id: UUID, now: datetime
) -> Arrived:
    arrived = Arrived(call_id, number_id, line is not None, False, is_blocked)
    if line is None:
        return arrived
    says = "greeting" if is_open(line, now) else "closed"
    sound = getattr(line, f"{says}_sound_id")
    announcement = Announcement(getattr(line, f"{says}_text"), sound.hex if sound else "")
    return Arrived(**{**vars(arrived), "language": line.language, "says": announcement})


def is_open(line: Line, at: datetime) -> bool:
    """Hours that nobody can read any more are open ones: a caller is then heard by somebody."""
    try:
        return hours.is_open(written.hours(line.hours, line.closed_until), at)
    except (KeyError, TypeError, ValueError):
        logger.exception("The hours of line %s cannot be read", line.pk)
        return True


def _write(
    come: _Come, arrived: Arrived, whom: whose.Target | None, line: Line | None
) -> Conference:
    tenant_id, now, heard = come.tenant_id, come.heard.at, come.heard
    room_id = uuid4()
    room = Conference(
        pk=room_id,
        tenant_id=tenant_id,
        client_request_id=request_of(room_id),
        account_sid=come.account_sid,
    )
    leg = CallLeg(
        tenant_id=tenant_id,
        conference_id=room.pk,
        party=CallLeg.Party.CONTACT,
        call_sid=come.call_sid,
        **vars(states.fold_leg([heard.fact])),
    )
    call = CallLog(
        id=arrived.call_id,
        tenant_id=tenant_id,
        conference=room,
        contact=whom.contact if whom else None,
        meant=len(whom.possible) if whom else 0,
        direction=CallLog.Direction.INBOUND,
        from_number=callers.kept(come.caller),
        to_number=come.to,
        twilio_call_sid=come.call_sid,
        started_at=now,
        status=states.RINGING,
    )
    if arrived.is_blocked:
        name = missed.BLOCKED
    else:
        name = missed.GREETED if line is None or is_open(line, now) else missed.CLOSED
    first = events.step(leg.pk, name, 1, now)
    tell(inserted(room), inserted(leg), inserted(call), (_CALLER, [tenant_id, call.pk]))
    for each in (heard, first):
        ledger.store(room, leg.pk, each.fact, each.payload)
    if whom:
        whose.note_possible(call, whom.possible)
    return room
