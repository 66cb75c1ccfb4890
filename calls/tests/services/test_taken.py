"""Whose the SID is that Twilio answers with, when it is a leg's already."""

from typing import Any

import pytest
from django.utils import timezone

from calls import gateway
from calls.models import CallLeg, CallLog
from calls.services.rooms import findings
from calls.services.rooms.progress import UnknownCall
from calls.services.rooms.taken import note_taken
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import Scene, scene_of
from tenants.fence.context import tenant_transaction


@pytest.fixture
def cast(committed_cast: Any) -> Any:
    """Committed, since only then the statements go out together."""
    return committed_cast


@pytest.fixture
def asked(cast: Any) -> tuple[CallLog, CallLeg]:
    """Alice's call, of which Twilio was asked and has not answered."""
    room = scene_of(cast.alice).room
    with tenant_transaction(cast.acme.pk):
        leg = CallLeg.objects.create(conference=room, party="contact")
    fields = {"user": cast.alice.user, "conference": room, "submission": "pending"}
    return an_outbound_call(cast.acme, **fields), leg


def sid_of(leg: CallLeg) -> str | None:
    with tenant_transaction(leg.tenant_id):
        return CallLeg.objects.get(pk=leg.pk).call_sid


def test_one_that_was_found_by_asking_goes_to_the_leg_that_was_dialled(
    dialled: Scene, asked: tuple[CallLog, CallLeg]
) -> None:
    (call, leg), guessed = asked, dialled.contact_leg
    assert guessed and guessed.call_sid
    facts = gateway.CallFacts(guessed.call_sid, "ringing", timezone.now(), None)
    findings.hear_facts(guessed, facts)
    note_taken(call, leg.pk, guessed.call_sid)
    assert (sid_of(leg), sid_of(guessed)) == (guessed.call_sid, None)
    with tenant_transaction(call.tenant_id):
        stored = CallLog.objects.get(pk=call.pk)
    told = [(each.twilio_call_sid, each.submission, each.status) for each in (call, stored)]
    assert told == [(guessed.call_sid, "accepted", "queued")] * 2
    assert dialled.fresh().submission == "unknown"


def test_anothers_stays_anothers(dialled: Scene, asked: tuple[CallLog, CallLeg]) -> None:
    (call, leg), other = asked, dialled.contact_leg
    assert other and other.call_sid
    with pytest.raises(UnknownCall):
        note_taken(call, leg.pk, other.call_sid)
    assert (sid_of(leg), sid_of(other)) == (None, other.call_sid)
