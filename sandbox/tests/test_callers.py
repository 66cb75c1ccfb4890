"""Callers: what the application is told of them, what they do, and what a test may ask of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from sandbox.telephony.callers import STAGES, Act, parse
from sandbox.tests.application import Request, conference_twiml
from sandbox.tests.harness import APP, NUMBER_SID, OURS, TOKEN, Box, phone, until
from sandbox.tests.test_twiml import ended, ring
from sandbox.tests.test_webhooks import closed_port


def caller(box: Box, sid: str) -> Any:
    return box.inspect(f"calls/{sid}")


def prompts(box: Box, sid: str) -> list[str]:
    return [prompt["text"] for prompt in caller(box, sid)["prompts"]]


# what the application is told


def test_the_voice_request_of_a_caller(box: Box) -> None:
    box.application.twiml["/inbound"] = "<Response><Hangup/></Response>"
    made = box.command(
        "incoming",
        {
            "from": "+14155550123",
            "to": OURS,
            "forwarded_from": "+13125550100",
            "stir": "TN-Validation-Passed-A",
        },
    )
    assert (made["direction"], made["status"]) == ("inbound", "ringing")
    asked = until(lambda: box.application.to("/inbound"))[0]
    params = asked.params
    assert params["From"] == params["Caller"] == "+14155550123"
    assert params["To"] == params["Called"] == OURS
    for side in ("From", "Caller"):
        assert (params[side + "City"], params[side + "State"]) == ("SAN FRANCISCO", "CA")
        assert (params[side + "Zip"], params[side + "Country"]) == ("94105", "US")
    for side in ("To", "Called"):
        assert (params[side + "City"], params[side + "Country"]) == ("", "US")
    assert (params["CallStatus"], params["Direction"]) == ("ringing", "inbound")
    assert params["ApiVersion"] == "2010-04-01" and params["CallSid"] == made["sid"]
    assert params["ForwardedFrom"] == "+13125550100"
    assert params["StirVerstat"] == "TN-Validation-Passed-A" and params["StirPassportToken"]
    assert "parentCallInfoToken" in unquote(params["CallToken"]) and "%" in params["CallToken"]
    assert not {"CallerName", "ParentCallSid", "ApplicationSid"} & set(params)
    url = f"{box.application.url}/inbound"
    signed = asked.headers["X-Twilio-Signature"]
    assert RequestValidator(TOKEN).validate(url, params, signed)
    assert ended(box, made["sid"]) == "completed"


@pytest.mark.parametrize(
    "from_",
    ["anonymous", "restricted", "unknown", "Unavailable", "sip:bob@198.51.100.7:5060;user=phone"]
    + ["+266696687", "+1", "411", "+" + "9" * 20, ""],
)
def test_odd_caller_ids_are_passed_on_as_they_are(box: Box, from_: str) -> None:
    box.application.twiml["/inbound"] = "<Response><Reject/></Response>"
    sid = box.command("incoming", {"from": from_, "to": OURS})["sid"]
    params = until(lambda: box.application.to("/inbound"))[0].params
    assert params["From"] == params["Caller"] == from_
    assert "FromCountry" not in params and params["ToCountry"] == "US"
    assert ended(box, sid) == "no-answer"
    assert box.client.calls(sid).fetch()._from == from_


def test_an_order_that_makes_no_sense_is_refused(box: Box) -> None:
    good = {"from": phone("100"), "to": OURS}
    for wrong in (
        {"to": "+15559999999"},
        {"from": "client:bob"},
        {"colour": "red"},
        {"stir": "yes"},
        {"voice": "loud"},
        {"voice": 5},
        {"script": [{"wait": -1}]},
        {"script": [{"until": "never"}]},
        {"script": {"wait": 1}},
    ):
        answer = box.http.post(f"{box.url}/sandbox/incoming", json=good | wrong)
        assert answer.status_code == 400, wrong
    assert not box.application.requests


@pytest.fixture
def behind_an_application(box: Box) -> Iterator[Box]:
    client = box.client.incoming_phone_numbers(NUMBER_SID)
    client.update(voice_application_sid=APP)
    yield box
    client.update(voice_application_sid="")


def test_an_application_takes_the_place_of_a_numbers_addresses(
    behind_an_application: Box,
) -> None:
    box = behind_an_application
    box.application.twiml["/voice"] = "<Response><Hangup/></Response>"
    sid = box.command("incoming", {"from": phone("100"), "to": OURS})["sid"]
    assert ended(box, sid) == "completed"
    assert box.application.to("/voice")[0].params["ApplicationSid"] == APP
    assert until(lambda: box.application.to("/app-status"))
    assert not box.application.to("/number-status") and not box.application.to("/inbound")


# when the application fails


@pytest.fixture
def with_fallback(box: Box) -> Iterator[Box]:
    number = box.client.incoming_phone_numbers(NUMBER_SID)
    number.update(voice_fallback_url=f"{box.application.url}/fallback", voice_fallback_method="GET")
    yield box
    number.update(voice_fallback_url="", voice_fallback_method="POST")


def answers(status: int, body: str, kind: str) -> Any:
    def behave(handler: BaseHTTPRequestHandler, request: Request) -> bool:
        handler.reply(status, body.encode(), kind)  # type: ignore[attr-defined]
        return True

    return behave


GOOD = "<Response><Say>Hi</Say></Response>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (500, "", "text/plain", "11200"),
        (404, GOOD, "text/xml", "11200"),
        (302, GOOD, "text/xml", "11200"),
        (200, GOOD, "application/json", "12300"),
        (200, "<Response><Say>Hi", "text/xml", "12100"),
        (200, "<Response><Sing/></Response>", "text/xml", "12200"),
        (200, GOOD + " " * 70_000, "text/xml", "11750"),
    ],
)
def test_the_fallback_is_asked_with_the_error(
    with_fallback: Box, status: int, body: str, kind: str, code: str
) -> None:
    box = with_fallback
    box.application.behave["/inbound"] = answers(status, body, kind)
    box.application.twiml["/fallback"] = "<Response><Say>Sorry</Say></Response>"
    sid = box.command("incoming", {"from": phone("100"), "to": OURS})["sid"]
    assert ended(box, sid) == "completed"
    asked = box.application.to("/fallback")[0]
    assert asked.method == "GET" and asked.params["CallStatus"] == "ringing"
    assert asked.params["ErrorCode"] == code and int(code) in box.alerts()
    assert asked.params["ErrorUrl"] == f"{box.application.url}/inbound"
    assert prompts(box, sid) == ["Sorry"]


@pytest.mark.parametrize(("slow", "code"), [(True, "11200"), (False, "11205")])
def test_the_fallback_is_asked_when_nobody_answers_in_time(
    with_fallback: Box, slow: bool, code: str
) -> None:
    box = with_fallback

    def slowly(handler: BaseHTTPRequestHandler, request: Request) -> bool:
        time.sleep(0.5)
        return False

    box.application.behave["/slow"] = slowly
    box.application.twiml["/slow"] = box.application.twiml["/fallback"] = GOOD
    number = box.client.incoming_phone_numbers(NUMBER_SID)
    dead = f"http://127.0.0.1:{closed_port()}"
    number.update(voice_url=f"{box.application.url if slow else dead}/slow#rt=100&rc=0")
    try:
        sid = box.command("incoming", {"from": phone("100"), "to": OURS})["sid"]
        assert ended(box, sid) == "completed"
        asked = box.application.to("/fallback")[0].params
        assert asked["ErrorCode"] == code and "/slow" in asked["ErrorUrl"]
    finally:
        number.update(voice_url=f"{box.application.url}/inbound")


def test_the_fallback_is_asked_at_any_time_of_a_call(with_fallback: Box) -> None:
    box = with_fallback
    box.application.behave["/next"] = answers(503, "", "text/plain")
    box.application.twiml["/fallback"] = "<Response><Say>Sorry</Say></Response>"
    sid = ring(box, "<Say>Hi</Say><Redirect>/next</Redirect>")
    assert ended(box, sid) == "completed"
    asked = box.application.to("/fallback")[0].params
    assert asked["ErrorUrl"].endswith("/next") and asked["CallStatus"] == "in-progress"


def test_a_fallback_that_fails_ends_the_call(with_fallback: Box) -> None:
    box = with_fallback
    sid = ring(box, "<Say>Hi")
    assert ended(box, sid) == "failed"  # /fallback answers 204
    assert len(box.application.to("/fallback")) == 1


# which verbs answer


def test_a_first_pause_waits_before_the_answer(box: Box) -> None:
    sid = ring(box, '<Pause length="1"/><Say>Hi</Say>')
    time.sleep(0.5)
    assert box.status(sid) == "ringing" and caller(box, sid)["stages"] == ["ringing"]
    assert ended(box, sid) == "completed"
    assert int(box.client.calls(sid).fetch().duration) > 0


@pytest.mark.parametrize("document", ["", "<Hangup/>"])
def test_whatever_is_no_reject_is_answered(box: Box, document: str) -> None:
    sid = ring(box, document)
    assert ended(box, sid) == "completed"
    told = until(lambda: box.application.to("/number-status"))[0].params
    assert told["SipResponseCode"] == "200" and "Duration" in told


def test_a_late_reject_hangs_up(box: Box) -> None:
    sid = ring(box, "<Say>Hi</Say><Reject/>")
    assert ended(box, sid) == "completed"


# scripts


def test_a_caller_listens_presses_and_speaks(box: Box) -> None:
    box.application.twiml["/menu"] = "<Response><Record maxLength='3' action='/done'/></Response>"
    box.application.twiml["/done"] = "<Response/>"
    script = [
        {"hear": "sales"},
        {"press": "12"},
        {"hear": "beep"},
        {"speak": 800, "seconds": 1},
        {"press": "#"},
    ]
    menu = (
        '<Say>Welcome</Say><Gather numDigits="2" action="/menu"><Say>For sales press</Say></Gather>'
    )
    sid = ring(box, menu, script=script)
    assert ended(box, sid) == "completed"
    assert box.application.to("/menu")[0].params["Digits"] == "12"
    done = box.application.to("/done")[0].params
    assert done["Digits"] == "#" and done["RecordingUrl"]
    seen = caller(box, sid)
    assert seen["script"] == {"done": 5, "of": 5} and seen["stages"] == []
    assert [p["text"] for p in seen["prompts"]] == ["Welcome", "For sales press", "beep"]
    assert any(790 < hertz < 810 for _, hertz in seen["said_tones"])
    assert any(hertz for _, hertz in seen["tones"])


def test_a_caller_says_what_a_test_tells_it_to(box: Box) -> None:
    box.dial("vc_speak", "100", label="agent")
    text = conference_twiml(box.application, "vc_speak").removeprefix("<Response>")
    sid = ring(box, text.removesuffix("</Response>"), script=[])
    until(lambda: caller(box, sid)["stages"] == ["answered", "conference", "bridged"])
    agent = box.client.conferences("vc_speak").participants("agent").fetch().call_sid
    assert caller(box, sid)["bridged_with"] == [agent]
    until(lambda: box.inspect(f"calls/{sid}/heard")["rms_last_second"] > 300)
    box.command(f"calls/{sid}/speak", {"hertz": 1500, "seconds": 1.1})
    assert any(1490 < hertz < 1510 for _, hertz in caller(box, agent)["tones"])


def test_a_caller_who_hangs_up_when_bridged(box: Box) -> None:
    box.dial("vc_cruel", "100", label="agent")
    text = conference_twiml(box.application, "vc_cruel").removeprefix("<Response>")
    script = [{"until": "bridged"}, {"hang_up": True}]
    sid = ring(box, text.removesuffix("</Response>"), script=script)
    assert ended(box, sid) == "completed"
    people = box.client.conferences("vc_cruel").participants
    until(lambda: [person.label for person in people.list()] == ["agent"])


def test_whoever_is_called_follows_a_script_too(box: Box) -> None:
    box.application.twiml["/offer"] = (
        '<Response><Gather numDigits="1" action="/taken"><Say>Press 1 to take the call</Say>'
        "</Gather><Hangup/></Response>"
    )
    box.application.twiml["/taken"] = '<Response><Pause length="30"/></Response>'
    made = box.client.calls.create(
        from_=OURS, to=phone("103"), url=f"{box.application.url}/offer", timeout=20
    )
    script = [
        {"wait": 0.3},
        {"answer": True},
        {"hear": "press 1"},
        {"press": "1"},
        {"wait": 0.2},
        {"hang_up": True},
    ]
    box.command(f"calls/{made.sid}/follow", {"script": script})
    assert ended(box, made.sid) == "completed"
    assert box.application.to("/taken")[0].params["Digits"] == "1"
    answer = box.http.post(f"{box.url}/sandbox/calls/{made.sid}/follow", json={})
    assert answer.status_code == 400


def test_a_voice_of_its_own(box: Box) -> None:
    sid = ring(box, '<Gather timeout="30"/>', voice=620)
    until(lambda: 610 < box.inspect(f"calls/{sid}/heard")["said"]["dominant_hz"] < 630)


ACTS = st.one_of(
    st.fixed_dictionaries({"wait": st.floats(0, 60, allow_nan=False)}),
    st.fixed_dictionaries({"until": st.sampled_from(STAGES)}),
    st.fixed_dictionaries({"hear": st.text(min_size=1)}),
    st.fixed_dictionaries({"press": st.text("0123456789*#w", min_size=1)}),
    st.fixed_dictionaries({"speak": st.integers(20, 4000)}, optional={"seconds": st.just(2)}),
    st.just({"hang_up": True}),
    st.just({"answer": True}),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(ACTS))
@settings(max_examples=50)
def test_what_is_a_script(script: list[dict[str, Any]]) -> None:
    names = [name for step in script for name in step if name != "seconds"]
    assert [act.name for act in parse(script)] == names


@given(JSON)
@settings(max_examples=50)
def test_anything_else_is_refused_by_name(script: Any) -> None:
    try:
        assert all(isinstance(act, Act) for act in parse(script))
    except ValueError as error:
        assert "script" in str(error)
