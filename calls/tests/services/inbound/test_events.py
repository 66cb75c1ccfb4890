"""A caller's way, as events of their leg."""

from typing import Any

from django.utils import timezone

from calls.facts.inbound import missed
from calls.models import Caller, CallEvent
from calls.services.inbound import events
from calls.tests.builders import an_inbound_call
from tenants.fence.context import tenant_transaction


def test_each_step_of_a_way_is_one_event_with_its_number(cast: Any) -> None:
    caller, now = an_inbound_call(cast.acme), timezone.now()
    with tenant_transaction(cast.acme.pk):
        events.note(caller, missed.GREETED, now=now)
        events.note(caller.call, missed.WAITING, now=now, group="7")
        stale = Caller.objects.get(pk=caller.pk)
        events.note(caller, missed.WAITING, now=now, group="7")
        events.note(stale, missed.TO_LATER, now=now)
        found = CallEvent.objects.filter(conference=caller.call.conference).order_by("sequence")
        assert [(event.sequence, event.name) for event in found] == [
            (1, missed.GREETED),
            (2, missed.WAITING),
            (3, missed.WAITING),
            (4, missed.TO_LATER),
        ]
        assert {event.leg.party for event in found if event.leg} == {"contact"}
        assert found[1].payload["group"] == "7"
        caller.refresh_from_db()
        assert caller.steps == 4


def test_who_notes_a_step_knows_its_number(cast: Any) -> None:
    caller = an_inbound_call(cast.acme)
    with tenant_transaction(cast.acme.pk):
        events.note(caller, missed.GREETED, now=timezone.now())
        assert caller.steps == 1
