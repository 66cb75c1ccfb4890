"""What there is of an agent's wish to call, the agent locked: in as few statements as may be, which
go out together. Written out (`tenants.fence.pipeline`), as Twilio and a person wait for them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from calls.facts import limits, states
from calls.gateway.accounts import in_use
from calls.models import CallLog, Conference
from calls.selectors import limits as rules
from calls.selectors.queues import LONGEST_LEG
from contacts.models import Contact
from tenants.doors import Named
from tenants.fence.columns import Columns, split
from tenants.fence.pipeline import ask, rows

# All that is put into these statements are names of ours; values are parameters. `FOR …` is left
# out on SQLite, which has one writer at a time.
_LOCK = """SELECT t.country FROM tenants_membership m
JOIN tenants_user u ON u.id = m.user_id JOIN tenants_tenant t ON t.id = m.tenant_id
WHERE m.tenant_id = %s AND m.user_id = %s AND m.is_active AND u.is_active AND t.is_active"""
_RULES = f"{rules.OURS.sql}, {rules.HIGHEST.sql}"


def _locking(statement: str, alias: str) -> str:
    return statement + (f" FOR NO KEY UPDATE OF {alias}" if connection.vendor != "sqlite" else "")


def ask_lock(agent: Named) -> Any:
    """Have an agent's connections and dialling served one after the other: each statement that
    follows in this transaction sees what the one before has done.
    """
    return ask(_locking(_LOCK, "m"), [agent.tenant_id, agent.user_id])


def country_of(locked: Any) -> str | None:
    """Of the workspace of an agent who is locked; None: they are no active member of it."""
    found = rows(locked)
    return found[0][0] if found else None


# --- an agent's browser comes ---------------------------------------------------------------------

_ROOM_ID, _ELSEWHERE = Columns(Conference, "r", "id"), Columns(Conference, "r", "id")
# The room of the wish; that in which a leg has the SID; the account in use; how often the agent's
# browsers have come of late; how many other rooms of theirs are open. A room that is open is found
# by the index of those that are looked at: by its agent alone, all that they ever had would be.
_ARRIVAL = f"""SELECT o.sid,
(SELECT count(*) FROM calls_callleg l WHERE l.tenant_id = %s AND l.user_id = %s
    AND l.party = 'agent' AND l.created_at > %s),
(SELECT count(*) FROM calls_conference r WHERE r.tenant_id = %s AND r.closed_at IS NULL
    AND r.next_look_at IS NOT NULL AND r.agent_id = %s AND r.client_request_id <> %s),
(SELECT r.id FROM calls_conference r
    WHERE r.tenant_id = %s AND r.agent_id = %s AND r.client_request_id = %s),
(SELECT l.conference_id FROM calls_callleg l WHERE l.tenant_id = %s AND l.call_sid = %s),
{_RULES}
FROM (SELECT 1 AS one) x
LEFT JOIN calls_ownaccount o ON o.tenant_id = %s AND o.retired_at IS NULL
LEFT JOIN calls_callingpolicy p ON p.tenant_id = %s
LEFT JOIN calls_callingceiling h ON h.tenant_id = %s"""  # noqa: S608 # nosec B608 # our names


class Arrival(NamedTuple):
    """What there is when a browser connects: the room of its wish, if there is one, and that in
    which its call is a leg already; `connects` within `limits.WINDOW`, and `rooms` that are open
    beside this one.
    """

    room_id: UUID | None
    leg_in: UUID | None
    account_sid: str  # the one in use
    connects: int
    rooms: int
    policy: limits.Policy
    usage: limits.Usage


def arrival(
    agent: Named, client_request_id: UUID, call_sid: str, *, now: datetime
) -> Arrival | None:
    """The agent is locked. None: they are no active member."""
    tenant_id, user_id = agent.tenant_id, agent.user_id
    locked = ask_lock(agent)
    wish = [tenant_id, user_id, client_request_id]
    values = [tenant_id, user_id, now - limits.WINDOW, *wish, *wish, tenant_id, call_sid]
    found = ask(_ARRIVAL, [*values, tenant_id, tenant_id, tenant_id])
    used = rules.ask_usage(tenant_id, now=now)
    country = country_of(locked)
    if country is None:
        return None
    (row,) = rows(found, _ROOM_ID, _ELSEWHERE, rules.OURS, rules.HIGHEST)
    own_sid, connects, open_rooms, room_id, leg_in = row[:5]
    return Arrival(
        room_id=room_id,
        leg_in=leg_in,
        account_sid=in_use(own_sid),
        connects=connects,
        rooms=open_rooms,
        policy=rules.policy_in(row, country),
        usage=rules.usage_in(used, user_id, now=now),
    )


# --- and its agent dials --------------------------------------------------------------------------

_ROOM = Columns(Conference, "r")
_CALL = Columns(
    CallLog,
    "c",
    *("id", "tenant", "contact", "conference", "direction", "from_number", "to_number"),
    *("extension", "submission", "twilio_call_sid", "started_at", "status", "ended_at"),
    *("error_code", "is_recorded"),
)
_CONTACT = Columns(Contact, "k", "id", "tenant", "name")
_OVER = ", ".join(f"'{status}'" for status in sorted(states.TERMINAL))
_PRESENT = f"""l.tenant_id = p.tenant_id AND l.user_id = %s AND l.party = 'agent'
    AND l.created_at > %s AND l.joined_at IS NOT NULL AND l.left_at IS NULL
    AND l.status NOT IN ({_OVER})"""  # else all that they ever had are looked at
# The number to call from; whether the agent is in the room; … and in another with a call, or
# expected there: they have answered one that came in.
_DIAL = f"""SELECT
(SELECT n.number FROM calls_phonenumber n
    WHERE n.tenant_id = p.tenant_id AND n.account_sid = r.account_sid{{chosen}}
    ORDER BY n.is_default DESC, n.number LIMIT 1),
EXISTS (SELECT 1 FROM calls_callleg l WHERE {_PRESENT} AND l.conference_id = r.id),
EXISTS (SELECT 1 FROM calls_callleg l
    JOIN calls_calllog b ON b.tenant_id = l.tenant_id AND b.conference_id = l.conference_id
    WHERE {_PRESENT} AND l.conference_id <> r.id)
OR EXISTS (SELECT 1 FROM calls_conference q
    JOIN calls_calllog b ON b.tenant_id = q.tenant_id AND b.conference_id = q.id
    WHERE q.tenant_id = p.tenant_id AND q.closed_at IS NULL AND q.next_look_at IS NOT NULL
    AND q.agent_id = %s AND q.id <> r.id AND b.direction = 'INBOUND' AND b.ended_at IS NULL),
{_ROOM.sql}, {_CALL.sql}, {_CONTACT.sql}, {_RULES}
FROM calls_callingpolicy p
LEFT JOIN calls_callingceiling h ON h.tenant_id = p.tenant_id
LEFT JOIN calls_conference r
    ON r.tenant_id = p.tenant_id AND r.agent_id = %s AND r.client_request_id = %s
LEFT JOIN calls_calllog c ON c.tenant_id = r.tenant_id AND c.conference_id = r.id
LEFT JOIN contacts_contact k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
WHERE p.tenant_id = %s"""  # noqa: S608 # nosec B608 # our names
_ANY, _CHOSEN = _DIAL.format(chosen=""), _DIAL.format(chosen=" AND n.id = %s")


class Dial(NamedTuple):
    """What there is when an agent dials: the room of the wish, and its call with its contact, if
    there are any; the number to call from ("": none).
    """

    room: Conference | None
    call: CallLog | None
    is_present: bool  # the agent, in the room
    is_busy: bool  # in another room, in a call, or expected there by who has called
    caller: str
    policy: limits.Policy
    usage: limits.Usage


class Asked(NamedTuple):
    agent: Named
    now: datetime
    locked: Any
    found: Any
    used: Any


def ask_dial(
    agent: Named, client_request_id: UUID, *, from_number_id: UUID | None, now: datetime
) -> Asked:
    """Lock the agent, and the workspace's policy: what calls there are is counted by one dial after
    the other.
    """
    since, chosen = now - LONGEST_LEG, [from_number_id] if from_number_id else []
    present = [agent.user_id, since]
    values = [*chosen, *present, *present, agent.user_id, agent.user_id]
    values += [client_request_id, agent.tenant_id]
    locked = ask_lock(agent)
    found = ask(_locking(_CHOSEN if from_number_id else _ANY, "p"), values)
    return Asked(agent, now, locked, found, rules.ask_usage(agent.tenant_id, now=now))


class NoPolicy(LookupError):
    """The workspace has no row to lock yet."""


def dial(asked: Asked) -> Dial | None:
    """None: the agent is no active member. Raises `NoPolicy`."""
    country = country_of(asked.locked)
    if country is None:
        return None
    found = rows(asked.found, _ROOM, _CALL, _CONTACT, rules.OURS, rules.HIGHEST)
    if not found:
        raise NoPolicy
    before, of_room, of_call, of_contact, *_ = split(
        found[0], _ROOM, _CALL, _CONTACT, rules.OURS, rules.HIGHEST
    )
    room, call = _instance(_ROOM, of_room), _instance(_CALL, of_call)
    if call is not None:
        call.conference, call.contact = room, _instance(_CONTACT, of_contact)
    return Dial(
        room=room,
        call=call,
        is_present=bool(before[1]),
        is_busy=bool(before[2]),
        caller=before[0] or "",
        policy=rules.policy_in(found[0], country),
        usage=rules.usage_in(asked.used, asked.agent.user_id, now=asked.now),
    )


def _instance(columns: Columns, values: Sequence[Any]) -> Any:
    """None where the statement found none."""
    return None if values[columns.names.index("id")] is None else columns.instance(values)
