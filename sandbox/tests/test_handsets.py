"""What each pretend phone does, as Twilio's own library and callbacks show it."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

from sandbox.telephony.handsets import BEHAVIOURS, Behaviour
from sandbox.tests.harness import OURS, TOKEN, Box, phone, until

FULL = ["initiated", "ringing", "in-progress", "completed"]


@pytest.mark.parametrize(
    ("ending", "events", "sip"),
    [
        ("102", ["initiated", "ringing", "busy"], "486"),
        ("103", ["initiated", "ringing", "no-answer"], "487"),
        ("104", ["initiated", "ringing", "busy"], "603"),
        ("106", ["initiated", "failed"], "404"),
    ],
)
def test_a_phone_that_is_not_answered(box: Box, ending: str, events: list[str], sip: str) -> None:
    made = box.dial("vc_h" + ending, ending, timeout=1)
    assert made.status == "queued"
    until(lambda: len(box.application.to("/status")) == len(events))
    assert box.application.events("/status") == events
    last = max(box.application.to("/status"), key=lambda r: int(r.params["SequenceNumber"])).params
    assert last["SipResponseCode"] == sip
    assert last["CallDuration"] == "0"
    assert "Duration" not in last
    call = box.client.calls(made.call_sid).fetch()
    assert (call.status, call.duration) == (events[-1], "0")


def test_an_answered_call_tells_each_step_once(box: Box) -> None:
    made = box.dial("vc_h100", "100")
    until(lambda: box.status(made.call_sid) == "in-progress")
    time.sleep(0.2)
    box.command(f"calls/{made.call_sid}/hangup")
    until(lambda: len(box.application.to("/status")) == 4)
    assert box.application.events("/status") == FULL
    requests = sorted(box.application.to("/status"), key=lambda r: int(r.params["SequenceNumber"]))
    for request in requests:
        params = request.params
        assert params["CallSid"] == made.call_sid
        assert params["CallbackSource"] == "call-progress-events"
        assert (params["From"], params["To"]) == (OURS, phone("100"))
        assert params["Direction"] == "outbound-api"
        url = f"{box.application.url}/status"
        signed = request.headers["X-Twilio-Signature"]
        assert RequestValidator(TOKEN).validate(url, params, signed)
    last = requests[-1].params
    assert 1 <= int(last["CallDuration"]) < 9 and last["Duration"] == "1"
    assert last["SipResponseCode"] == "200"
    tokens = {r.headers["I-Twilio-Idempotency-Token"] for r in requests}
    assert len(tokens) == 4
    numbers = [int(r.params["SequenceNumber"]) for r in requests]
    assert all(b == a + 1 for a, b in pairwise(numbers)) and numbers[0] == 0


def test_a_phone_that_hangs_up_by_itself(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    assert BEHAVIOURS["105"].hangs_up_after == 4
    monkeypatch.setitem(BEHAVIOURS, "105", Behaviour(hangs_up_after=0.5))
    made = box.dial("vc_h105", "105")
    until(lambda: box.application.events("/status") == FULL)
    assert 1 <= int(box.client.calls(made.call_sid).fetch().duration) < 9


def test_an_unreachable_number_is_refused_at_once(box: Box) -> None:
    with pytest.raises(TwilioRestException) as refused:
        box.dial("vc_h107", "107")
    assert (refused.value.status, refused.value.code) == (400, 21214)
    assert not box.application.requests


@pytest.mark.parametrize("ending", ["103", "100"])
def test_a_phone_that_rings_on_answers_when_it_is_told_to(box: Box, ending: str) -> None:
    if ending == "100":
        box.command("faults", {"kind": "ring-on", "match": phone(ending)})
    made = box.dial("vc_on" + ending, ending, timeout=20)
    until(lambda: box.status(made.call_sid) == "ringing")
    time.sleep(3 * box.config.ring_seconds)
    assert box.status(made.call_sid) == "ringing"
    box.command(f"calls/{made.call_sid}/answer")
    until(lambda: box.status(made.call_sid) == "in-progress")


def test_a_call_is_canceled_while_it_rings(box: Box) -> None:
    made = box.dial("vc_cancel", "103")
    until(lambda: box.status(made.call_sid) == "ringing")
    box.client.calls(made.call_sid).update(status="canceled")
    until(lambda: len(box.application.to("/status")) == 3)
    assert box.application.events("/status")[-1] == "canceled"
    with pytest.raises(TwilioRestException) as refused:
        box.client.calls(made.call_sid).update(status="completed")
    assert refused.value.code == 21220


def test_a_call_canceled_in_the_queue_tells_nothing(box: Box) -> None:
    box.config.calls_per_second = 0.5
    try:
        box.dial("vc_q", "103")
        second = box.dial("vc_q", "103")
        assert int(second.queue_time) > 0
        assert box.status(second.call_sid) == "queued"
        box.client.calls(second.call_sid).update(status="canceled")
        time.sleep(2.2)
    finally:
        box.config.calls_per_second = 0
    told = {r.params["CallSid"] for r in box.application.to("/status")}
    assert second.call_sid not in told
    assert box.status(second.call_sid) == "canceled"


def test_cancelling_an_answered_call_does_not_end_it(box: Box) -> None:
    made = box.dial("vc_too_late", "100")
    until(lambda: box.status(made.call_sid) == "in-progress")
    assert box.client.calls(made.call_sid).update(status="canceled").status == "in-progress"
    assert box.client.calls(made.call_sid).update(status="completed").status == "completed"
