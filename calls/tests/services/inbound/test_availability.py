"""What agents choose, and the signs of life of their pages."""

from typing import Any

import pytest

from calls.facts.inbound.queues import Availability
from calls.models import AgentAvailability
from calls.selectors import queues
from calls.selectors.queues import RULES
from calls.services.inbound import availability
from calls.tests.services.inbound.floor import Floor, seconds
from tenants.bricks import live
from tenants.fence.context import tenant_transaction


@pytest.fixture
def floor(cast: Any) -> Floor:
    return Floor(cast.acme)


def test_who_has_never_chosen_is_away(floor: Floor, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        agent = queues.agent(cast.bob.user_id)
    assert agent is not None and agent.availability == Availability.AWAY
    availability.note_seen(cast.bob, now=floor.now)
    assert floor.availability_of(cast.bob).availability == "away", "a page alone changes nothing"


def test_what_is_chosen_is_told_and_forgets_what_was_missed(
    floor: Floor, cast: Any, monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(live, "publish", lambda tenant, message: told.append((tenant, message)))
    availability.note_seen(cast.bob, now=floor.now)
    with tenant_transaction(cast.acme.pk):
        AgentAvailability.objects.update(missed_in_a_row=1, was_set_away=True)
    with django_capture_on_commit_callbacks(execute=True):
        availability.choose(cast.bob, Availability.DO_NOT_DISTURB, now=floor.now)
    kept = floor.availability_of(cast.bob)
    assert (kept.availability, kept.missed_in_a_row, kept.was_set_away) == (
        "do-not-disturb",
        0,
        False,
    )
    message = {"type": "availability", "agent": str(cast.bob.user_id)}
    assert told == [(cast.acme.pk, message)]


def test_idle_is_who_becomes_available_and_stays_it_when_asked_twice(
    floor: Floor, cast: Any
) -> None:
    availability.choose(cast.bob, Availability.AVAILABLE, now=floor.now)
    began = floor.now
    floor.later(60)
    availability.choose(cast.bob, Availability.AVAILABLE, now=floor.now)
    assert floor.availability_of(cast.bob).idle_since == began
    availability.choose(cast.bob, Availability.AWAY, now=floor.now)
    floor.later(60)
    availability.choose(cast.bob, Availability.AVAILABLE, now=floor.now)
    assert floor.availability_of(cast.bob).idle_since == floor.now


def test_a_page_is_news_when_there_was_none(floor: Floor, cast: Any) -> None:
    assert availability.note_seen(cast.bob, now=floor.now)
    floor.later(30)
    assert not availability.note_seen(cast.bob, now=floor.now)
    floor.now += RULES.seen
    assert availability.note_seen(cast.bob, now=floor.now)
    with tenant_transaction(cast.acme.pk):
        AgentAvailability.objects.update(asleep_at=floor.now)
    floor.later(1)
    assert availability.note_seen(cast.bob, now=floor.now), "awake again"


def test_a_receipt_that_was_late_takes_nothing_back(floor: Floor, cast: Any) -> None:
    availability.note_seen(cast.bob, now=floor.now)
    availability.note_seen(cast.bob, now=floor.now - seconds(20))
    assert floor.availability_of(cast.bob).seen_at == floor.now


def test_each_workspace_has_its_own(floor: Floor, cast: Any) -> None:
    floor.is_there(cast.bob)
    with tenant_transaction(cast.borealis.pk):
        assert not AgentAvailability.objects.exists()
        assert queues.agent(cast.bob.user_id) is None
        assert [agent.id for agent in queues.everybody()] == [cast.charlie.user_id.hex]
