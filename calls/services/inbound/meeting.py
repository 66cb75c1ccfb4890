"""A caller and the agent who has answered come together: the caller is brought into the room, or
goes back to the line. What only Twilio is asked for is `rooms.tending`'s; here is what the line of
those who wait has to do with it. Everything can run twice.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.utils import timezone

from calls import gateway
from calls.facts import states
from calls.facts.inbound import meeting
from calls.facts.rooms import BRING_AGAIN, Room, Step
from calls.gateway import addresses
from calls.gateway.accounts import TwilioNotConfigured, account_for
from calls.models import AgentAvailability, Caller, CallEvent, CallLeg, CallLog, Conference
from calls.selectors import queues
from calls.services.inbound import events, groups, news
from calls.services.rooms import findings, progress, tending
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant

logger = logging.getLogger(__name__)

_MOST_STEPS = 6  # of a room, one after the other
# After which what was asked was certainly not done.
_NOT_DONE = (
    gateway.TwilioRefused,
    gateway.TwilioBusy,
    gateway.TwilioUnreachable,
    TwilioNotConfigured,
)


@dataclass
class Tended:
    """What was done about a room: its steps; the groups that are to be tended now; and the calls
    whose callers are to be led on (`leading.send_on`), out of a room in which they met nobody.
    """

    steps: list[Step] = field(default_factory=list)
    groups: set[UUID] = field(default_factory=set)
    led_on: list[UUID] = field(default_factory=list)


def tend(tenant_id: UUID, room_id: UUID) -> Tended:
    """Do what a room needs, until it needs nothing that can be done at once.

    Talks to Twilio, so it must run outside any transaction.
    """
    done = Tended()
    for _ in range(_MOST_STEPS):
        step = tending.tend_room(tenant_id, room_id)
        if step is None:
            break
        done.steps.append(step)
        if step in _OF_LINE:
            _OF_LINE[step](tenant_id, room_id, done)
        elif step is not Step.DISMISS:
            break
    return done


class _Scene(NamedTuple):
    """The rows, locked in the order in which all lock them."""

    caller: Caller
    room: Conference
    people: Room

    @property
    def call(self) -> CallLog:
        return self.caller.call

    @property
    def leg(self) -> CallLeg:
        found: CallLeg = self.room.legs.get(party=CallLeg.Party.CONTACT)
        return found


def _scene(room_id: UUID, step: Step) -> _Scene | None:
    """None: the room does not need this step any more."""
    caller = (
        Caller.objects.select_for_update(of=("self",), no_key=True)
        .select_related("call")
        .filter(call__conference=room_id)
        .first()
    )
    room = Conference.objects.select_for_update(no_key=True).get(pk=room_id)
    settled = progress.refold(room)
    if caller is None or settled is None or settled.step is not step:
        return None
    return _Scene(caller, room, settled.people)


def _bring(tenant_id: UUID, room_id: UUID, done: Tended) -> None:
    """Send the caller into the room. Who has been sent a while ago is looked for there first: to be
    sent again would take them out of it.
    """
    with tenant_transaction(tenant_id):
        scene = _scene(room_id, Step.BRING)
        if scene is None:
            return
        leg, room, now = scene.leg, scene.room, timezone.now()
        # Also when it seemed not to be done: an answer before that one may have been lost.
        tries = CallEvent.objects.filter(
            leg=leg, name=meeting.BRINGING, at__gte=scene.caller.claimed_at
        )
        before = tries.order_by("-at").values_list("at", flat=True).first()
        events.note(scene.caller, meeting.BRINGING, now=now)
        Conference.objects.filter(pk=room_id).update(next_look_at=now + BRING_AGAIN)
    try:
        account = account_for(tenant_id, room.account_sid)
        where = room.conference_sid or room.name
        if before and gateway.find_participant(account, where, leg.label):
            findings.hear_presence(leg, since=before)
            return
        bridge = addresses.caller_step(tenant_id, scene.call.pk, "bridge")
        facts = gateway.redirect(account, leg.call_sid or "", bridge)
        if facts is not None and facts.status in (states.QUEUED, states.RINGING):
            raise gateway.TwilioRefused(0, "The call is not answered yet.")
    except gateway.OutcomeUnknown as error:
        logger.warning("Whether call %s was brought is not known: %s", scene.call.pk, error)
        return  # they are looked for in the room in a moment
    except _NOT_DONE:
        _undo(scene, meeting.NOT_BROUGHT)
        raise
    if facts is None:
        findings.conclude(leg, states.FAILED, why="Twilio does not know this call")
    else:
        findings.hear_facts(leg, facts)


def _undo(scene: _Scene, name: str) -> None:
    with tenant_transaction(scene.caller.tenant_id):
        events.note(scene.caller, name, now=timezone.now())


def _give_back(tenant_id: UUID, room_id: UUID, done: Tended) -> None:
    with tenant_transaction(tenant_id):
        scene = _scene(room_id, Step.GIVE_BACK)
        if scene is None:
            return
        came = scene.people.came_in
        is_on_their_way = came is not None and came.brought_at is not None
        _return(scene.caller, scene.room, is_on_their_way, timezone.now())
    _tend_group_of(scene.caller, done)
    if is_on_their_way:
        done.led_on.append(scene.call.pk)


def _return(caller: Caller, room: Conference, is_on_their_way: bool, now: datetime) -> None:
    """Into the line again, as its first. The agent is not rung until a page of theirs is seen."""
    progress.announce(room, caller.call_id)  # to whoever has lost them
    if room.agent_id is not None:
        AgentAvailability.objects.filter(user_id=room.agent_id).update(asleep_at=now)
        news.availability([room.agent_id])
    room.agent = None
    room.save(update_fields=["agent"])
    caller.claimed_at, caller.returned_at, caller.left_at = None, now, None
    caller.led_on_at = now if is_on_their_way else None
    caller.save(update_fields=["claimed_at", "returned_at", "left_at", "led_on_at"])
    events.note(caller, meeting.GIVEN_BACK, now=now)


def _meet(tenant_id: UUID, room_id: UUID, done: Tended) -> None:
    """They talk: the caller has left the line, and is recorded if the workspace records."""
    with tenant_transaction(tenant_id):
        scene = _scene(room_id, Step.MEET)
        if scene is None:
            return
        now = timezone.now()
        groups.leave(scene.caller, now=now)
        records = Tenant.objects.get(pk=tenant_id).records_calls
        is_asked = scene.people.came_in is not None and scene.people.came_in.is_recorded
        if not is_asked:
            events.note(scene.caller, meeting.RECORDING_ASKED, now=now, records=str(int(records)))
            CallLog.objects.filter(pk=scene.call.pk).update(is_recorded=records)
    _tend_group_of(scene.caller, done)
    if records and not is_asked:
        _record(scene)


def _record(scene: _Scene) -> None:
    """Asked for once: what was lost of it the sweep finds after the call."""
    call, room = scene.call, scene.room
    callback = addresses.recording_status(room.tenant_id, call.pk)
    try:
        account = account_for(room.tenant_id, room.account_sid)
        gateway.record_call(account, call.twilio_call_sid or "", callback)
    except gateway.OutcomeUnknown as error:
        logger.warning("Whether call %s is recorded is not known: %s", call.pk, error)
    except _NOT_DONE as error:
        logger.warning("Call %s is not recorded: %s", call.pk, error)
        is_for_good = isinstance(error, gateway.TwilioRefused)
        with tenant_transaction(room.tenant_id):
            CallLog.objects.filter(pk=call.pk).update(is_recorded=False)
            if not is_for_good:
                events.note(scene.caller, meeting.NOT_RECORDED, now=timezone.now())
        if not is_for_good:
            raise


def _let_go(tenant_id: UUID, room_id: UUID, done: Tended) -> None:
    with tenant_transaction(tenant_id):
        scene = _scene(room_id, Step.LET_GO)
        if scene is None:
            return
        groups.leave(scene.caller, now=timezone.now())
    _tend_group_of(scene.caller, done)


def _tend_group_of(caller: Caller, done: Tended) -> None:
    group_id = queues.group_in(caller.place)
    if group_id is not None:
        done.groups.add(group_id)


_OF_LINE: dict[Step, Callable[[UUID, UUID, Tended], None]] = {
    Step.BRING: _bring,
    Step.GIVE_BACK: _give_back,
    Step.MEET: _meet,
    Step.LET_GO: _let_go,
}
