"""Events come in: stored once, then folded into legs and call."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone

from calls.facts import states
from calls.facts.patience import next_look
from calls.facts.rooms import Room, Step, next_step
from calls.models import CallEvent, CallLeg, CallLog, Conference
from tenants.bricks import live
from tenants.bricks.gates import WIDE, Gate
from tenants.fence.context import current_tenant_id, tenant_transaction

# Of a room: the fold reads all of them, and whoever owns an account signs as many as they like.
MOST_EVENTS = 2000
REST = "rest"  # the source of what we asked for
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

    @property
    def key(self) -> str:
        """The same content is the same event, however often it is delivered."""
        content = json.dumps([self.kind, self.name, dict(self.payload)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


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
    with tenant_transaction(tenant_id):
        named = _leg_named(heard, room_id, leg_id)
        if named is not None:
            room_id = named.values_list("conference_id", flat=True).first()
        with gate.passing(room_id):
            room, leg = _locate(heard, room_id, named)
            if heard.conference_sid and not room.conference_sid:
                room.conference_sid = heard.conference_sid
                room.save(update_fields=["conference_sid"])
            if leg is not None and heard.call_sid:
                bind_sid(leg, heard.call_sid)
            _store(room, leg, heard)
            return room if refold(room) else None


def _leg_named(
    heard: Heard, room_id: UUID | None, leg_id: UUID | None
) -> models.QuerySet[CallLeg] | None:
    """None: it names a room, and perhaps a leg in it."""
    if leg_id is not None:
        return CallLeg.objects.filter(pk=leg_id)
    return CallLeg.objects.filter(call_sid=heard.call_sid) if room_id is None else None


def _locate(
    heard: Heard, room_id: UUID | None, named: models.QuerySet[CallLeg] | None
) -> tuple[Conference, CallLeg | None]:
    """The room, locked, and the leg the event is about (None: about the room itself)."""
    if room_id is None:
        raise UnknownLeg("no such leg")
    room = Conference.objects.select_for_update().filter(pk=room_id).first()
    if room is None:
        raise UnknownCall("no such room")
    if heard.account_sid not in ("", room.account_sid):
        raise UnknownCall("another account's room")
    # Only now, that the room is locked, nobody else changes its legs.
    if named is None:
        return room, next((leg for leg in room.legs.all() if _is_about(leg, heard)), None)
    leg = named.get()
    # A callback of ours that speaks of another call is not about this leg.
    if leg.call_sid and heard.call_sid and leg.call_sid != heard.call_sid:
        if not _is_guessed(leg):
            raise UnknownCall("leg has another call SID")
        _release(leg)
    return room, leg


def _is_about(leg: CallLeg, heard: Heard) -> bool:
    if leg.call_sid and heard.call_sid:
        return leg.call_sid == heard.call_sid
    return leg.label == heard.label


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
    if leg.party == CallLeg.Party.CONTACT:
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
    if leg.party == CallLeg.Party.CONTACT:
        CallLog.objects.filter(conference_id=leg.conference_id).update(
            twilio_call_sid=None, submission=CallLog.Submission.UNKNOWN
        )


def _store(room: Conference, leg: CallLeg | None, heard: Heard) -> None:
    # What we found out ourselves always finds room: it ends calls.
    if heard.account_sid and room.events.count() >= MOST_EVENTS:
        raise UnknownCall("too many events of a room")
    CallEvent.objects.bulk_create(
        [
            CallEvent(
                conference=room,
                leg=leg,
                key=heard.key,
                kind=heard.kind,
                name=heard.name[:60],
                at=heard.at,
                sequence=heard.sequence,
                duration=heard.duration,
                sip_code=heard.sip_code,
                error_code=heard.error_code,
                payload=dict(heard.payload),
            )
        ],
        ignore_conflicts=True,
    )


def refold(room: Conference) -> Step | None:
    """Recompute the rows of a locked room from its events. Returns what the room needs now."""
    events = list(CallEvent.objects.filter(conference=room).defer("payload"))
    common = [
        event.fact for event in events if event.leg_id is None and states.is_of_room(event.name)
    ]
    legs = list(CallLeg.objects.filter(conference=room).order_by("created_at", "id"))
    folded: dict[UUID, states.LegState] = {}
    changed = False
    for leg in legs:
        own = [event.fact for event in events if event.leg_id == leg.pk]
        folded[leg.pk] = states.fold_leg([*own, *common])
        changed |= _write(leg, folded[leg.pk])

    contact = next((folded[leg.pk] for leg in legs if leg.party == CallLeg.Party.CONTACT), None)
    agents = [(leg.user_id, folded[leg.pk]) for leg in legs if leg.party == CallLeg.Party.AGENT]
    call = CallLog.objects.filter(conference=room).first()
    if call is not None and contact is not None:
        changed |= _write(call, states.fold_call(contact), error_code=contact.error_code)

    settled = contact is None or contact.status in states.TERMINAL
    closed = bool(agents) and settled and all(agent.is_over for _, agent in agents)
    if closed != (room.closed_at is not None):
        room.closed_at = timezone.now() if closed else None
        room.next_look_at = next_look(room.created_at, room.closed_at, timezone.now())
        room.save(update_fields=["closed_at", "next_look_at"])
        changed = True
    if changed:
        announce(room, call)
    end_asked = any(fact.name == states.END_ASKED for fact in common)
    return next_step(Room(contact, agents, end_asked), now=timezone.now())


def announce(room: Conference, call: CallLog | None) -> None:
    """Tell the tenant's open pages, once this transaction is committed, what to fetch again."""
    tenant_id = current_tenant_id()
    message = {
        "type": "call",
        "id": str(call.pk) if call else None,
        "request": str(room.client_request_id),
        "agent": str(room.agent_id),
    }
    transaction.on_commit(lambda: live.publish(tenant_id, message))


def _write(row: models.Model, state: Any, **more: Any) -> bool:
    """Copy a folded state onto its row and save what differs."""
    values = {field.name: getattr(state, field.name) for field in fields(state)} | more
    differing = [name for name, value in values.items() if getattr(row, name) != value]
    if not differing:
        return False
    for name in differing:
        setattr(row, name, values[name])
    if isinstance(row, CallLog):
        differing.append("updated_at")
    row.save(update_fields=differing)
    return True
