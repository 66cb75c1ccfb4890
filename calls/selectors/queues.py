"""A group as `calls.facts.inbound` decides about it: its callers, its members, the offers between
them, out of rows. Written out (`tenants.fence.pipeline`), one statement each, whatever the group
has.

Whoever decides locks what they read, in this order: group, membership, callers each before their
room, offers, availabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from calls.facts import states
from calls.facts.inbound import queues, written
from calls.facts.inbound.plans import Go, Target
from calls.facts.inbound.queues import Availability, Claim, End, Rules, Wish
from calls.models import (
    AgentAvailability,
    Caller,
    CallLeg,
    Conference,
    GroupMember,
    Offer,
    OwnPhone,
)
from contacts.models import Contact
from tenants.fence.columns import Columns, split
from tenants.fence.context import current_tenant_id
from tenants.fence.pipeline import ask, rows

RULES = Rules(most_missed=settings.MISSED_OFFERS)
LONGEST_LEG = timedelta(hours=24)  # Twilio ends any call then, at the latest
_EVER = datetime.min.replace(tzinfo=UTC)
_OVER = ", ".join(f"'{status}'" for status in sorted(states.TERMINAL))


def place_of(group_id: UUID) -> str:
    """Where those are who wait in a group, as rows have it."""
    return written.place(Target(Go.GROUP, group_id.hex))


def group_in(place: str) -> UUID | None:
    """The group that a place names, be it there or not."""
    target = written.target(place)
    return UUID(target.to) if target is not None and target.go == Go.GROUP else None


def _locking(statement: str, *tables: str) -> str:
    is_needed = connection.vendor != "sqlite"  # which has one writer at a time
    return statement + (f" FOR NO KEY UPDATE OF {', '.join(tables)}" if is_needed else "")


# --- who waits ------------------------------------------------------------------------------------

# All that is put into these statements are names of ours; values are parameters.
_CALLER, _OFFER = Columns(Caller, "k"), Columns(Offer, "o")
_OWNER = Columns(Contact, "x", "owner")
_ROOM = Columns(Conference, "r", "id", "tenant_id", "agent_id", "client_request_id")
_IN_ROOM = """EXISTS (SELECT 1 FROM calls_callleg l
    WHERE l.tenant_id = r.tenant_id AND l.conference_id = r.id AND l.joined_at IS NOT NULL"""
# Whether the call is over, the caller has been in the room, and the winner is in it.
_CALLERS = f"""SELECT c.ended_at IS NOT NULL,
{_IN_ROOM} AND l.party = 'contact'),
{_IN_ROOM} AND l.party = 'agent' AND l.user_id = r.agent_id
    AND l.left_at IS NULL AND l.status NOT IN ({_OVER})),
{_OWNER.sql}, {_ROOM.sql}, {_CALLER.sql}
FROM calls_caller k
JOIN calls_calllog c ON c.tenant_id = k.tenant_id AND c.id = k.call_id
JOIN calls_conference r ON r.tenant_id = c.tenant_id AND r.id = c.conference_id
LEFT JOIN contacts_contact x ON x.tenant_id = c.tenant_id AND x.id = c.contact_id
WHERE k.tenant_id = %s AND {{who}}
ORDER BY k.id"""  # noqa: S608 # nosec B608 # our names
_OFFERS = f"""SELECT {_OFFER.sql} FROM calls_offer o
JOIN calls_caller k ON k.tenant_id = o.tenant_id AND k.id = o.caller_id
WHERE o.tenant_id = %s AND {{who}} AND o.offered_at >= k.entered_at
ORDER BY o.offered_at, o.id"""  # noqa: S608 # nosec B608 # our names
_OF_PLACE, _OF_CALL = "k.place = %s AND k.left_at IS NULL", "k.call_id = %s"


@dataclass(frozen=True)
class Waiting:
    """A caller's row, and their `offers` since they came into the group, oldest first. `room`: with
    no more than is told of it; its agent is the winner. `is_over`: the call is; `has_joined`: they
    have been in the room; `is_met`: the winner is.
    """

    row: Caller
    room: Conference
    owner: str  # of the contact; "": nobody
    is_over: bool
    has_joined: bool
    is_met: bool
    offers: Sequence[Offer] = ()

    @property
    def id(self) -> str:
        """In a `Queue`, where it settles who of two is first: as long for each."""
        return f"{self.row.pk:020}"

    @property
    def fact(self) -> queues.Caller:
        row, agent_id, claim = self.row, self.room.agent_id, None
        if row.claimed_at is not None and agent_id is not None:
            claim = Claim(agent_id.hex, row.claimed_at)
        entered_at, is_met = row.entered_at or _EVER, claim is not None and self.is_met
        return queues.Caller(
            id=self.id,
            since=row.since or entered_at,
            entered_at=entered_at,
            owner=self.owner,
            offers=tuple(_offer(offer) for offer in self.offers),
            wish=Wish(row.wish) if row.wish else None,
            claim=claim,
            returned_at=row.returned_at,
            place_told=row.place_told,
            place_told_at=row.place_told_at,
            has_left=row.left_at is not None or self.is_over or self.has_joined or is_met,
        )


def _offer(row: Offer) -> queues.Offer:
    end = End(row.end) if row.end else None
    return queues.Offer(row.user_id.hex, row.offered_at, row.confirmed_at, row.ended_at, end)


def callers_in(group_id: UUID, *, lock: bool = False) -> list[Waiting]:
    """Those who are in a group of the current tenant, by their keys."""
    return _callers(_OF_PLACE, place_of(group_id), lock)


def caller_of(call_id: UUID, *, lock: bool = False) -> Waiting | None:
    """Whoever makes a call, wherever they are."""
    found = _callers(_OF_CALL, call_id, lock)
    return found[0] if found else None


def _callers(who: str, value: Any, lock: bool) -> list[Waiting]:
    statement, values = _CALLERS.format(who=who), [current_tenant_id(), value]
    asked = ask(_locking(statement, "k", "r") if lock else statement, values)
    found = rows(asked, _OWNER, _ROOM, _CALLER)
    if not found:
        return []
    statement = _OFFERS.format(who=who)
    asked = ask(_locking(statement, "o") if lock else statement, values)
    offers: dict[int, list[Offer]] = {}
    for row in rows(asked, _OFFER):
        offer = _OFFER.instance(row)
        offers.setdefault(offer.caller_id, []).append(offer)
    waiting = [_waiting(row) for row in found]
    return [replace(each, offers=offers.get(each.row.pk, ())) for each in waiting]


def _waiting(row: Sequence[Any]) -> Waiting:
    known, (owner,), of_room, of_caller = split(row, _OWNER, _ROOM, _CALLER)
    is_over, has_joined, is_met = map(bool, known)
    return Waiting(
        row=_CALLER.instance(of_caller),
        room=_ROOM.instance(of_room),
        owner=owner.hex if owner else "",
        is_over=is_over,
        has_joined=has_joined,
        is_met=is_met,
    )


# --- who takes calls ------------------------------------------------------------------------------


def has_page(row: AgentAvailability, now: datetime) -> bool:
    """Whether a page of theirs would confirm an offer, as far as is known."""
    kept = queues.Agent(
        row.user_id.hex,
        Availability(row.availability),
        row.idle_since,
        seen_at=row.seen_at,
        asleep_at=row.asleep_at,
    )
    return kept.has_page(RULES, now)


def phones_that_ring() -> QuerySet[OwnPhone]:
    """Telephones that are their agents', and are to be rung (as `_AGENTS` has it)."""
    found: QuerySet[OwnPhone] = OwnPhone.objects.filter(rings=True, confirmed_at__isnull=False)
    return found


_USER, _ENDED = Columns(GroupMember, "m", "user"), Columns(CallLeg, "l", "ended_at")
_AVAILABILITY = Columns(AgentAvailability, "a")
# Whether they are active; a leg of theirs is not over; they have claimed a caller who is not in the
# room yet; a caller rings at them who is elsewhere; a browser of theirs can be told of callers;
# their own phone is rung; when their last leg ended.
_AGENTS = f"""SELECT m.is_active AND u.is_active AND t.is_active,
EXISTS (SELECT 1 FROM calls_callleg l WHERE l.tenant_id = m.tenant_id AND l.user_id = m.user_id
    AND l.party = 'agent' AND l.created_at > %s AND l.left_at IS NULL
    AND l.status NOT IN ({_OVER})),
EXISTS (SELECT 1 FROM calls_caller k
    JOIN calls_calllog c ON c.tenant_id = k.tenant_id AND c.id = k.call_id
    JOIN calls_conference r ON r.tenant_id = c.tenant_id AND r.id = c.conference_id
    WHERE k.tenant_id = m.tenant_id AND k.left_at IS NULL AND k.claimed_at IS NOT NULL
    AND c.ended_at IS NULL AND r.agent_id = m.user_id),
EXISTS (SELECT 1 FROM calls_offer o
    JOIN calls_caller k ON k.tenant_id = o.tenant_id AND k.id = o.caller_id
    WHERE o.tenant_id = m.tenant_id AND o.user_id = m.user_id AND o.end = '' AND k.place <> %s),
EXISTS (SELECT 1 FROM calls_pushsubscription p
    WHERE p.tenant_id = m.tenant_id AND p.user_id = m.user_id),
EXISTS (SELECT 1 FROM calls_ownphone p WHERE p.tenant_id = m.tenant_id AND p.user_id = m.user_id
    AND p.rings AND p.confirmed_at IS NOT NULL),
{_USER.sql},
(SELECT COALESCE(l.left_at, l.ended_at) FROM calls_callleg l
    WHERE l.tenant_id = m.tenant_id AND l.user_id = m.user_id AND l.party = 'agent'
    ORDER BY l.created_at DESC LIMIT 1),
{_AVAILABILITY.sql}
FROM tenants_membership m
JOIN tenants_user u ON u.id = m.user_id
JOIN tenants_tenant t ON t.id = m.tenant_id
LEFT JOIN calls_agentavailability a ON a.tenant_id = m.tenant_id AND a.user_id = m.user_id
{{among}}"""  # noqa: S608 # nosec B608 # our names
_IN_GROUP = """JOIN calls_groupmember g ON g.tenant_id = m.tenant_id AND g.user_id = m.user_id
WHERE m.tenant_id = %s AND g.group_id = %s ORDER BY g.position, g.id"""
_EVERYBODY = "WHERE m.tenant_id = %s ORDER BY m.id"
_ONE = "WHERE m.tenant_id = %s AND m.user_id = %s"


def members_of(group_id: UUID) -> list[queues.Agent]:
    """A group's, in the order of its list; who rings for another one's caller, rings elsewhere."""
    return _agents(_IN_GROUP, group_id, place=place_of(group_id))


def everybody() -> list[queues.Agent]:
    """All members of the workspace. Here who rings at all, rings elsewhere."""
    return _agents(_EVERYBODY)


def agent(user_id: UUID) -> queues.Agent | None:
    """None for who is no member of the workspace."""
    return next(iter(_agents(_ONE, user_id)), None)


def _agents(among: str, *values: UUID, place: str = "") -> list[queues.Agent]:
    since, tenant_id = timezone.now() - LONGEST_LEG, current_tenant_id()
    asked = ask(_AGENTS.format(among=among), [since, place, tenant_id, *values])
    return [_agent(row) for row in rows(asked, _USER, _ENDED, _AVAILABILITY)]


def _agent(row: Sequence[Any]) -> queues.Agent:
    known, (user_id,), (ended_at,), of_row = split(row, _USER, _ENDED, _AVAILABILITY)
    is_active, has_leg, has_claim, rings_elsewhere, has_push, has_phone = map(bool, known)
    is_kept = of_row[_AVAILABILITY.names.index("id")] is not None
    kept = _AVAILABILITY.instance(of_row) if is_kept else AgentAvailability(idle_since=_EVER)
    return queues.Agent(
        id=user_id.hex,
        availability=Availability(kept.availability),
        idle_since=max(kept.idle_since, ended_at or _EVER),
        is_active=is_active,
        seen_at=kept.seen_at,
        asleep_at=kept.asleep_at,
        phone=has_phone,
        in_call=has_leg or has_claim,
        wrap_up_until=kept.wrap_up_until,
        missed_in_a_row=kept.missed_in_a_row,
        rings_elsewhere=rings_elsewhere,
        push=has_push and settings.WEB_PUSH is not None,
        knocked_at=kept.knocked_at,
    )
