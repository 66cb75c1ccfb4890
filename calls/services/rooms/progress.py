"""Events come in: stored once, then folded into legs and call."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from calls.facts import states
from calls.facts.inbound.missed import InboundState
from calls.facts.patience import next_look
from calls.facts.rooms import Room, Step, next_step
from calls.models import CallEvent, CallLeg, CallLog, Conference
from calls.services.rooms import ledger, people, returned
from tenants.bricks import live
from tenants.bricks.gates import WIDE, Gate
from tenants.fence.context import current_tenant_id, tenant_transaction
from tenants.fence.pipeline import pipelined

# Of a room: the fold reads all of them, and whoever owns an account signs as many as they like.
MOST_EVENTS = 2000
REST = "rest"  # the source of what we asked for
CONTACT = CallLeg.Party.CONTACT
logger = logging.getLogger(__name__)


class UnknownCall(LookupError):
    """The event names a room or a leg that this tenant does not have, or a room that is full."""


class UnknownLeg(UnknownCall):
    """The event names a leg that this tenant does not have."""


@dataclass(frozen=True)
class Heard:
    """One thing that was heard. See `states.Event` for the fields; `payload` is kept as it came.

    `account_sid` is the account that signed it, "" when we found it out ourselves.
    """

    kind: str
    name: str
    at: datetime
    payload: Mapping[str, str]
    sequence: int | None = None
    duration: int | None = None
    sip_code: int | None = None
    error_code: int | None = None
    call_sid: str = ""
    label: str = ""
    conference_sid: str = ""
    account_sid: str = ""

    @cached_property
    def key(self) -> str:
        """The same content is the same event, however often it is delivered."""
        content = json.dumps([self.kind, self.name, dict(self.payload)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def fact(self) -> states.Event:
        """As it is stored, and folded."""
        return states.Event(
            key=self.key,
            kind=self.kind,
            name=self.name[:60],
            at=self.at,
            sequence=self.sequence,
            duration=self.duration,
            sip_code=self.sip_code,
            error_code=self.error_code,
        )


def hear(
    tenant_id: UUID,
    heard: Heard,
    *,
    room_id: UUID | None = None,
    leg_id: UUID | None = None,
    gate: Gate = WIDE,
) -> Conference | None:
    """Store one event and bring legs and call up to date, in one transaction.

    Returns the room when something is now to be done about it (`facts.rooms.next_step`), else None.
    Raises `UnknownCall`, and `Crowded` when the gate lets nobody more wait for this room. Hearing
    the same event again changes nothing.
    """
    named = _named(heard, room_id, leg_id)
    with pipelined(tenant_id):
        known = ledger.read(named, key=heard.key, waiting=False)
        leg = _locate(heard, known, named) if known else None
        settled = settle(known, leg, heard) if known and _is_bound(leg, heard) else None
    if settled is None:
        settled = _hear_at_leisure(tenant_id, heard, named, gate)
    if settled.has_changed:
        announce(settled.room, settled.call_id)
    return settled.room if settled.step else None


def _hear_at_leisure(tenant_id: UUID, heard: Heard, named: ledger.Named, gate: Gate) -> "Settled":
    """The rare ways: somebody else is at the room, a leg is told its call, or nothing is known."""
    with tenant_transaction(tenant_id):
        room_id = ledger.room_id(named)
        with gate.passing(room_id):
            known = ledger.read(named, key=heard.key) if room_id else None
            if known is None:
                raise UnknownCall("no such room") if "room" in named else UnknownLeg("no such leg")
            leg = _locate(heard, known, named)
            if leg is not None and not _is_bound(leg, heard):
                _bind(CallLeg.objects.get(pk=leg.id), heard.call_sid)
                known = ledger.read(named, key=heard.key) or known
            return settle(known, leg, heard)


def _named(heard: Heard, room_id: UUID | None, leg_id: UUID | None) -> ledger.Named:
    if leg_id is not None:
        return {"leg": leg_id}
    return {"call_sid": heard.call_sid} if room_id is None else {"room": room_id}


def _locate(heard: Heard, known: ledger.Known, named: ledger.Named) -> ledger.Leg | None:
    """The leg that the event is about; None: the room itself."""
    room = known.room
    if heard.account_sid not in ("", room.account_sid):
        raise UnknownCall("another account's room")
    if "room" in named:
        return next((leg for leg in known.legs if _is_about(leg, heard)), None)
    (name,) = named.values()
    return next(leg for leg in known.legs if name in (leg.id, leg.call_sid))


def _is_about(leg: ledger.Leg, heard: Heard) -> bool:
    if leg.call_sid and heard.call_sid:
        return leg.call_sid == heard.call_sid
    return leg.label == heard.label


def _is_bound(leg: ledger.Leg | None, heard: Heard) -> bool:
    """Whether what it speaks of is the leg's call, as far as it says."""
    return leg is None or not heard.call_sid or leg.call_sid == heard.call_sid


def _bind(leg: CallLeg, call_sid: str) -> None:
    # A callback of ours that speaks of another call is not about this leg.
    if leg.call_sid:
        if not _is_guessed(leg):
            raise UnknownCall("leg has another call SID")
        _release(leg)
    bind_sid(leg, call_sid)


def bind_sid(leg: CallLeg, call_sid: str) -> None:
    """Give a leg of a locked room the call SID that Twilio made for it, and its call too if it is
    the contact's. Only what names the leg may say so: the answer to its dialling, an address or a
    label of ours; never the numbers. Raises `UnknownCall` when it is another leg's.
    """
    if leg.call_sid:
        return
    other = CallLeg.objects.filter(call_sid=call_sid).first()
    if other is not None:
        if not _is_guessed(other):
            raise UnknownCall("its call SID is another leg's")
        room = Conference.objects.select_for_update().get(pk=other.conference_id)
        _release(other)
        refold(room)
    leg.call_sid = call_sid
    leg.save(update_fields=["call_sid"])
    if leg.party == CONTACT:
        CallLog.objects.filter(conference_id=leg.conference_id).update(
            twilio_call_sid=call_sid, submission=CallLog.Submission.ACCEPTED
        )


def _is_guessed(leg: CallLeg) -> bool:
    """Whether all that ties a leg to its call is what we asked about that call ourselves."""
    events = CallEvent.objects.filter(leg=leg)
    is_told = events.filter(payload__CallSid=leg.call_sid).exists()
    return not is_told and events.filter(payload__source=REST).exists()


def _release(leg: CallLeg) -> None:
    """Take back a call SID that was wrongly given to a leg, and what REST has said of that call.
    What became of the leg is not known again, and will be found out.
    """
    logger.warning("Leg %s is not call %s", leg.pk, leg.call_sid)
    CallEvent.objects.filter(leg=leg, payload__source=REST).delete()
    leg.call_sid = None
    leg.save(update_fields=["call_sid"])
    if leg.party == CONTACT:
        CallLog.objects.filter(conference_id=leg.conference_id).update(
            twilio_call_sid=None, submission=CallLog.Submission.UNKNOWN
        )


@dataclass(frozen=True)
class Settled:
    """A room whose rows are what its events say, its people, and what it needs now."""

    room: Conference
    people: Room
    call_id: UUID | None
    call: states.CallState | None
    has_changed: bool
    step: Step | None


def settle(known: ledger.Known, leg: ledger.Leg | None, heard: Heard) -> Settled:
    """Store the event in a locked room, once, and fold."""
    room, leg_id = known.room, leg.id if leg else None
    # What we found out ourselves always finds room: it ends calls.
    if heard.account_sid and len(known.facts) >= MOST_EVENTS:
        raise UnknownCall("too many events of a room")
    if heard.conference_sid and _is_news_of_conference(known, leg, heard):
        room.conference_sid = heard.conference_sid
        ledger.write_conference_sid(room)
    if known.is_stored:
        return fold(known, known.facts)
    ledger.store(room, leg_id, heard.fact, heard.payload)
    return fold(known, [*known.facts, (leg_id, heard.fact)])


def _is_news_of_conference(known: ledger.Known, leg: ledger.Leg | None, heard: Heard) -> bool:
    """Whether its conference is the room's: the only one, or, while a call that came in was given
    from agent to agent, the latest.
    """
    room = known.room
    if not room.conference_sid or known.claim is None:
        return not room.conference_sid
    has_joined = heard.name == "participant-join" and leg is not None and not leg.state.is_over
    return has_joined and not known.is_stored and room.conference_sid != heard.conference_sid


def refold(room: Conference) -> Settled | None:
    """Recompute the rows of a locked room from its events. Returns what the room needs now."""
    known = ledger.read({"room": room.pk})
    if known is None:
        return None
    settled = fold(known, known.facts)
    if settled.has_changed:
        announce(room, settled.call_id)
    return settled


def fold(known: ledger.Known, facts: Sequence[ledger.Fact]) -> Settled:
    """Write what the events say where the rows say something else."""
    room, call, now = known.room, known.call, timezone.now()
    folded = people.fold_legs(known, facts)
    changed = False
    for leg in known.legs:
        if folded[leg.id] != leg.state:
            ledger.write_leg(leg, folded[leg.id])
            changed = True

    who = people.of(known, facts, folded)
    contact, agents = who.contact, who.agents
    state = call.state if call else None
    if call is not None and contact is not None:
        said = people.fold_call(known, facts, who)
        state = said.call if isinstance(said, InboundState) else said
        if (said, contact.error_code) != (call.inbound or call.state, call.error_code):
            ledger.write_call(call, said, contact.error_code)
            returned.note(call, said, now=now)
            changed = True

    settled = contact is None or contact.status in states.TERMINAL
    someone = bool(agents) or who.came_in is not None
    closed = someone and settled and all(agent.is_over for _, agent in agents)
    if closed != (room.closed_at is not None):
        room.closed_at = now if closed else None
        room.next_look_at = next_look(room.created_at, room.closed_at, now)
        ledger.write_closed(room)
        changed = True
    step = next_step(who, now=now)
    return Settled(room, who, call.id if call else None, state, changed, step)


def announce(room: Conference, call_id: UUID | None) -> None:
    """Tell the tenant's open pages, once this transaction is committed, what to fetch again."""
    message = {
        "type": "call",
        "id": str(call_id) if call_id else None,
        "request": str(room.client_request_id),
        "agent": str(room.agent_id) if room.agent_id else None,
    }
    transaction.on_commit(lambda: live.publish(room.tenant_id, message))


def announce_call(call_id: UUID) -> None:
    """The same of a call in the current tenant, of whose room there is no news."""
    tenant_id, message = current_tenant_id(), {"type": "call", "id": str(call_id)}
    transaction.on_commit(lambda: live.publish(tenant_id, message))
