"""Dialling against the sandbox: once, only with an agent in the room, never in doubt for long."""

import signal
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from celery import Task
from django.db import connection
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError

from calls import gateway, tasks
from calls.facts.rooms import Step
from calls.models import CallLeg, CallLog, Conference
from calls.services import dialing, reconcile
from calls.services.rooms import tending
from calls.tests.conftest import Scene, scene_of, sid
from contacts.services import create_contact
from tenants.fence.context import tenant_transaction
from tenants.models import Membership

MAKE_CALL = "/api/twilio/make-call"


@pytest.fixture
def ready(site: Any, committed_cast: Any, waiting: Scene, signed_in: Any) -> Any:
    """Bob waits in his room; the client is his; the sandbox is there."""
    signed_in(waiting.member)
    return waiting


@pytest.fixture
def cast(committed_cast: Any) -> Any:
    """Committed, since the sandbox's callbacks come to another process."""
    return committed_cast


def ask(client: Client, scene: Scene, **more: Any) -> Any:
    body = {"clientRequestId": str(scene.request_id), "to": "+14155550100"} | more
    return client.post(MAKE_CALL, body, content_type="application/json")


def dialled_at(sandbox: Any, number: str = "+14155550100") -> list[Any]:
    return [call for call in sandbox.state()["calls"] if call["to"] == number]


def new_calls(sandbox: Any, before: list[Any], number: str = "+14155550100") -> list[Any]:
    known = {call["sid"] for call in before}
    return [call for call in dialled_at(sandbox, number) if call["sid"] not in known]


def call_of(scene: Scene) -> CallLog:
    with tenant_transaction(scene.room.tenant_id):
        return CallLog.objects.select_related("contact").get(conference=scene.room)


def test_a_contact_is_rung_into_the_room_where_the_agent_waits(
    ready: Scene, client: Client, sandbox: Any, eventually: Any
) -> None:
    response = ask(client, ready)
    assert response.status_code == 201, response.content
    answer = response.json()
    assert set(answer) == {
        "callSid",
        "callLogId",
        "status",
        "direction",
        "fromNumber",
        "toNumber",
        "contact",
        "startedAt",
        "recording",
    }
    assert answer["contact"]["name"] == "Maria of Acme"
    assert answer["fromNumber"] == "+14155550199"
    assert answer["recording"] == {"mode": "on", "consent": "none"}
    found = next(c for c in sandbox.state()["calls"] if c["sid"] == answer["callSid"])
    assert (found["from"], found["to"]) == ("+14155550199", "+14155550100")
    eventually(lambda: call_of(ready).status == "in-progress")


def test_a_number_of_several_contacts_is_called_as_none_of_them(
    ready: Scene, client: Client, sandbox: Any
) -> None:
    with tenant_transaction(ready.room.tenant_id):
        juan = create_contact(
            ready.member.tenant, name="Juan", numbers=[("+14155550100", ""), ("+14155550101", "")]
        )
    answer = ask(client, ready)
    assert (answer.status_code, answer.json()["contact"]) == (201, None)
    with tenant_transaction(ready.room.tenant_id):
        call = call_of(ready)
        possible = [each.contact.name for each in call.possible.all()]
    assert (call.meant, possible) == (2, ["Maria of Acme", "Juan"])
    # The same again is the same call, also when its number has got one contact less meanwhile.
    with tenant_transaction(ready.room.tenant_id):
        juan.delete()
    again = ask(client, ready)
    assert (again.status_code, again.json()["contact"]) == (200, None)


def test_the_same_request_again_is_the_same_call(
    ready: Scene, client: Client, sandbox: Any
) -> None:
    before = dialled_at(sandbox)
    first, second = ask(client, ready), ask(client, ready)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["callSid"] == second.json()["callSid"]
    assert len(new_calls(sandbox, before)) == 1


def test_twenty_requests_at_once_ring_one_phone(ready: Scene, client: Client, sandbox: Any) -> None:
    before = dialled_at(sandbox)
    answers: list[int] = []

    def click() -> None:
        own = Client()
        own.cookies = client.cookies
        answers.append(ask(own, ready).status_code)
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers).count(201) == 1
    assert set(answers) <= {200, 201, 409, 503}  # 503: too many at once, to be asked again
    assert len(new_calls(sandbox, before)) == 1
    with tenant_transaction(ready.room.tenant_id):
        assert CallLog.objects.count() == 1


def test_a_request_used_for_another_number_is_refused(ready: Scene, client: Client) -> None:
    assert ask(client, ready).status_code == 201
    again = ask(client, ready, to="+14155550101")
    assert (again.status_code, again.json()["error"]["code"]) == (422, "number_mismatch")


def test_nobody_is_rung_before_an_agent_is_in_the_room(
    ready: Scene, client: Client, sandbox: Any
) -> None:
    before = dialled_at(sandbox)
    unknown = ask(client, ready, clientRequestId=str(uuid.uuid4()))
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (409, "agent_not_connected")
    ready.hear("conference", "participant-leave", ready.agent_leg)
    gone = ask(client, ready)
    assert (gone.status_code, gone.json()["error"]["code"]) == (409, "agent_not_connected")
    assert new_calls(sandbox, before) == []
    with tenant_transaction(ready.room.tenant_id):
        assert not CallLog.objects.exists()


def test_another_agents_room_cannot_be_used(
    ready: Scene, cast: Any, client: Client, sandbox: Any
) -> None:
    for stranger in (cast.alice, cast.charlie):
        client.force_login(stranger.user)
        response = ask(client, ready, to="+14155550100")
        assert (response.status_code, response.json()["error"]["code"]) == (
            409,
            "agent_not_connected",
        )


def test_an_agent_in_another_call_is_busy(ready: Scene, cast: Any, client: Client) -> None:
    assert ask(client, ready).status_code == 201
    with tenant_transaction(cast.acme.pk):
        second = Conference.objects.create(
            agent=cast.bob.user, client_request_id=uuid.uuid4(), account_sid=ready.room.account_sid
        )
        CallLeg.objects.create(
            conference=second, user=cast.bob.user, party="agent", joined_at=timezone.now()
        )
    response = ask(client, ready, clientRequestId=str(second.client_request_id))
    assert (response.status_code, response.json()["error"]["code"]) == (409, "agent_busy")


def test_an_agent_who_leaves_while_it_is_dialled_has_canceled(
    ready: Scene, client: Client, sandbox: Any
) -> None:
    """Twilio has ended the room, and has not told us yet."""
    before = dialled_at(sandbox)
    with tenant_transaction(ready.room.tenant_id):
        Conference.objects.filter(pk=ready.room.pk).update(conference_sid=sid("CF"))
    answers = [ask(client, ready) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [409, 409]
    said = {(a.json()["error"]["code"], a.json()["error"]["message"]) for a in answers}
    assert said == {("agent_not_connected", "You left before anyone was dialled.")}
    assert (call_of(ready).outcome, call_of(ready).error_code) == ("canceled", None)
    assert new_calls(sandbox, before) == []


def test_of_two_rooms_in_which_an_agent_waits_the_first_to_dial_wins(
    ready: Scene, client: Client
) -> None:
    """Two browsers, each connected before the other one has dialled."""
    other = scene_of(ready.member)
    answers = [ask(client, scene) for scene in (other, ready, other)]
    assert [answer.status_code for answer in answers] == [201, 409, 200]
    assert answers[1].json()["error"]["code"] == "agent_busy"


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"to": "12"}, 400, "invalid_number"),
        ({"to": ""}, 400, "invalid_number"),
        ({"to": None}, 400, "invalid_number"),
        ({"to": "911"}, 422, "emergency_blocked"),
        ({"to": "+1 900 555 0100"}, 422, "premium_blocked"),
        ({"to": None, "contactId": str(uuid.uuid4())}, 404, "contact_not_found"),
        ({"fromNumberId": str(uuid.uuid4())}, 409, "no_caller_id"),
        ({"agentMode": "phone"}, 422, "not_supported"),
        ({"related": {"type": "deal", "id": "1"}}, 422, "not_supported"),
        ({"agentMode": "carrier pigeon"}, 400, "invalid_request"),
        ({"contactId": "nonsense"}, 400, "invalid_request"),
        ({"clientRequestId": "nonsense"}, 400, "invalid_request"),
        ({"clientRequestId": None}, 400, "invalid_request"),
        ({"to": ["+14155550100"]}, 400, "invalid_request"),
        ({"tenantId": "x"}, 400, "invalid_request"),
        ({"to": "+1" * 60}, 400, "invalid_request"),
    ],
)
def test_a_bad_request_is_refused_with_its_code(
    ready: Scene, client: Client, more: dict[str, Any], status: int, code: str
) -> None:
    response = ask(client, ready, **more)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert response.json()["error"]["message"]
    with tenant_transaction(ready.room.tenant_id):
        assert not CallLog.objects.exists()


def test_a_contact_of_another_workspace_does_not_exist(
    ready: Scene, cast: Any, client: Client
) -> None:
    foreign = ask(client, ready, to=None, contactId=str(cast.borealis_maria.pk))
    nobody = ask(client, ready, to=None, contactId=str(uuid.uuid4()))
    assert foreign.status_code == nobody.status_code == 404
    assert foreign.content == nobody.content


def test_a_contact_and_a_number_must_fit(ready: Scene, cast: Any, client: Client) -> None:
    wrong = ask(client, ready, to="+14155550101", contactId=str(cast.acme_maria.pk))
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "number_mismatch")
    right = ask(client, ready, to="(415) 555-0100", contactId=str(cast.acme_maria.pk))
    assert right.status_code == 201


def test_without_a_session_or_a_csrf_token_nothing_is_dialled(ready: Scene, client: Client) -> None:
    assert ask(Client(), ready).status_code == 401
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert ask(strict, ready).status_code == 403
    with tenant_transaction(ready.room.tenant_id):
        assert not CallLog.objects.exists()


def test_a_refusal_of_twilio_closes_the_call_and_says_why(
    ready: Scene, client: Client, sandbox: Any
) -> None:
    response = ask(client, ready, to="+14155550107")
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "twilio_error"
    assert response.json()["error"]["details"]["twilioCode"] == 21214
    call = call_of(ready)
    assert (call.status, call.submission, call.error_code) == ("failed", "refused", 21214)
    again = ask(client, ready, to="+14155550107")
    assert again.status_code == 502, "the same request is the same refused call"


def test_twilio_down_says_so_and_leaves_no_call_open(
    ready: Scene, client: Client, settings: Any
) -> None:
    settings.TWILIO_SANDBOX_URL = "http://127.0.0.1:9"
    response = ask(client, ready)
    assert (response.status_code, response.json()["error"]["code"]) == (502, "twilio_error")
    assert "Nothing was dialled" in response.json()["error"]["message"]
    assert call_of(ready).ended_at is not None


@pytest.mark.parametrize("times", [1, 9])
def test_too_many_requests_are_waited_out_or_told(
    ready: Scene, client: Client, sandbox: Any, times: int
) -> None:
    sandbox.fault("rest-error", match="/Participants", status=429, code=20429, times=times)
    before = dialled_at(sandbox)
    response = ask(client, ready)
    assert sandbox.faults()[0]["fired"] >= 1
    if times == 1:
        assert response.status_code == 201
        assert len(new_calls(sandbox, before)) == 1
    else:
        assert (response.status_code, response.json()["error"]["code"]) == (429, "rate_limited")
        assert call_of(ready).ended_at is not None
        again = ask(client, ready)  # the same request has the same answer
        assert (again.status_code, again.json()["error"]["code"]) == (429, "rate_limited")


def test_a_lost_answer_is_bound_by_the_first_callback_and_never_dialled_again(
    ready: Scene, client: Client, sandbox: Any, eventually: Any
) -> None:
    sandbox.fault("rest-accept-then-drop", match="/Participants")
    before = dialled_at(sandbox)
    response = ask(client, ready)
    assert sandbox.faults()[0]["fired"] == 1
    assert (response.status_code, response.json()["error"]["code"]) == (503, "submission_unknown")
    assert response.json()["error"]["details"]["callLogId"] == str(call_of(ready).pk)
    eventually(lambda: call_of(ready).twilio_call_sid)
    made = new_calls(sandbox, before)
    assert [call["sid"] for call in made] == [call_of(ready).twilio_call_sid]
    assert ask(client, ready).status_code == 200
    assert len(new_calls(sandbox, before)) == 1
    eventually(lambda: call_of(ready).status == "in-progress")


def test_a_lost_answer_without_callbacks_is_found_by_the_sweep(
    ready: Scene, client: Client, sandbox: Any
) -> None:
    sandbox.fault("rest-accept-then-drop", match="/Participants")
    sandbox.fault("webhook-drop", match="call-status", times=1000)
    assert ask(client, ready).status_code == 503
    assert call_of(ready).twilio_call_sid is None
    reconcile.sweep_tenant(ready.room.tenant_id, now=timezone.now() + timedelta(seconds=61))
    call = call_of(ready)
    assert call.submission == "accepted"
    assert call.twilio_call_sid in {found["sid"] for found in dialled_at(sandbox)}


def test_a_request_that_never_arrived_is_concluded_by_the_sweep(
    ready: Scene, client: Client, sandbox: Any
) -> None:
    unused = "+14155560109"  # the sandbox remembers the calls of earlier tests
    sandbox.fault("rest-drop", match="/Participants")
    before = dialled_at(sandbox, unused)
    assert ask(client, ready, to=unused).status_code == 503
    assert sandbox.faults()[0]["fired"] == 1
    now = timezone.now()
    reconcile.sweep_tenant(ready.room.tenant_id, now=now + timedelta(seconds=40))
    assert call_of(ready).ended_at is None, "too early to conclude anything"
    reconcile.sweep_tenant(ready.room.tenant_id, now=now + timedelta(seconds=80))
    assert (call_of(ready).status, call_of(ready).outcome) == ("failed", "failed")
    assert new_calls(sandbox, before, unused) == []


def test_callbacks_that_overtake_the_answer_are_understood(
    ready: Scene, client: Client, sandbox: Any, eventually: Any
) -> None:
    sandbox.fault("callback-before-answer", match="/Participants", seconds=1)
    response = ask(client, ready)
    assert sandbox.faults()[0]["fired"] == 1
    assert response.status_code == 201
    assert response.json()["callSid"] == call_of(ready).twilio_call_sid
    eventually(lambda: call_of(ready).status == "in-progress")


def test_an_agent_who_leaves_during_the_request_ends_the_call(
    ready: Scene, sandbox: Any, cast: Any, monkeypatch: Any, eventually: Any
) -> None:
    real = gateway.dial_participant

    def leave_meanwhile(*args: Any, **kwargs: Any) -> str:
        call_sid = real(*args, **kwargs)
        ready.hear("conference", "participant-leave", ready.agent_leg)
        return call_sid

    monkeypatch.setattr(gateway, "dial_participant", leave_meanwhile)
    placed = dialing.place_call(
        cast.acme, agent=cast.bob, client_request_id=ready.request_id, to="+14155550103"
    )
    assert placed.closing is not None
    assert tending.tend_room(cast.acme.pk, placed.closing.pk) == "close"
    eventually(lambda: call_of(ready).outcome == "canceled")


@pytest.mark.parametrize("failures", [0, 2])
def test_the_end_waits_neither_for_a_worker_nor_for_the_sweep(
    ready: Scene,
    client: Client,
    sandbox: Any,
    site: Any,
    eventually: Any,
    monkeypatch: Any,
    failures: int,
) -> None:
    """No broker takes a task, no worker is there, and the first hang-ups fail."""
    site.processes.children["worker"].send_signal(signal.SIGSTOP)
    monkeypatch.setattr(Task, "apply_async", refuse_task)
    try:
        sid = ask(client, ready).json()["callSid"]
        eventually(lambda: call_of(ready).status == "in-progress")
        if failures:
            sandbox.fault("rest-error", match=f"Calls/{sid}", status=503, times=failures)
        ended = client.post("/calls/end", {"request": str(ready.request_id)})
        assert ended.status_code == 204
        eventually(lambda: call_of(ready).outcome == "completed")
        assert [fault["fired"] for fault in sandbox.faults()] == [failures] * bool(failures)
    finally:
        site.processes.children["worker"].send_signal(signal.SIGCONT)


def test_what_nobody_comes_back_to_ends_without_a_worker(
    ready: Scene, eventually: Any, monkeypatch: Any
) -> None:
    """The contact is on hold, and no callback will come."""
    seen: list[Any] = []

    def tend(*room: Any) -> Step:
        seen.append(room)
        return Step.HOLD if len(seen) == 1 else Step.CLOSE

    monkeypatch.setattr(tending, "tend_room", tend)
    monkeypatch.setattr(tasks, "COME_BACK", timedelta(seconds=-0.9))
    monkeypatch.setattr(Task, "apply_async", refuse_task)
    tasks.tend_now(ready.room.tenant_id, ready.room.pk)
    eventually(lambda: seen == [(ready.room.tenant_id, ready.room.pk)] * 2)


def refuse_task(*args: Any, **options: Any) -> None:
    raise OperationalError("no broker")


def test_whoever_is_no_longer_a_member_cannot_dial(ready: Scene, cast: Any, client: Client) -> None:
    with tenant_transaction(cast.acme.pk):
        Membership.objects.filter(pk=cast.bob.pk).update(is_active=False)
    response = ask(client, ready)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "no_tenant")


# --- access tokens ---------------------------------------------------------------------------


def test_a_token_lets_a_browser_connect_and_nothing_else(
    cast: Any, signed_in: Any, settings: Any
) -> None:
    import jwt

    response = signed_in(cast.bob).post(
        "/api/twilio/access-token", {}, content_type="application/json"
    )
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"token", "identity", "expiresIn", "expiresAt", "edge"}
    claims = jwt.decode(answer["token"], settings.TWILIO_API_KEY_SECRET, algorithms=["HS256"])
    assert claims["sub"] == settings.TWILIO_ACCOUNT_SID
    assert claims["grants"]["identity"] == answer["identity"] == cast.bob.identity
    voice = claims["grants"]["voice"]
    assert voice["outgoing"] == {"application_sid": settings.TWILIO_TWIML_APP_SID}
    assert not voice.get("incoming", {}).get("allow", False)
    assert claims["exp"] - claims["nbf"] <= 631


@pytest.mark.parametrize(
    ("body", "status"),
    [("{}", 200), ('{"deviceId":"d_1"}', 200), ('{"deviceId":"x"}', 400), ('{"x":1}', 400)]
    + [("[]", 400), ("nonsense", 400)],
)
def test_a_token_request_is_read_strictly(
    cast: Any, signed_in: Any, body: str, status: int
) -> None:
    response = signed_in(cast.bob).post(
        "/api/twilio/access-token", body, content_type="application/json"
    )
    assert response.status_code == status
    if status != 200:
        assert response.json()["error"]["code"] in ("invalid_request", "parse_error")


def test_strangers_get_no_token(cast: Any, client: Client) -> None:
    response = client.post("/api/twilio/access-token", {}, content_type="application/json")
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "not_authenticated"


def test_without_credentials_no_token_is_made(cast: Any, signed_in: Any, settings: Any) -> None:
    settings.TWILIO_API_KEY_SECRET = ""
    response = signed_in(cast.bob).post(
        "/api/twilio/access-token", {}, content_type="application/json"
    )
    assert (response.status_code, response.json()["error"]["code"]) == (
        409,
        "twilio_not_configured",
    )
