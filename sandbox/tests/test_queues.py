"""Queues: who waits in which order, what callers hear there, and how they leave."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioRestException

from sandbox.config import Account
from sandbox.telephony.calls import Call
from sandbox.telephony.queues import Member, Queue, QueueFull
from sandbox.tests.application import Request, conference_twiml
from sandbox.tests.harness import OTHER_ACCOUNT, OTHER_TOKEN, Box, until
from sandbox.tests.test_callers import answers, caller, prompts
from sandbox.tests.test_sounds import sound
from sandbox.tests.test_twiml import ended, ring

SILENT = {"voice": "silence"}
WAIT = '<Gather numDigits="1" timeout="1" action="/key"><Say>Please wait</Say></Gather><Redirect/>'


def enqueue(box: Box, name: str, wait: str = WAIT, **options: Any) -> str:
    """A caller who waits in this queue, with this waiting document: the call's SID."""
    box.application.twiml["/wait"] = f"<Response>{wait}</Response>"
    attributes = 'waitUrl="/wait" action="/queued" method="POST"'
    sid = ring(box, f"<Enqueue {attributes}>{name}</Enqueue>", **(SILENT | options))
    until(lambda: any(r.params["CallSid"] == sid for r in box.application.to("/wait")))
    return sid


def result(box: Box, sid: str) -> dict[str, str]:
    """What the queue's action was told of this call."""
    found = until(lambda: [r for r in box.application.to("/queued") if r.params["CallSid"] == sid])
    assert len(found) == 1
    return dict(found[0].params)


# the order


@given(st.lists(st.one_of(st.just(("join", 0)), st.tuples(st.just("leave"), st.integers(0, 9)))))
@settings(max_examples=50)
def test_positions_are_the_order_of_joining(moves: list[tuple[str, int]]) -> None:
    queue = Queue(Account("AC1", "token"), "q", max_size=4)
    expected: list[Member] = []
    for n, (move, which) in enumerate(moves):
        if move == "join":
            call = cast(Call, SimpleNamespace(sid=f"CA{n}", waiting=None))
            if len(expected) == 4:
                with pytest.raises(QueueFull):
                    queue.join(call)
                assert call.waiting is None
            else:
                expected.append(queue.join(call))
        elif expected:
            leaver = expected.pop(which % len(expected))
            leaver.leave()
            leaver.leave()
            assert leaver.position == 0 and leaver.sid in queue.gone
            assert leaver.call.waiting is None
        assert queue.members == expected
        assert [member.position for member in expected] == [*range(1, len(expected) + 1)]
        assert queue.find("Front") == (expected[0] if expected else None)


def test_those_who_wait_are_told_their_places(box: Box) -> None:
    first, second = enqueue(box, "q_order"), enqueue(box, "q_order")

    def told(sid: str, position: str) -> dict[str, str]:
        asked = [r.params for r in box.application.to("/wait") if r.params["CallSid"] == sid]
        return next((p for p in asked if p.get("QueuePosition") == position), {})

    place = until(lambda: told(second, "2"))
    assert (place["CurrentQueueSize"], place["MaxQueueSize"]) == ("2", "1000")
    assert place["QueueSid"].startswith("QU") and int(place["QueueTime"]) >= 0
    assert place["CallStatus"] == "in-progress" and "AvgQueueTime" in place
    queue = box.client.queues(place["QueueSid"])
    assert [m.call_sid for m in queue.members.list()] == [first, second]
    box.command(f"calls/{first}/hangup")
    until(lambda: caller(box, second)["queue"]["position"] == 1)
    assert queue.fetch().current_size == 1
    assert (result(box, first)["QueueResult"], result(box, first)["CallStatus"]) == (
        "hangup",
        "completed",
    )


# what they hear and do there


def test_the_waiting_document_runs_again_and_again(box: Box) -> None:
    sid = enqueue(box, "q_loop", "<Say>One</Say><Redirect>/more</Redirect>")
    box.application.twiml["/more"] = "<Response><Say>Two</Say></Response>"
    until(lambda: prompts(box, sid)[:4] == ["One", "Two", "One", "Two"])
    assert all("QueuePosition" in r.params for r in box.application.to("/wait"))
    assert not any("QueuePosition" in r.params for r in box.application.to("/more"))


def test_a_key_pressed_while_waiting(box: Box) -> None:
    box.application.twiml["/key"] = "<Response><Leave/></Response>"
    box.application.twiml["/queued"] = "<Response><Say>Leave a message</Say></Response>"
    sid = enqueue(box, "q_key", script=[{"hear": "please"}, {"press": "2"}])
    assert ended(box, sid) == "completed"
    assert box.application.to("/key")[0].params["Digits"] == "2"
    assert result(box, sid)["QueueResult"] == "leave"
    assert prompts(box, sid)[-1] == "Leave a message"


def test_without_an_action_the_document_goes_on(box: Box) -> None:
    box.application.twiml["/wait"] = "<Response><Leave/></Response>"
    sid = ring(box, '<Enqueue waitUrl="/wait">q_next</Enqueue><Say>Nobody there</Say>')
    assert ended(box, sid) == "completed" and prompts(box, sid) == ["Nobody there"]


def test_a_sound_to_wait_with(box: Box) -> None:
    sound(box, "/music.wav", 330, 1)
    document = '<Enqueue waitUrl="/music.wav" waitUrlMethod="GET">q_sound</Enqueue>'
    sid = ring(box, document, **SILENT)
    until(lambda: 320 < box.inspect(f"calls/{sid}/heard")["dominant_hz"] < 340)
    until(lambda: len(box.application.to("/music.wav")) > 1, what="asked for again")
    assert box.application.to("/music.wav")[0].method == "GET"


def test_the_music_of_the_house_and_none(box: Box) -> None:
    heard = ring(box, "<Enqueue>q_house</Enqueue>", **SILENT)
    until(lambda: "queued" in caller(box, heard)["stages"])
    silent = ring(box, '<Enqueue waitUrl="">q_none</Enqueue>', **SILENT)
    until(lambda: box.inspect(f"calls/{heard}/heard")["rms"] > 100)
    until(lambda: box.inspect(f"calls/{silent}/heard")["seconds"] > 0.5)
    assert box.inspect(f"calls/{silent}/heard")["silent"]


@pytest.mark.parametrize(
    "verb", ["<Record/>", "<Dial>+15550009100</Dial>", "<Reject/>", "<Enqueue>q</Enqueue>"]
)
def test_what_may_not_be_done_while_waiting(box: Box, verb: str) -> None:
    box.application.twiml["/queued"] = "<Response><Hangup/></Response>"
    box.application.twiml["/wait"] = f"<Response>{verb}</Response>"
    sid = ring(box, '<Enqueue waitUrl="/wait" action="/queued">q_no</Enqueue>')
    assert ended(box, sid) == "completed"
    assert result(box, sid)["QueueResult"] == "error" and 12200 in box.alerts()


@pytest.mark.parametrize(
    "answer", [(500, "", "text/plain"), (200, "", "text/xml"), (200, "no sound", "audio/wav")]
)
def test_a_waiting_document_that_cannot_be_had(box: Box, answer: tuple[int, str, str]) -> None:
    box.application.behave["/wait"] = answers(*answer)
    sid = ring(box, '<Enqueue waitUrl="/wait" action="/queued">q_500</Enqueue>')
    told = result(box, sid)
    assert told["QueueResult"] == "error" and told["QueueSid"].startswith("QU")


def test_a_full_queue(box: Box) -> None:
    box.client.queues.create(friendly_name="q_full", max_size=1)
    enqueue(box, "q_full")
    sid = ring(box, '<Enqueue action="/queued">q_full</Enqueue>')
    told = result(box, sid)
    assert told["QueueResult"] == "queue-full" and 14207 in box.alerts()
    assert "QueueSid" not in told and "QueueTime" not in told


# how they leave


@pytest.mark.parametrize("how", ["url", "twiml", "member", "front"])
def test_a_caller_is_pulled_into_a_conference(box: Box, how: str) -> None:
    name = f"vc_pull_{how}"
    box.dial(name, "100", label="agent")
    sid = enqueue(box, f"q_{how}")
    queue = box.client.queues(caller(box, sid)["queue"]["queue_sid"])
    text = conference_twiml(box.application, name, participantLabel="contact")
    box.application.twiml["/bridge"] = text
    url = f"{box.application.url}/bridge"
    if how == "twiml":
        box.client.calls(sid).update(twiml=text)
    elif how == "url":
        box.client.calls(sid).update(url=url, method="POST")
    else:
        member = queue.members("Front" if how == "front" else sid).update(url=url, method="POST")
        assert member.call_sid == sid and member.position == 1
    until(lambda: "bridged" in caller(box, sid)["stages"])
    assert queue.fetch().current_size == 0 and caller(box, sid)["queue"] is None
    assert result(box, sid)["QueueResult"] == "redirected"
    people = box.client.conferences(name).participants.list()
    assert {p.label for p in people} == {"agent", "contact"}
    until(lambda: box.inspect(f"calls/{sid}/heard")["rms_last_second"] > 300)
    with pytest.raises(TwilioRestException) as refused:
        queue.members(sid).update(url=url)
    assert refused.value.status == 400


def test_what_the_action_answers_a_pulled_caller_has_no_effect(box: Box) -> None:
    box.application.twiml["/queued"] = "<Response><Say>Wrong</Say></Response>"
    sid = enqueue(box, "q_wrong")
    box.client.calls(sid).update(twiml="<Response><Say>Right</Say></Response>")
    assert ended(box, sid) == "completed"
    assert result(box, sid)["QueueResult"] == "redirected"
    assert prompts(box, sid)[-1] == "Right" and "Wrong" not in prompts(box, sid)


def test_a_waiting_call_is_hung_up_by_rest(box: Box) -> None:
    sid = enqueue(box, "q_end")
    assert box.client.calls(sid).update(status="completed").status == "completed"
    assert result(box, sid)["QueueResult"] == "hangup"
    assert len(until(lambda: box.application.to("/number-status"))) == 1


def test_a_waiting_document_hangs_up(box: Box) -> None:
    box.application.twiml["/wait"] = "<Response><Hangup/></Response>"
    sid = ring(box, '<Enqueue waitUrl="/wait" action="/queued">q_bye</Enqueue>')
    assert ended(box, sid) == "completed" and result(box, sid)["QueueResult"] == "hangup"


STAGES_TO_LEAVE_AT = [
    # (the stage, the document, what is asked in the end, with what)
    ("ringing", '<Pause length="30"/>', "", {}),
    ("answered", "<Say>Hi</Say>" + '<Pause length="30"/>', "", {}),
    ("gathering", '<Gather timeout="30" action="/end"/>', "", {}),
    ("recording", '<Record action="/end" timeout="30"/>', "/end", {"Digits": "hangup"}),
    ("queued", '<Enqueue action="/end">q_stage</Enqueue>', "/end", {"QueueResult": "hangup"}),
    (
        "conference",
        '<Dial action="/end"><Conference waitUrl="">vc_stage</Conference></Dial>',
        "/end",
        {"DialCallStatus": "answered"},
    ),
    (
        "answered",  # while somebody is rung
        '<Dial action="/end"><Number>+15550009103</Number></Dial>',
        "/end",
        {"DialCallStatus": "canceled", "DialBridged": "false"},
    ),
    (
        "bridged",
        '<Dial action="/end"><Number>+15550009100</Number></Dial>',
        "/end",
        {"DialCallStatus": "completed", "DialBridged": "true"},
    ),
]


@pytest.mark.parametrize(("stage", "document", "path", "told"), STAGES_TO_LEAVE_AT)
def test_the_caller_hangs_up_at_each_stage(
    box: Box, stage: str, document: str, path: str, told: dict[str, str]
) -> None:
    script = [{"until": stage}, {"wait": 0.15}, {"hang_up": True}]
    sid = ring(box, document, script=script)
    status = "canceled" if stage == "ringing" else "completed"
    assert ended(box, sid) == status
    last = until(lambda: box.application.to("/number-status"))
    if path:
        asked = until(lambda: box.application.to(path))
        assert len(asked) == 1 and asked[0].params["CallStatus"] == "completed"
        assert told.items() <= asked[0].params.items()
    time.sleep(0.15)
    paths = {"/inbound", "/number-status"} | ({path} if path else set())
    assert {r.path for r in box.application.requests} == paths
    assert len(last) == 1 and last[0].params["CallStatus"] == status
    assert ("Duration" in last[0].params) == (status == "completed")
    assert not [a for a in box.inspect("wire")["entries"] if a.get("call") == sid]


def test_a_caller_gives_up_while_the_application_thinks(box: Box) -> None:
    def slowly(handler: BaseHTTPRequestHandler, request: Request) -> bool:
        time.sleep(0.5)
        return False

    box.application.behave["/inbound"] = slowly
    sid = ring(box, "<Say>Too late</Say>", script=[{"wait": 0.2}, {"hang_up": True}])
    assert ended(box, sid) == "canceled"
    events = box.server.exchange.webhooks.made[sid]
    until(lambda: len(events) == 2, what="the answer comes, and is heard by nobody")
    assert [(e.url.rpartition("/")[2], e.answer.status) for e in events] == [
        ("number-status", 204),
        ("inbound", 200),
    ]
    assert prompts(box, sid) == []


# the resource


def test_queues_are_made_changed_and_deleted(box: Box) -> None:
    queue = box.client.queues.create(friendly_name="q_rest", max_size=7)
    assert (queue.friendly_name, queue.max_size, queue.current_size) == ("q_rest", 7, 0)
    assert queue.update(friendly_name="q_new", max_size=8).max_size == 8
    assert [q.sid for q in box.client.queues.list() if q.friendly_name == "q_new"] == [queue.sid]
    enqueue(box, "q_new")
    with pytest.raises(TwilioRestException) as refused:
        queue.delete()
    assert refused.value.status == 400
    box.client.queues(queue.sid).members("Front").update(url=f"{box.application.url}/bye")
    until(lambda: queue.fetch().current_size == 0)
    assert queue.delete()
    with pytest.raises(TwilioRestException) as gone:
        queue.fetch()
    assert gone.value.status == 404


@pytest.mark.parametrize(
    "wrong",
    [{"friendly_name": ""}, {"friendly_name": "x" * 65}, {"friendly_name": "q", "max_size": 5001}],
)
def test_a_queue_that_cannot_be(box: Box, wrong: dict[str, Any]) -> None:
    with pytest.raises(TwilioRestException) as refused:
        box.client.queues.create(**wrong)
    assert refused.value.status == 400


def test_queues_of_another_account_are_not_there(box: Box) -> None:
    sid = enqueue(box, "q_private")
    queue = caller(box, sid)["queue"]["queue_sid"]
    other = box.twilio(OTHER_ACCOUNT, OTHER_TOKEN)
    assert other.queues.list() == []
    for ask in (
        lambda: other.queues(queue).fetch(),
        lambda: other.queues(queue).members("Front").fetch(),
        lambda: other.queues(queue).members("Front").update(url="https://a.example/x"),
        lambda: box.client.queues(queue).members("CA" + "0" * 32).fetch(),
    ):
        with pytest.raises(TwilioRestException) as refused:
            ask()
        assert refused.value.status == 404
    assert "queued" in caller(box, sid)["stages"]
