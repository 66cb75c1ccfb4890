"""The sweep: no call stays open, no recording is lost, whatever callbacks got lost."""

import itertools
import uuid
from datetime import timedelta
from typing import Any

import pytest
import requests
from celery import Celery, signals
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calls import gateway, tasks
from calls.facts import states
from calls.facts.refusals import Refusal
from calls.gateway import addresses
from calls.gateway.accounts import account_of
from calls.models import CallLeg, CallLog, Conference, Recording, UnroutedEvent
from calls.services import reconcile
from calls.services.dialing import place_call
from calls.services.rooms import findings, progress
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import Scene, admitted, scene_of, sid
from tenants import doors
from tenants.bricks import turns
from tenants.fence.context import tenant_transaction
from tenants.models import Session
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
    say_of_the_agents_leg(monkeypatch, waiting, "in-progress")
    site.sandbox.fault("webhook-drop", match="call-status", times=1000)
    site.sandbox.fault("webhook-drop", match="recording-status", times=1000)
    assert make_call(signed_in(waiting.member), waiting.request_id, "+14155550105") == 201
    return waiting


def say_of_the_agents_leg(monkeypatch: Any, scene: Scene, status: str, *more: Any) -> None:
    """What REST says of it (`more`: its end and its length); of all others, the sandbox."""
    real = gateway.fetch_call

    def fetch_call(account: Any, sid: str) -> Any:
        if sid == scene.agent_leg.call_sid:
            return gateway.CallFacts(sid, status, *(more or (None, None)))
        return real(account, sid)

    monkeypatch.setattr(gateway, "fetch_call", fetch_call)


def make_call(client: Client, request_id: uuid.UUID, number: str) -> int:
    body = {"clientRequestId": str(request_id), "to": number}
    return client.post("/api/twilio/make-call", body, content_type="application/json").status_code


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
    eventually(lambda: over_at_sandbox(sandbox, call_of(lossy)))
    assert call_of(lossy).ended_at is None
    assert all(fault["fired"] for fault in sandbox.faults() if "call-status" in fault["match"])
    tenant_id = lossy.room.tenant_id
    reconcile.sweep_tenant(tenant_id, now=timezone.now() + LATER)
    call = call_of(lossy)
    assert (call.status, call.outcome) == ("completed", "completed")
    assert call.duration is not None and 3 <= call.duration <= 15
    assert call.answered_at is not None
    looks = itertools.count(1)

    def found() -> bool:
        late = timezone.now() + next(looks) * timedelta(minutes=3)
        reconcile.sweep_tenant(tenant_id, now=late)
        with tenant_transaction(tenant_id):
            return Recording.objects.filter(state="waiting", call=call).exists()

    eventually(found)


def test_the_sweep_finds_its_rooms_by_an_index(cast: Any, monkeypatch: Any) -> None:
    """It asks each half minute, of a table that only grows."""
    if connection.vendor != "postgresql":
        pytest.skip("the plan is PostgreSQL's")
    with tenant_transaction(cast.acme.pk):
        Conference.objects.bulk_create(
            Conference(
                tenant=cast.acme,
                agent=cast.bob.user,
                client_request_id=uuid.uuid4(),
                next_look_at=None,
            )
            for _ in range(300)
        )
    with everything_visible(), connection.cursor() as cursor:
        cursor.execute("ANALYZE calls_conference")
    with CaptureQueriesContext(connection) as queries:
        reconcile.sweep_tenant(cast.acme.pk, now=timezone.now())
    (asked,) = [query["sql"] for query in queries if '"next_look_at" <=' in query["sql"]]
    with tenant_transaction(cast.acme.pk), connection.cursor() as cursor:
        for way in ("seqscan", "bitmapscan"):  # which pay on so few rows
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN {asked}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "using conference_look on calls_conference" in plan, plan


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
    foreign_look = foreign.next_look_at
    reconcile.sweep_tenant(cast.acme.pk, now=timezone.now() + LATER)
    with tenant_transaction(cast.borealis.pk):
        foreign.refresh_from_db()
    assert foreign.next_look_at == foreign_look


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
    eventually(lambda: sandbox.state()["calls"][-1]["status"] == "completed")
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
    findings.hear_facts(wrong, gateway.CallFacts(made, "completed", timezone.now(), 4))
    findings.conclude(right, states.NEVER_MADE, why="guessed")
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


# --- nobody starves -------------------------------------------------------------------------------


@pytest.fixture
def facts(monkeypatch: Any) -> dict[str, gateway.CallFacts]:
    """What Twilio says of each call by its SID; where nothing is put, that it goes on."""
    told: dict[str, gateway.CallFacts] = {}

    def fetch_call(account: Any, sid: str) -> gateway.CallFacts:
        return told.get(sid) or gateway.CallFacts(sid, "in-progress", None, None)

    monkeypatch.setattr(gateway, "fetch_call", fetch_call)
    monkeypatch.setattr(gateway, "find_participant", lambda account, room, label: None)
    monkeypatch.setattr(gateway, "hang_up", lambda account, sid, ringing: None)
    return told


def rooms_of(cast: Any, count: int, **more: Any) -> list[CallLeg]:
    """As many rooms in which an agent is, with a call; the agents' legs."""
    legs = []
    with tenant_transaction(cast.acme.pk):
        for _ in range(count):
            room = Conference.objects.create(
                agent=cast.bob.user,
                client_request_id=uuid.uuid4(),
                account_sid=settings.TWILIO_ACCOUNT_SID,
                **more,
            )
            an_outbound_call(cast.acme, conference=room)
            leg = CallLeg(conference=room, party="agent", user=cast.bob.user, call_sid=sid("CA"))
            leg.save()
            legs.append(leg)
    return legs


def test_long_calls_hide_no_ended_ones(
    cast: Any, facts: dict[str, gateway.CallFacts], monkeypatch: Any
) -> None:
    """More long calls than are looked at at once, and all of them older."""
    monkeypatch.setattr(reconcile, "AT_ONCE", 20)
    now = timezone.now()
    rooms_of(cast, 21, next_look_at=now - timedelta(hours=2))
    ended = rooms_of(cast, 5, next_look_at=now - timedelta(hours=1))
    for leg in ended:
        facts[leg.call_sid or ""] = gateway.CallFacts(leg.call_sid or "", "completed", now, 9)
    for half_minutes in range(2):
        reconcile.sweep_tenant(cast.acme.pk, now=now + half_minutes * timedelta(seconds=30))
    with tenant_transaction(cast.acme.pk):
        found = CallLeg.objects.filter(pk__in=[leg.pk for leg in ended])
        assert {leg.status for leg in found} == {"completed"}


def test_what_there_is_no_time_for_comes_first_in_the_next_sweep(
    cast: Any, facts: dict[str, gateway.CallFacts], monkeypatch: Any
) -> None:
    now = timezone.now()
    legs = rooms_of(cast, 3, next_look_at=now)
    monkeypatch.setattr(reconcile, "PATIENCE", -1.0)
    reconcile.sweep_tenant(cast.acme.pk, now=now)
    with tenant_transaction(cast.acme.pk):
        assert Conference.objects.filter(next_look_at=now).count() == 3
    monkeypatch.setattr(reconcile, "PATIENCE", 10.0)
    reconcile.sweep_tenant(cast.acme.pk, now=now)
    with tenant_transaction(cast.acme.pk):
        assert not Conference.objects.filter(next_look_at=now).exists()
        found = CallLeg.objects.filter(pk__in=[leg.pk for leg in legs])
        assert {leg.status for leg in found} == {"in-progress"}


def test_a_twilio_that_hangs_is_not_asked_about_each_room(
    cast: Any, settings: Any, monkeypatch: Any
) -> None:
    asked = []

    def hang(*args: Any, **options: Any) -> None:
        asked.append(1)
        raise requests.ReadTimeout("no answer")

    monkeypatch.setattr("requests.Session.send", hang)
    now = timezone.now()
    rooms_of(cast, 12, next_look_at=now)
    reconcile.sweep_tenant(cast.acme.pk, now=now)
    assert len(asked) == 3
    with tenant_transaction(cast.acme.pk):
        assert Conference.objects.filter(closed_at=None).count() == 12


def ended_call(cast: Any, ended_at: Any) -> Conference:
    """Answered and recorded, of whose recording nothing was heard."""
    (leg,) = rooms_of(cast, 1)
    with tenant_transaction(cast.acme.pk):
        room = Conference.objects.get(pk=leg.conference_id)
        room.closed_at, room.next_look_at = ended_at, ended_at + timedelta(minutes=2)
        room.save()
        CallLeg.objects.filter(conference=room).update(status="completed")
        CallLog.objects.filter(conference=room).update(
            is_recorded=True, answered_at=ended_at, ended_at=ended_at, twilio_call_sid=sid("CA")
        )
    return room


def test_a_recording_is_looked_for_ever_more_seldom_and_hides_no_other(
    cast: Any, monkeypatch: Any
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(reconcile, "AT_ONCE", 20)

    def find(account: Any, sid: str) -> list[Any]:
        asked.append(sid)
        return []

    monkeypatch.setattr(gateway, "find_recordings", find)
    now = timezone.now()
    rooms = [ended_call(cast, now) for _ in range(3)]
    for minutes in [*range(0, 60, 1), *range(60, 8 * 24 * 60, 30)]:
        reconcile.sweep_tenant(cast.acme.pk, now=now + timedelta(minutes=minutes))
    assert 3 * 10 <= len(asked) <= 3 * 50
    with tenant_transaction(cast.acme.pk):
        kept = Conference.objects.filter(pk__in=[room.pk for room in rooms])
        assert {room.next_look_at for room in kept} == {None}


def test_of_a_call_that_lacks_nothing_twilio_is_not_asked(cast: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(gateway, "find_recordings", lambda account, sid: pytest.fail("asked"))
    now = timezone.now()
    room = ended_call(cast, now)
    with tenant_transaction(cast.acme.pk):
        call = CallLog.objects.get(conference=room)
        Recording.objects.create(call=call, sid=sid("RE"), account_sid="AC0", state="stored")
    reconcile.sweep_tenant(cast.acme.pk, now=now + timedelta(minutes=3))
    with tenant_transaction(cast.acme.pk):
        assert Conference.objects.get(pk=room.pk).next_look_at is None


@pytest.mark.parametrize("said", [("completed", 40), ("in-progress", None), None])
def test_the_end_of_who_left_is_asked_for_when_it_was_not_heard(
    cast: Any, dialled: Scene, monkeypatch: Any, said: Any
) -> None:
    """Their leaving closed the room; the end of their browser's call got lost."""
    at = timezone.now()
    dialled.hear(states.CALL, "completed", dialled.contact_leg, at=at, duration=30)
    dialled.hear(states.CONFERENCE, "participant-leave", dialled.agent_leg, at=at)
    tenant_id = dialled.room.tenant_id

    def facts(account: Any, sid: str) -> Any:
        assert sid == dialled.agent_leg.call_sid
        return said and gateway.CallFacts(sid, said[0], at if said[1] else None, said[1])

    with tenant_transaction(tenant_id):
        CallLog.objects.update(is_recorded=False)
    monkeypatch.setattr(gateway, "fetch_call", facts)
    reconcile.look_at(tenant_id, dialled.room.pk, now=at + timedelta(minutes=3))
    with tenant_transaction(tenant_id):
        dialled.agent_leg.refresh_from_db()
        dialled.room.refresh_from_db()
    is_up = said == ("in-progress", None)
    assert (dialled.agent_leg.status == "completed") is not is_up
    if said == ("completed", 40):
        assert dialled.agent_leg.duration == 40
    assert (dialled.room.next_look_at is not None) is is_up


def test_the_sweep_takes_up_files_of_contacts_of_every_workspace(
    cast: Any, monkeypatch: Any
) -> None:
    taken: list[Any] = []
    monkeypatch.setattr("calls.tasks.take_up_imports", taken.append)
    monkeypatch.setattr(settings, "TWILIO_ACCOUNT_SID", "")  # needs no account
    tasks.sweep()
    assert {cast.acme.pk, cast.borealis.pk} <= set(taken)


def test_one_sweep_at_a_time(db: None, monkeypatch: Any) -> None:
    begun: list[int] = []

    def tenants() -> list[Any]:
        begun.append(1)
        tasks.sweep()  # beat's next one, on another worker
        return []

    monkeypatch.setattr(doors, "all_tenants", tenants)
    cache.delete("turn:sweep")  # a worker of other tests may be at it
    tasks.sweep()
    assert len(begun) == 1
    tasks.sweep()
    assert len(begun) == 2


def test_the_sweep_drops_sessions_that_have_expired_once_an_hour(
    db: None, monkeypatch: Any
) -> None:
    due = [True, False]
    monkeypatch.setattr(doors, "all_tenants", list)
    monkeypatch.setattr(turns, "take", lambda name, seconds: due.pop(0))
    cache.delete("turn:sweep")
    for is_left in (False, True):
        Session.objects.create(session_key="old", session_data="", expire_date=timezone.now())
        tasks.sweep()
        assert Session.objects.exists() is is_left
    assert due == []


def test_a_worker_sweeps_when_it_begins(monkeypatch: Any) -> None:
    sent: list[str] = []
    monkeypatch.setattr(Celery, "send_task", lambda self, name: sent.append(name))
    signals.worker_ready.send(sender=None)
    assert sent == ["calls.tasks.sweep"]


# --- whatever was lost, not only the end ----------------------------------------------------------


def test_a_lost_answer_of_the_contact_is_found(lossy: Scene, sandbox: Any, eventually: Any) -> None:
    def talks() -> bool:
        calls = {call["sid"]: call["status"] for call in sandbox.state()["calls"]}
        return calls[call_of(lossy).twilio_call_sid] == "in-progress"

    eventually(talks)
    assert call_of(lossy).status == "queued"
    reconcile.sweep_tenant(lossy.room.tenant_id, now=timezone.now() + LATER)
    call = call_of(lossy)
    assert (call.status, call.answered_at is not None) == ("in-progress", True)


def test_a_lost_join_of_the_agent_does_not_wait_for_the_sweep(
    site: Any, cast: Any, signed_in: Any, monkeypatch: Any, eventually: Any
) -> None:
    request_id = uuid.uuid4()
    room, leg = admitted(cast.bob, account_of(cast.acme.pk), request_id)
    monkeypatch.setattr(
        gateway,
        "fetch_call",
        lambda account, sid: gateway.CallFacts(sid, "in-progress", None, None),
    )
    monkeypatch.setattr(gateway, "find_participant", lambda account, room, label: leg.call_sid)
    client: Client = signed_in(cast.bob)

    def ask() -> int:
        return make_call(client, request_id, "+14155550101")

    assert ask() == 409
    eventually(lambda: ask() == 201, every=0.25)


def test_a_refusal_whose_callback_was_lost_is_told_by_twilios_events(
    site: Any, waiting: Scene, signed_in: Any, sandbox: Any, eventually: Any, monkeypatch: Any
) -> None:
    """Number 104 declines (603); of its end only REST tells, which says *busy*."""
    say_of_the_agents_leg(monkeypatch, waiting, "completed", timezone.now(), 9)
    sandbox.fault("webhook-drop", match="call-status", times=1000)
    assert make_call(signed_in(waiting.member), waiting.request_id, "+14155550104") == 201

    def over() -> bool:
        calls = {call["sid"]: call["status"] for call in sandbox.state()["calls"]}
        return calls[call_of(waiting).twilio_call_sid] == "busy"

    eventually(over)
    now = timezone.now()
    reconcile.sweep_tenant(waiting.room.tenant_id, now=now + LATER)
    assert call_of(waiting).outcome == "busy"

    def told() -> bool:
        with tenant_transaction(waiting.room.tenant_id):
            Conference.objects.update(next_look_at=now, closed_at=now)
        reconcile.sweep_tenant(waiting.room.tenant_id, now=now + timedelta(minutes=20))
        return call_of(waiting).outcome == "declined"

    eventually(told)
    with tenant_transaction(waiting.room.tenant_id):
        assert Conference.objects.get().next_look_at is None
