"""Tending rooms: doing at Twilio what the state of a room asks for. Everything can run twice."""

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from calls import gateway
from calls.facts import states
from calls.facts.rooms import COME_BACK, Step, dismissed, relieved
from calls.gateway import addresses
from calls.gateway.accounts import TwilioAccount, account_for
from calls.models import CallLeg, Conference
from calls.services.rooms import findings, progress
from tenants.fence.context import tenant_transaction
from tenants.models import Membership

OF_LINE = frozenset({Step.BRING, Step.GIVE_BACK, Step.MEET, Step.LET_GO})


def tend_room(tenant_id: UUID, room_id: UUID) -> Step | None:
    """Do the next thing that a room needs (`facts.rooms.next_step`); returns what was done. What
    is done to the line of those who wait (OF_LINE) is only returned, for `services.inbound`.

    Talks to Twilio, so it must run outside any transaction.
    """
    with tenant_transaction(tenant_id):
        room = Conference.objects.select_for_update().filter(pk=room_id).first()
        settled = progress.refold(room) if room is not None else None
        step = settled.step if settled is not None else None
        legs = _legs(room) if room is not None else []
        if step is Step.HOLD and not _may_come_back(legs):
            step = Step.CLOSE
        if step is Step.HOLD:
            Conference.objects.filter(pk=room_id).update(next_look_at=timezone.now() + COME_BACK)
    if room is None or settled is None or step is None or step in OF_LINE:
        return step
    account = account_for(tenant_id, room.account_sid)
    if step is Step.CLOSE:
        _close(account, room, legs, one_by_one=settled.people.came_in is not None)
    elif step in (Step.RELIEVE, Step.DISMISS):
        who = settled.people
        _end_legs(account, legs, dismissed(who) if step is Step.DISMISS else relieved(who.agents))
    else:
        _hold(account, room, legs, step is Step.HOLD)
    return step


def _may_come_back(legs: Sequence[CallLeg]) -> bool:
    """Whether an agent of the room is still a member: nobody else can be waited for."""
    people = [leg.user_id for leg in legs if leg.party == CallLeg.Party.AGENT]
    still = Membership.objects.filter(user_id__in=people, is_active=True, user__is_active=True)
    return bool(still.exists())


def close_room(tenant_id: UUID, room_id: UUID) -> None:
    """End a room whatever its state, like one in which an agent waits for nobody."""
    with tenant_transaction(tenant_id):
        room = Conference.objects.get(pk=room_id)
        legs = _legs(room)
    _close(account_for(tenant_id, room.account_sid), room, legs)


def _legs(room: Conference) -> list[CallLeg]:
    return list(room.legs.order_by("created_at", "id"))


def _close(
    account: TwilioAccount, room: Conference, legs: Sequence[CallLeg], *, one_by_one: bool = False
) -> None:
    """`one_by_one`: the conference that we know may not be the one in which the agent is."""
    # The contact first: a phone that still rings is not in the room yet.
    for leg in sorted(legs, key=lambda leg: leg.party != CallLeg.Party.CONTACT):
        state = leg.state
        if state.status in states.TERMINAL or state.left_at is not None or not leg.call_sid:
            continue
        if leg.party == CallLeg.Party.AGENT and room.conference_sid and not one_by_one:
            continue  # leaves with the room, and is told so by its Dial action
        ringing = state.status != states.IN_PROGRESS and state.joined_at is None
        _hang_up(account, leg, ringing=ringing)
    if room.conference_sid and not one_by_one:
        gateway.end_conference(account, room.conference_sid)


def _end_legs(account: TwilioAccount, legs: Sequence[CallLeg], positions: Sequence[int]) -> None:
    """Of agents."""
    agents = [leg for leg in legs if leg.party == CallLeg.Party.AGENT]
    for position in positions:
        _hang_up(account, agents[position], ringing=False)


def _hang_up(account: TwilioAccount, leg: CallLeg, *, ringing: bool) -> None:
    facts = gateway.hang_up(account, leg.call_sid or "", ringing=ringing)
    if facts is not None:
        findings.hear_facts(leg, facts)


def _hold(account: TwilioAccount, room: Conference, legs: Sequence[CallLeg], hold: bool) -> None:
    """The truth about holding comes back as *participant-hold* and *-unhold*."""
    contact = next((leg for leg in legs if leg.party == CallLeg.Party.CONTACT), None)
    if contact is not None and contact.call_sid and room.conference_sid:
        gateway.set_hold(
            account,
            room.conference_sid,
            contact.call_sid,
            hold=hold,
            music=addresses.hold_music(room.tenant_id),
        )
