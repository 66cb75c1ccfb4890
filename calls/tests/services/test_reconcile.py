"""The sweep: no call stays open, no recording is lost, whatever callbacks got lost."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from calls import gateway
from calls.models import CallLog, Conference, Recording
from calls.services import reconcile
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import Scene
from tenants.fence.context import tenant_transaction

LATER = timedelta(seconds=40)


@pytest.fixture
def cast(committed_cast: Any) -> Any:
    return committed_cast


@pytest.fixture
def lossy(site: Any, waiting: Scene, signed_in: Any, monkeypatch: Any) -> Any:
    """Bob calls a handset that hangs up after four seconds; no callback ever arrives.

    Bob's own leg was not made at the sandbox; it stands for one that stays.
    """
    real = gateway.fetch_call

    def fetch_call(account: Any, sid: str) -> Any:
        if sid == waiting.agent_leg.call_sid:
            return gateway.CallFacts(sid, "in-progress", None, None)
        return real(account, sid)

    monkeypatch.setattr(gateway, "fetch_call", fetch_call)
    site.sandbox.fault("webhook-drop", match="call-status", times=1000)
    site.sandbox.fault("webhook-drop", match="recording-status", times=1000)
    client: Client = signed_in(waiting.member)
    response = client.post(
        "/api/twilio/make-call",
        {"clientRequestId": str(waiting.request_id), "to": "+14155550105"},
        content_type="application/json",
    )
    assert response.status_code == 201
    return waiting


def call_of(scene: Scene) -> CallLog:
    with tenant_transaction(scene.room.tenant_id):
        return CallLog.objects.get(conference=scene.room)


def over_at_sandbox(sandbox: Any, call: CallLog) -> bool:
    return any(
        found["sid"] == call.twilio_call_sid and found["status"] == "completed"
        for found in sandbox.state()["calls"]
    )


def test_a_call_without_any_callback_is_closed_with_its_length_and_recording(
    lossy: Scene, sandbox: Any, eventually: Any
) -> None:
    eventually(lambda: over_at_sandbox(sandbox, call_of(lossy)), 20)
    assert call_of(lossy).ended_at is None
    assert all(fault["fired"] for fault in sandbox.faults() if "call-status" in fault["match"])
    tenant_id = lossy.room.tenant_id
    reconcile.sweep_tenant(tenant_id, now=timezone.now() + LATER)
    call = call_of(lossy)
    assert (call.status, call.outcome) == ("completed", "completed")
    assert call.duration is not None and 3 <= call.duration <= 15
    assert call.answered_at is not None
    late = timezone.now() + timedelta(seconds=200)

    def found() -> bool:
        reconcile.sweep_tenant(tenant_id, now=late)
        with tenant_transaction(tenant_id):
            return Recording.objects.filter(state="waiting", call=call).exists()

    eventually(found, 10)


def test_a_live_call_is_left_alone(lossy: Scene, sandbox: Any) -> None:
    reconcile.sweep_tenant(lossy.room.tenant_id, now=timezone.now() + LATER)
    assert call_of(lossy).ended_at is None


def test_twilio_is_not_asked_about_a_room_all_the_time(lossy: Scene, monkeypatch: Any) -> None:
    asked: list[str] = []
    monkeypatch.setattr(gateway, "fetch_call", lambda account, sid: asked.append(sid))
    now = timezone.now() + LATER
    reconcile.sweep_tenant(lossy.room.tenant_id, now=now)
    first = len(asked)
    reconcile.sweep_tenant(lossy.room.tenant_id, now=now + timedelta(seconds=5))
    assert first >= 1
    assert len(asked) == first


def test_an_agent_who_waits_for_nobody_is_let_go(waiting: Scene, monkeypatch: Any) -> None:
    ended: list[str] = []
    monkeypatch.setattr(
        gateway,
        "fetch_call",
        lambda account, sid: gateway.CallFacts(sid, "in-progress", None, None),
    )
    monkeypatch.setattr(gateway, "hang_up", lambda account, sid, ringing: ended.append(sid))
    now = timezone.now()
    reconcile.sweep_tenant(waiting.room.tenant_id, now=now + timedelta(seconds=60))
    assert ended == []
    reconcile.sweep_tenant(waiting.room.tenant_id, now=now + timedelta(seconds=130))
    assert ended == [waiting.agent_leg.call_sid]


def test_a_leg_that_twilio_does_not_know_is_concluded(waiting: Scene, site: Any) -> None:
    """The agent's leg of this scene was never made at the sandbox."""
    reconcile.sweep_tenant(waiting.room.tenant_id, now=timezone.now() + LATER)
    with tenant_transaction(waiting.room.tenant_id):
        waiting.room.refresh_from_db()
        waiting.agent_leg.refresh_from_db()
    assert waiting.agent_leg.status == "failed"
    assert waiting.room.closed_at is not None


def test_a_crash_between_writing_and_asking_is_found_out(
    waiting: Scene, site: Any, cast: Any
) -> None:
    from calls.models import CallLeg

    with tenant_transaction(cast.acme.pk):
        an_outbound_call(
            cast.acme,
            user=cast.bob.user,
            conference=waiting.room,
            to_number="+14155570108",
            submission="pending",
        )
        CallLeg.objects.create(conference=waiting.room, party="contact")
    reconcile.sweep_tenant(cast.acme.pk, now=timezone.now() + timedelta(seconds=65))
    call = call_of(waiting)
    assert (call.status, call.ended_at is not None) == ("failed", True)


def test_twilio_being_away_spoils_nothing(lossy: Scene, settings: Any) -> None:
    settings.TWILIO_SANDBOX_URL = "http://127.0.0.1:9"
    reconcile.sweep_tenant(lossy.room.tenant_id, now=timezone.now() + LATER)
    assert call_of(lossy).ended_at is None


def test_a_sweep_touches_its_own_tenant_only(lossy: Scene, cast: Any) -> None:
    with tenant_transaction(cast.borealis.pk):
        foreign = Conference.objects.create(
            agent=cast.charlie.user, client_request_id=uuid.uuid4(), account_sid="AC0"
        )
    reconcile.sweep_tenant(cast.acme.pk, now=timezone.now() + LATER)
    with tenant_transaction(cast.borealis.pk):
        foreign.refresh_from_db()
    assert foreign.checked_at is None
