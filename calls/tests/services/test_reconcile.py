"""The sweep: no call stays open, no recording is lost, whatever callbacks got lost."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calls import gateway
from calls.facts import states
from calls.facts.refusals import Refusal
from calls.gateway import addresses
from calls.models import CallLeg, CallLog, Conference, Recording, UnroutedEvent
from calls.services import reconcile
from calls.services.dialing import place_call
from calls.services.rooms import progress
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import Scene, scene_of, sid
from tenants.fence.context import tenant_transaction
from tenants.tests.database import everything_visible

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


def test_lost_recordings_are_looked_for_among_the_calls_of_late(
    cast: Any, monkeypatch: Any
) -> None:
    """By an index: the sweep asks each half minute, of a table that only grows."""
    if connection.vendor != "postgresql":
        pytest.skip("the plan is PostgreSQL's")
    now = timezone.now()
    monkeypatch.setattr(gateway, "find_recordings", lambda account, sid: [])
    for days in range(1, 300):
        an_outbound_call(
            cast.acme,
            started_at=now - timedelta(days=days),
            answered_at=now - timedelta(days=days),
            ended_at=now - timedelta(days=days),
            twilio_call_sid=sid("CA"),
            is_recorded=True,
        )
    with everything_visible(), connection.cursor() as cursor:
        cursor.execute("ANALYZE calls_calllog")
    with CaptureQueriesContext(connection) as queries:
        reconcile._find_lost_recordings(cast.acme.pk, now)
    (asked,) = [query["sql"] for query in queries if "is_recorded" in query["sql"]]
    with tenant_transaction(cast.acme.pk), connection.cursor() as cursor:
        for way in ("seqscan", "bitmapscan"):  # which pay on so few rows
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN {asked}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "using call_history on calls_calllog" in plan, plan


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


# --- calls of lost answers ------------------------------------------------------------------------


def dial(scene: Scene, sandbox: Any, fault: str) -> None:
    """Ask for a call to a handset that hangs up by itself; the answer is lost."""
    sandbox.fault(fault, match="Participants")
    with pytest.raises(Refusal) as refused:
        ask_again(scene)
    assert refused.value.code == "submission_unknown"
    assert sandbox.faults()[-1]["fired"] == 1


def ask_again(scene: Scene) -> None:
    place_call(
        scene.member.tenant,
        agent=scene.member,
        client_request_id=scene.request_id,
        to="+14155550105",
    )


@pytest.fixture
def swapped(site: Any, cast: Any, sandbox: Any, monkeypatch: Any, eventually: Any) -> Any:
    """Bob's call was never made, Alice's to the same number was, and is over; nothing was told."""
    real = gateway.fetch_call

    def fetch_call(account: Any, sid: str) -> Any:
        return real(account, sid) or gateway.CallFacts(sid, "in-progress", None, None)

    monkeypatch.setattr(gateway, "fetch_call", fetch_call)
    sandbox.fault("webhook-drop", match="api/twilio", times=1000)
    bob, alice = scene_of(cast.bob), scene_of(cast.alice)
    dial(bob, sandbox, "rest-drop")
    dial(alice, sandbox, "rest-accept-then-drop")
    eventually(lambda: sandbox.state()["calls"][-1]["status"] == "completed", 20)
    return bob, alice


def sweep(scene: Scene) -> None:
    reconcile.sweep_tenant(scene.room.tenant_id, now=timezone.now() + timedelta(seconds=65))


def test_two_lost_answers_for_one_number_are_not_swapped(swapped: Any, sandbox: Any) -> None:
    bob, alice = swapped
    sweep(bob)
    made = sandbox.state()["calls"][-1]["sid"]
    assert (alice.fresh().status, alice.fresh().twilio_call_sid) == ("completed", made)
    assert alice.fresh().duration >= 3
    assert (bob.fresh().status, bob.fresh().twilio_call_sid) == ("failed", None)
    with pytest.raises(Refusal, match="Nothing was dialled"):
        ask_again(bob)


def test_who_may_still_be_told_of_is_not_given_up(
    swapped: Any, sandbox: Any, monkeypatch: Any
) -> None:
    """For a quarter of an hour Twilio does not say what it has asked of us about a call."""
    bob, alice = swapped
    with monkeypatch.context() as early:
        early.setattr(gateway, "requests_about", lambda account, sid: [])
        sweep(bob)
        assert [scene.fresh().ended_at for scene in swapped] == [None, None]
        assert [scene.fresh().twilio_call_sid for scene in swapped] == [None, None]
        # It never says so of a call that somebody else has made with our number.
        reconcile.sweep_tenant(bob.room.tenant_id, now=timezone.now() + timedelta(minutes=31))
        assert [scene.fresh().status for scene in swapped] == ["failed", "failed"]


def test_what_was_given_to_a_wrong_leg_is_put_right_by_its_own_callback(
    swapped: Any, sandbox: Any, webhook: Any
) -> None:
    bob, alice = swapped
    made = sandbox.state()["calls"][-1]["sid"]
    with tenant_transaction(bob.room.tenant_id):
        wrong, right = (
            CallLeg.objects.get(conference=scene.room, party="contact") for scene in swapped
        )
        progress.bind_sid(wrong, made)
    progress.hear_facts(wrong, gateway.CallFacts(made, "completed", timezone.now(), 4))
    progress.conclude(right, states.NEVER_MADE, why="guessed")
    assert (bob.fresh().status, alice.fresh().status) == ("completed", "failed")

    path = addresses.leg_status(bob.room.tenant_id, right.pk)
    path = path.removeprefix(settings.PUBLIC_BASE_URL).partition("#")[0]
    fields = {"CallSid": made, "SequenceNumber": "3", "CallDuration": "4"}
    assert webhook(path, CallStatus="completed", **fields).status_code == 204
    assert UnroutedEvent.objects.count() == 0
    assert (alice.fresh().status, alice.fresh().twilio_call_sid) == ("completed", made)
    assert (bob.fresh().ended_at, bob.fresh().twilio_call_sid) == (None, None)
    assert bob.fresh().submission == "unknown"
    sweep(bob)
    assert (bob.fresh().status, alice.fresh().status) == ("failed", "completed")
