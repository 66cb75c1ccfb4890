"""Ending what nobody is in any more. Everything here can run twice."""

from uuid import UUID

from django.utils import timezone

from calls import gateway, states
from calls.accounts import account_of
from calls.models import CallLeg, Conference
from calls.services import progress
from tenants.context import tenant_transaction


def close_room(tenant_id: UUID, room_id: UUID, *, always: bool = False) -> bool:
    """End the room at Twilio when nobody is left to talk to (`always`: whoever is in it).

    Talks to Twilio, so it must run outside any transaction. True when something was ended.
    """
    with tenant_transaction(tenant_id):
        room = Conference.objects.filter(pk=room_id).first()
        if room is None or not (always or progress.refold(_locked(room))):
            return False
        legs = list(room.legs.all())
    account = account_of(tenant_id)
    # The contact first: a phone that still rings is not in the room yet.
    for leg in sorted(legs, key=lambda leg: leg.party != CallLeg.Party.CONTACT):
        state = leg.state
        if state.status in states.TERMINAL or not leg.call_sid:
            continue
        if leg.party == CallLeg.Party.AGENT and room.conference_sid and not state.is_over:
            continue  # leaves with the room, and is told so by its Dial action
        if state.left_at is None:
            ringing = state.status != states.IN_PROGRESS and state.joined_at is None
            facts = gateway.hang_up(account, leg.call_sid, ringing=ringing)
            if facts is not None:
                progress.hear_facts(leg, facts)
    if room.conference_sid:
        gateway.end_conference(account, room.conference_sid)
    return True


def _locked(room: Conference) -> Conference:
    locked: Conference = Conference.objects.select_for_update().get(pk=room.pk)
    return locked


def give_up_room(room: Conference) -> None:
    """Close a room of which neither we nor Twilio know anybody any more."""
    with tenant_transaction(room.tenant_id):
        Conference.objects.filter(pk=room.pk, closed_at=None).update(closed_at=timezone.now())
