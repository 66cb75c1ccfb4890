"""The panel of a call that came in, as its agent sees it."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from calls import selectors
from calls.facts import states
from calls.models import Caller, CallLog, Conference
from calls.selectors.panel import occupation_of
from calls.tests.conftest import dial, scene_of
from calls.tests.waiting_callers import Line, a_line
from tenants.fence.context import tenant_transaction


def panel(line: Line, member: Any, **more: Any) -> Any:
    with tenant_transaction(line.tenant.pk):
        return selectors.active_call(
            line.tenant,
            user_id=member.user_id,
            client_request_id=Conference.objects.get(pk=line.room_id).client_request_id,
            now=timezone.now(),
            **more,
        )


def meet(line: Line, member: Any) -> Any:
    line.claim(member)
    leg = line.connect(member)
    line.hear(states.CONFERENCE, "participant-join", line.leg)
    return leg


def test_it_is_connecting_until_the_caller_has_come_in(line: Line, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.update(contact=cast.acme_maria)
    line.claim(cast.bob)
    for step in (None, line.connect):
        if step:
            step(cast.bob)
        shown = panel(line, cast.bob)
        assert (shown.state, shown.status_text) == ("connecting", "Connecting")
        assert (shown.name, shown.number_display) == ("Maria of Acme", "(415) 555-0100")
        assert shown.answered_iso == "" and not shown.is_over
    line.hear(states.CONFERENCE, "participant-join", line.leg)
    shown = panel(line, cast.bob)
    assert (shown.state, shown.status_text) == ("active", "In call")
    answered_at = line.call().answered_at
    assert answered_at and shown.answered_iso == answered_at.isoformat()


def test_a_page_that_knows_nothing_finds_it(
    line: Line, cast: Any, signed_in: Any, client: Client
) -> None:
    signed_in(cast.bob)
    assert client.get("/calls/active").status_code == 204
    line.claim(cast.bob)
    answer = client.get("/calls/active").content.decode()
    assert "Connecting" in answer and "End call" in answer
    with tenant_transaction(cast.acme.pk):
        assert occupation_of(cast.bob.user_id) == "a call with (415) 555-0100"
    signed_in(cast.alice)
    assert client.get("/calls/active").status_code == 204


@pytest.mark.parametrize(
    ("said", "shown", "number"),
    [
        ("anonymous", "Hidden number", ""),
        ("", "No caller ID", ""),
        ("sip:ann@pbx.example", "ann@pbx.example", ""),
        ("+14155550142", "(415) 555-0142", "+14155550142"),
    ],
)
def test_whoever_calls_is_shown_as_what_they_are(
    cast: Any, said: str, shown: str, number: str, signed_in: Any, client: Client
) -> None:
    line = a_line(cast.acme, from_number=said)
    meet(line, cast.bob)
    call = panel(line, cast.bob)
    assert (call.name, call.number) == (shown, number)
    assert call.can_be_added == bool(number)
    signed_in(cast.bob)
    for path in ("/calls/active", "/", f"/calls/{line.call_id}"):
        assert client.get(path).status_code in (200, 301, 302), path
    listed = client.get("/api/twilio/call-logs").json()
    assert [row["id"] for row in listed["data"]] == [str(line.call_id)], listed


def test_rows_of_callers_whom_nobody_took_break_no_page(
    cast: Any, signed_in: Any, client: Client
) -> None:
    line = a_line(cast.acme, from_number="anonymous")
    line.hear(states.CALL, "completed", line.leg, duration=12)
    signed_in(cast.bob)
    for path in ("/", f"/calls/{line.call_id}", f"/api/twilio/call-logs/{line.call_id}"):
        answer = client.get(path, follow=True)
        assert answer.status_code == 200, path
    listed = client.get("/api/twilio/call-logs").json()["data"][0]
    assert listed["status"] == "no-answer"


def test_a_caller_who_hangs_up_before_they_met_is_told_of(line: Line, cast: Any) -> None:
    line.claim(cast.bob)
    line.connect(cast.bob)
    line.hear(states.CALL, "completed", line.leg, duration=12)
    shown = panel(line, cast.bob)
    assert (shown.is_over, shown.status_text, shown.answered_iso) == (True, "Call ended", "")
    assert shown.message == "The caller hung up before you were connected."


def test_a_call_that_went_back_is_over_for_who_had_it(line: Line, cast: Any) -> None:
    line.claim(cast.bob)
    shown = panel(line, cast.bob)
    with tenant_transaction(cast.acme.pk):
        Conference.objects.update(agent=None)
    for error in ("", "canceled"):  # End call was pressed while it was connecting
        shown = panel(line, cast.bob, error=error)
        assert shown.is_over and "waiting in line again" in shown.message
    shown = panel(line, cast.bob, error="connect_timeout")
    assert shown.state == "error" and shown.message


def test_end_call_works_before_and_after_they_met(
    line: Line, cast: Any, signed_in: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tended = []
    monkeypatch.setattr("calls.tasks.tend_now", lambda *of: tended.append(of))
    signed_in(cast.bob)
    request = {"request": str(line.room().client_request_id)}
    assert client.post("/calls/end", request).status_code == 204
    assert not tended  # not theirs
    line.claim(cast.bob)
    assert client.post("/calls/end", request).status_code == 204
    assert len(tended) == 1
    line.claim(cast.bob, ago=0)
    line.connect(cast.bob)
    line.hear(states.CONFERENCE, "participant-join", line.leg)
    assert client.post("/calls/end", request).status_code == 204
    assert client.post("/calls/end", request).status_code == 204
    assert set(tended) == {(cast.acme.pk, line.room_id)}


def test_coming_back_asks_for_no_dialling(
    line: Line, cast: Any, signed_in: Any, client: Client
) -> None:
    leg = meet(line, cast.bob)
    line.hear(states.CONFERENCE, "participant-leave", leg)
    signed_in(cast.bob)
    assert panel(line, cast.bob).can_rejoin
    request = {"request": str(line.room().client_request_id)}
    answer = client.post("/calls/rejoin", request)
    wish = json.loads(answer["HX-Trigger"])["phone:dial"]
    assert wish["answers"] and wish["rejoin"] and wish["to"] == "+14155550100"


def test_who_has_answered_cannot_dial(
    line: Line, cast: Any, signed_in: Any, client: Client
) -> None:
    scene = scene_of(cast.bob)
    line.claim(cast.bob)
    signed_in(cast.bob)
    for request_id in (scene.request_id, line.room().client_request_id):
        body = {"clientRequestId": str(request_id), "to": "+14155550100"}
        answer = client.post("/api/twilio/make-call", body, content_type="application/json")
        assert answer.status_code == 409, answer.content
        assert answer.json()["error"]["code"] == "agent_busy"
    with tenant_transaction(cast.acme.pk):
        Caller.objects.update(claimed_at=None, returned_at=timezone.now())
        Conference.objects.filter(pk=line.room_id).update(agent=None)
        assert CallLog.objects.count() == 1
    dial(scene, cast)


def test_a_stranger_to_the_room_sees_nothing_of_it(line: Line, cast: Any) -> None:
    line.claim(cast.bob)
    with tenant_transaction(cast.acme.pk):
        other = selectors.active_call(
            cast.acme,
            user_id=cast.alice.user_id,
            client_request_id=uuid.uuid4(),
            now=timezone.now(),
        )
        mine = panel(line, cast.alice)
    assert other.name == "" and mine.name == "" and mine.is_over
