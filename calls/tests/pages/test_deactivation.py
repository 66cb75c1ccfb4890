"""Whoever deactivates a member in the middle of a call is asked what becomes of the call."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from calls.facts import states
from calls.facts.rooms import Step
from calls.models import CallEvent
from calls.services.rooms import tending
from calls.tests.conftest import Scene
from tenants.bricks.lanes import Lane
from tenants.fence.context import tenant_transaction


@pytest.fixture
def tended(monkeypatch: Any) -> list[Any]:
    asked: list[Any] = []
    monkeypatch.setattr(Lane, "do", lambda self, key, work: asked.append(key))
    return asked


@pytest.fixture
def alice(cast: Any, signed_in: Any) -> Client:
    client: Client = signed_in(cast.alice)
    return client


@pytest.fixture
def talking(dialled: Scene) -> Scene:
    dialled.hear(states.CALL, "in-progress", dialled.contact_leg)
    dialled.hear(states.CONFERENCE, "participant-join", dialled.contact_leg)
    return dialled


def deactivate(alice: Client, member: Any, **form: str) -> Any:
    return alice.post(reverse("change_member", args=[member.pk]), {"do": "deactivate"} | form)


def is_active(member: Any) -> bool:
    with tenant_transaction(member.tenant_id):
        member.refresh_from_db()
    return bool(member.is_active)


def is_asked_to_end(scene: Scene) -> bool:
    with tenant_transaction(scene.room.tenant_id):
        return CallEvent.objects.filter(name=states.END_ASKED).exists()


def test_it_is_asked_what_becomes_of_the_call(alice: Client, talking: Scene, cast: Any) -> None:
    for page in (deactivate(alice, cast.bob, do="ask"), deactivate(alice, cast.bob)):
        text = page.content.decode()
        assert "Bob is in a call with Maria" in text
        assert "Deactivate and end the call" in text and "Deactivate, let them finish" in text
    assert page.status_code == 422, "also who was asked before the call began"
    assert is_active(cast.bob) and not is_asked_to_end(talking)


def test_the_call_is_ended_at_once(
    alice: Client,
    talking: Scene,
    cast: Any,
    tended: list[Any],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert deactivate(alice, cast.bob, occupation="end").status_code in (302, 303)
    assert not is_active(cast.bob) and is_asked_to_end(talking)
    ringing = (cast.acme.pk, "agent", cast.bob.user_id)  # what rings at them rings at others
    assert tended == [ringing, (cast.acme.pk, talking.room.pk)]


def test_who_is_let_finish_is_not_waited_for_afterwards(
    alice: Client, talking: Scene, cast: Any, monkeypatch: Any
) -> None:
    assert deactivate(alice, cast.bob, occupation="keep").status_code in (302, 303)
    assert not is_active(cast.bob) and not is_asked_to_end(talking)
    talking.hear(states.CONFERENCE, "participant-leave", talking.agent_leg)
    monkeypatch.setattr(tending, "_close", lambda *_, **__: None)
    assert tending.tend_room(cast.acme.pk, talking.room.pk) is Step.CLOSE


def test_who_is_in_no_call_is_deactivated_at_once(alice: Client, cast: Any) -> None:
    assert deactivate(alice, cast.bob).status_code in (302, 303)
    assert not is_active(cast.bob)


def test_somebody_elses_call_is_no_reason_to_ask(
    alice: Client, talking: Scene, cast: Any, tended: list[Any]
) -> None:
    from tenants.people.services import add_member

    carol, _ = add_member(cast.acme, email="carol@acme.example", name="Carol")
    assert deactivate(alice, carol, occupation="end").status_code in (302, 303)
    assert not is_active(carol) and not is_asked_to_end(talking)
