"""The rows of a room as every webhook needs them: read at once, written where they differ.

Its SQL is written out (`tenants.fence.pipeline`): each webhook sends all of it, and the ORM took
longer to build it than the database to answer.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from calls.facts import states
from calls.facts.inbound import meeting
from calls.facts.inbound.missed import InboundState
from calls.models import Caller, CallEvent, CallLeg, CallLog, Conference
from calls.models.rooms import label_of
from tenants.fence.columns import Columns
from tenants.fence.context import current_tenant_id
from tenants.fence.pipeline import ask, rows, tell

_STATE = [field.name for field in fields(states.LegState)]
_OF_CALL = [*(field.name for field in fields(states.CallState)), "error_code"]
# Of one that came in its fold says them, too.
_OF_INBOUND = ["user_id", "wait_seconds", "missed"]
_FACT = [field.name for field in fields(states.Event)]

_OF_ROOM = [field.attname for field in Conference._meta.concrete_fields]
_ROOM = Columns(Conference, "r", *_OF_ROOM)
_ID = Columns(Conference, "r", "id")
_NUMBERS = ["from_number", "to_number"]
_CALL = Columns(CallLog, "c", "id", *_OF_CALL, "direction", *_OF_INBOUND, *_NUMBERS)
_LEG = Columns(CallLeg, "l", "id", "party", "user_id", "call_sid", "is_phone", *_STATE)
_EVENT = Columns(CallEvent, "e", "leg_id", *_FACT)
_CLAIM = Columns(Caller, "w", "claimed_at", "left_at")
_WINNER = Columns(CallLeg, "l", "id")

# All that is put into these statements are names of ours; values are parameters.
# How a room may be named: by itself, or by a leg of it.
_NAMED = {
    "room": "%s",
    "leg": "(SELECT conference_id FROM calls_callleg WHERE tenant_id = %s AND id = %s)",
    "call_sid": "(SELECT conference_id FROM calls_callleg WHERE tenant_id = %s AND call_sid = %s)",
}
_LOCK = "SELECT r.id FROM calls_conference r WHERE r.tenant_id = %s AND r.id = {room}"
# Checking a key to the room does not wait for this lock. What somebody else has locked is left out.
_AT_ONCE = " FOR NO KEY UPDATE SKIP LOCKED"
_WAITING = " FOR NO KEY UPDATE"
_ROWS = f"""SELECT
(SELECT count(*) FROM calls_callevent WHERE tenant_id = %s AND key = %s),
{_ROOM.sql}, {_CALL.sql}, {_LEG.sql}
FROM calls_conference r
LEFT JOIN calls_calllog c ON c.tenant_id = r.tenant_id AND c.conference_id = r.id
LEFT JOIN calls_callleg l ON l.tenant_id = r.tenant_id AND l.conference_id = r.id
WHERE r.tenant_id = %s AND r.id = {{room}}
ORDER BY l.created_at, l.id"""  # noqa: S608 # nosec B608 # our names
_EVENTS = f"""SELECT {_EVENT.sql} FROM calls_callevent e
WHERE e.tenant_id = %s AND e.conference_id = {{room}}"""  # noqa: S608 # nosec B608 # our names
# Of a call that came in: its claim, and the legs by which the winner has come since.
_CLAIMED = f"""SELECT {_CLAIM.sql}, {_WINNER.sql} FROM calls_caller w
LEFT JOIN calls_callleg l ON l.tenant_id = w.tenant_id AND l.conference_id = %s
    AND l.party = 'agent' AND l.user_id = %s AND l.created_at >= w.claimed_at
WHERE w.tenant_id = %s AND w.call_id = %s"""  # noqa: S608 # nosec B608 # our names
_STORE = f"""INSERT INTO calls_callevent
(tenant_id, conference_id, leg_id, {", ".join(_FACT)}, payload, received_at)
VALUES ({", ".join(["%s"] * (len(_FACT) + 5))})"""  # noqa: S608 # nosec B608 # our names


def _update(table: str, names: Sequence[str]) -> str:
    values = ", ".join(f"{name} = %s" for name in names)
    return f"UPDATE {table} SET {values} WHERE tenant_id = %s AND id = %s"  # noqa: S608 # nosec B608 # our names


# All columns of a state, so that it is the same prepared statement whatever has changed.
_SET_LEG = _update("calls_callleg", _STATE)
_SET_CALL = _update("calls_calllog", [*_OF_CALL, "updated_at"])
_SET_INBOUND = _update("calls_calllog", [*_OF_CALL, *_OF_INBOUND, "updated_at"])
_SET_SID = _update("calls_conference", ["conference_sid"])
_SET_LEG_SID = _update("calls_callleg", ["call_sid"])
_SET_CALL_SID = _update("calls_calllog", ["twilio_call_sid", "submission"])
_SET_CLOSED = _update("calls_conference", ["closed_at", "next_look_at"])


Named = Mapping[str, UUID | str]
Fact = tuple[UUID | None, states.Event]


@dataclass(frozen=True)
class Leg:
    """A leg as its row has it."""

    id: UUID
    party: str
    user_id: UUID | None
    call_sid: str | None
    state: states.LegState
    is_phone: bool = False

    @property
    def label(self) -> str:
        return label_of(self.party, self.id)


@dataclass(frozen=True)
class Call:
    """A call as its row has it: its state, the contact's error and number; and of one that came in
    what its fold says besides.
    """

    id: UUID
    state: states.CallState
    error_code: int | None
    other_number: str
    inbound: InboundState | None = None


@dataclass(frozen=True)
class Claim:
    """Who has a call that came in: `legs` by which they have come since they won it, at `at` (None:
    nobody has it). `is_in_line`: the caller's row has them wait.
    """

    at: datetime | None = None
    legs: frozenset[UUID] = frozenset()
    is_in_line: bool = False


@dataclass(frozen=True)
class Known:
    """A locked room, its legs, oldest first, its call, and what was heard of them: each fact with
    the leg that it is about. `is_stored`: the event that was asked for is stored already, here or
    elsewhere. `claim` is of a call that came in.
    """

    room: Conference
    legs: Sequence[Leg]
    call: Call | None
    facts: Sequence[Fact]
    is_stored: bool
    claim: Claim | None = None

    def common(self, facts: Sequence[Fact]) -> list[states.Event]:
        """What was heard of the room as a whole, and so of each leg."""
        found = [fact for leg_id, fact in facts if leg_id is None and states.is_of_room(fact.name)]
        return found if self.claim is None else meeting.of_room(found)


def read(named: Named, *, key: str = "", waiting: bool = True) -> Known | None:
    """Lock a room of the current tenant and read it: that which is `{"room": …}`, or which has the
    leg `{"leg": …}` or `{"call_sid": …}`. None: there is none, or, not `waiting`, somebody else
    has locked it. `key` is that of an event.
    """
    ((by, name),) = named.items()
    tenant_id = current_tenant_id()
    room = [name] if by == "room" else [tenant_id, name]
    lock = "" if connection.vendor == "sqlite" else _WAITING if waiting else _AT_ONCE
    locked = ask(_LOCK.format(room=_NAMED[by]) + lock, [tenant_id, *room])
    rest = ask(_ROWS.format(room=_NAMED[by]), [tenant_id, key, tenant_id, *room])
    heard = ask(_EVENTS.format(room=_NAMED[by]), [tenant_id, *room])
    events = rows(heard, _EVENT)
    found = rows(rest, _ROOM, _CALL, _LEG)
    # Meanwhile a SID may have become another leg's: that room is not locked.
    if not found or rows(locked, _ID) != [(found[0][1 + _OF_ROOM.index("id")],)]:
        return None
    stored, *of_room = found[0][: 1 + len(_ROOM)]
    after_room, after_call = 1 + len(_ROOM), 1 + len(_ROOM) + len(_CALL)
    call_id, *of_call = found[0][after_room:after_call]
    its_room, call = Conference.from_db(connection.alias, _OF_ROOM, of_room), None
    if call_id:
        *of_state, error_code, direction, user_id, wait_seconds, missed, caller, called = of_call
        state, came_in = states.CallState(*of_state), direction == CallLog.Direction.INBOUND
        inbound = InboundState(state, user_id, wait_seconds, missed or None) if came_in else None
        call = Call(call_id, state, error_code, caller if came_in else called, inbound)
    return Known(
        its_room,
        [_leg(*row[after_call:]) for row in found if row[after_call] is not None],
        call,
        [(leg_id, states.Event(*fact)) for leg_id, *fact in events],
        bool(stored),
        _claim(its_room, call.id) if call and call.inbound else None,
    )


def _claim(room: Conference, call_id: UUID) -> Claim:
    asked = ask(_CLAIMED, [room.pk, room.agent_id, room.tenant_id, call_id])
    found = rows(asked, _CLAIM, _WINNER)
    if not found:
        return Claim()
    at, left_at, _ = found[0]
    legs = frozenset(leg_id for *_, leg_id in found if leg_id)
    return Claim(at if room.agent_id else None, legs, left_at is None)


def _leg(
    leg_id: UUID, party: str, user_id: UUID | None, sid: str | None, is_phone: Any, *state: Any
) -> Leg:
    return Leg(leg_id, party, user_id, sid, states.LegState(*state), bool(is_phone))


def room_id(named: Named) -> UUID | None:
    """The room that is named so, be it there or not; None for a leg that is not there."""
    if "room" in named:
        return UUID(str(named["room"]))
    by = {"pk" if name == "leg" else name: value for name, value in named.items()}
    return CallLeg.objects.filter(**by).values_list("conference_id", flat=True).first()


def store(
    room: Conference, leg_id: UUID | None, fact: states.Event, payload: Mapping[str, str]
) -> None:
    """Store an event that is not stored yet."""
    about = [room.tenant_id, room.pk, leg_id, *_values(fact)]
    ask(_STORE, [*about, json.dumps(dict(payload)), timezone.now()])


def write_leg(leg: Leg, state: states.LegState) -> None:
    ask(_SET_LEG, [*_values(state), current_tenant_id(), leg.id])


def write_sid(leg: Leg, call: Call, call_sid: str) -> None:
    """Of the contact's leg, whose call Twilio has taken."""
    tenant_id = current_tenant_id()
    tell(
        (_SET_LEG_SID, [call_sid, tenant_id, leg.id]),
        (_SET_CALL_SID, [call_sid, CallLog.Submission.ACCEPTED, tenant_id, call.id]),
    )


def write_call(call: Call, state: states.CallState | InboundState, error_code: int | None) -> None:
    statement, own = _SET_CALL, []
    if isinstance(state, InboundState):
        statement, own = _SET_INBOUND, [state.taken_by, state.wait_seconds, state.missed or ""]
        state = state.call
    values = [*_values(state), error_code, *own, timezone.now()]
    ask(statement, [*values, current_tenant_id(), call.id])


def write_conference_sid(room: Conference) -> None:
    ask(_SET_SID, [room.conference_sid, room.tenant_id, room.pk])


def write_closed(room: Conference) -> None:
    ask(_SET_CLOSED, [room.closed_at, room.next_look_at, room.tenant_id, room.pk])


def _values(of: Any) -> list[Any]:
    return list(vars(of).values())
