"""What webhooks and the API ask of the database: counted, and no more than is allowed here."""

import uuid
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from calls import gateway
from calls.gateway import addresses
from calls.models import Caller, CallEvent, CallLeg, CallLog, PhoneNumber
from calls.services.inbound.plans import ensure_line
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import (
    Scene,
    dialled,  # noqa: F401 # a fixture
    scene_of,
    sid,
    waiting,  # noqa: F401 # a fixture
    webhook,  # noqa: F401 # a fixture
)
from calls.tests.webhooks.test_webhooks import contact_status, local
from tenants.fence.context import tenant_transaction
from voip_crm.tests.round_trips import counted

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.DATABASE_OWNER, reason="SQLite is asked without a way"),
]
STORY = ("initiated", "ringing", "in-progress", "completed")


def test_a_status_callback_takes_two_round_trips(
    dialled: Scene,  # noqa: F811 # the fixture
    webhook: Any,  # noqa: F811 # the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever it says: of a leg (the whole story), of the room, and the same once more."""
    # Whoever ends the room at the end of the story would be in it at the same time.
    monkeypatch.setattr("calls.tasks.tend_now", lambda *_: None)
    leg = dialled.contact_leg
    assert leg
    of_leg = local(addresses.leg_status(leg.tenant_id, leg.pk))
    of_room = local(addresses.conference_status(leg.tenant_id, dialled.room.pk))
    said = [(of_leg, contact_status(dialled, name, n)) for n, name in enumerate(STORY)]
    join = {"StatusCallbackEvent": "participant-join", "ParticipantLabel": leg.label}
    said.insert(2, (of_room, join | {"ConferenceSid": sid("CF"), "SequenceNumber": "1"}))
    for repeated in range(2):
        for path, fields in said:
            with counted() as cost:
                assert webhook(path, **fields).status_code == 204
            # Lock, rows, events; stored; leg, call and perhaps the room; set_config; and of an
            # answer, whose turn it is to say what is returned, and that.
            first = 9 if fields.get("CallStatus") == "in-progress" else 8
            assert cost.statements <= (first if not repeated else 4), (fields, cost)
            assert cost.round_trips <= 2, (fields, cost)
    with tenant_transaction(leg.tenant_id):
        assert CallEvent.objects.filter(leg=leg).count() == len(said)
    assert dialled.fresh().status == "completed"


def test_an_agents_browser_takes_two_round_trips(
    committed_cast: Any,
    webhook: Any,  # noqa: F811 # the fixture
) -> None:
    caller = {"From": f"client:{committed_cast.bob.identity}", "CallStatus": "ringing"}
    for _ in range(3):  # the second time a statement is prepared, which is a way of its own
        request = {"CallSid": sid("CA"), "clientRequestId": str(uuid.uuid4())}
        with counted() as cost:
            answer = webhook("/api/twilio/voice-webhook", **caller, **request)
        assert "<Conference" in answer.content.decode()
    # The tenant, the agent's lock, what there is, the usage; room, leg and event.
    assert cost.statements <= 7 and cost.round_trips <= 2, cost
    with tenant_transaction(committed_cast.acme.pk):
        assert CallEvent.objects.count() == 3


def test_a_call_that_comes_in_takes_two_round_trips(
    committed_cast: Any,
    webhook: Any,  # noqa: F811 # the fixture
) -> None:
    cast = committed_cast
    with tenant_transaction(cast.acme.pk):
        number = PhoneNumber.objects.filter(account_sid=settings.TWILIO_ACCOUNT_SID)[0]
        line = ensure_line(number)
        line.greeting_text = "Welcome."
        line.save()
    path = local(addresses.number_called(cast.acme.pk).partition("#")[0])
    caller = {"From": "+14155550100", "To": number.number, "CallStatus": "ringing"}
    for _ in range(3):
        caller["CallSid"] = sid("CA")
        with counted() as cost:
            answer = webhook(path, **caller)
        assert b"Welcome." in answer.content
    # The tenant, the number, its line and who is blocked, the contacts; room, leg, call and
    # caller; two events.
    assert cost.statements <= 6 and cost.round_trips <= 2, cost
    with counted() as cost:
        assert webhook(path, **caller).content == answer.content
    assert cost.statements <= 3 and cost.round_trips <= 2, cost
    with tenant_transaction(cast.acme.pk):
        found = CallLog.objects.filter(direction="INBOUND", contact=cast.acme_maria)
        assert found.count() == Caller.objects.count() == 3


def test_a_dial_takes_six_round_trips_beside_twilios_answer(
    committed_cast: Any, client: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "dial_participant", lambda *_, **__: sid("CA"))
    signed_in(committed_cast.bob)
    for times in range(3):  # the first one of a workspace makes its policy's row
        scene = scene_of(committed_cast.bob)
        body = {"clientRequestId": str(scene.request_id), "to": "+14155550100"}
        with counted() as cost:
            answer = client.post("/api/twilio/make-call", body, content_type="application/json")
        assert answer.status_code == 201, answer.content
        # Who asks; tenant, contact, agent's lock, what there is, usage, the call and its leg;
        # tenant, lock, rows, events, the leg's and the call's SID.
        assert not times or (cost.statements <= 12 and cost.round_trips <= 6), cost
        with tenant_transaction(scene.room.tenant_id):
            CallLeg.objects.update(left_at=timezone.now())


def test_a_page_of_the_api_takes_three_round_trips(
    committed_cast: Any, client: Any, signed_in: Any
) -> None:
    signed_in(committed_cast.bob)
    for _ in range(3):
        an_outbound_call(committed_cast.acme, user=committed_cast.bob.user)
        with counted() as cost:
            answer = client.get("/api/twilio/call-logs?limit=50&hasRecording=false")
        assert answer.status_code == 200 and answer.json()["total"]
    assert cost.statements <= 3 and cost.round_trips <= 3, cost  # who asks, the tenant, the page
