"""TwiML on inbound and outbound calls."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from sandbox.tests.application import Request, conference_twiml
from sandbox.tests.harness import OURS, Box, phone, until
from sandbox.twiml.document import TwimlError, parse


def ring(box: Box, document: str, ending: str = "100", **caller: Any) -> str:
    """A pretend caller rings our number, which answers with this document: the call's SID."""
    box.application.twiml["/inbound"] = f"<Response>{document}</Response>"
    made = box.command("incoming", {"from": phone(ending), "to": OURS, **caller})
    return str(made["sid"])


def ended(box: Box, sid: str, seconds: float = 8) -> str:
    return str(
        until(
            lambda: (
                box.status(sid)
                if box.status(sid) in ("completed", "failed", "busy", "no-answer", "canceled")
                else ""
            ),
            seconds,
        )
    )


def test_an_inbound_call_asks_and_reports(box: Box) -> None:
    sid = ring(box, "<Say>Hi</Say><Hangup/>")
    assert ended(box, sid) == "completed"
    asked = box.application.to("/inbound")[0].params
    assert asked["CallStatus"] == "ringing" and asked["Direction"] == "inbound"
    assert asked["From"] == phone("100") and asked["To"] == OURS
    status = until(lambda: box.application.to("/number-status"))[0].params
    assert status["CallStatus"] == "completed"


def test_pauses_are_real(box: Box) -> None:
    began = time.monotonic()
    sid = ring(box, '<Pause length="1"/>')
    assert ended(box, sid) == "completed"
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(("reason", "status"), [("rejected", "no-answer"), ("busy", "busy")])
def test_a_rejected_call_is_never_answered(box: Box, reason: str, status: str) -> None:
    sid = ring(box, f'<Reject reason="{reason}"/>')
    assert ended(box, sid) == status
    assert box.client.calls(sid).fetch().duration == "0"


def test_redirects_and_relative_urls(box: Box) -> None:
    box.application.twiml["/next"] = "<Response><Hangup/></Response>"
    sid = ring(box, '<Redirect method="POST">next?step=2&amp;x=a%20b</Redirect>')
    assert ended(box, sid) == "completed"
    assert box.application.to("/next")[0].path == "/next?step=2&x=a%20b"


def test_a_document_that_cannot_run_fails_the_call(box: Box) -> None:
    sid = ring(box, "<Say>not closed")
    until(lambda: 12100 in box.alerts())
    until(lambda: box.inspect(f"calls/{sid}/heard")["rms"] > 100, what="the apology is heard")
    assert ended(box, sid) == "failed"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("<Say>not closed", 12100),
        ("<Sing>la</Sing>", 12200),
        ("<say>la</say>", 12200),
        ('<Say speed="2">la</Say>', 12200),
        ("<Refer/>", 0),
        ('<Dial sequential="true">+15550009100</Dial>', 0),
        ("<Say><Hangup/></Say>", 12200),
        ("<Dial><Client>bob</Client></Dial>", 0),
    ],
)
def test_a_document_that_cannot_run(document: str, code: int) -> None:
    with pytest.raises(TwimlError) as refused:
        parse(f"<Response>{document}</Response>")
    assert refused.value.code == code


def test_a_document_type_is_refused() -> None:
    with pytest.raises(TwimlError):
        parse('<!DOCTYPE x [<!ENTITY a "b">]><Response>&a;</Response>')


def test_a_conference_ends_and_the_action_goes_on(box: Box) -> None:
    box.application.twiml["/after"] = "<Response><Hangup/></Response>"
    text = conference_twiml(box.application, "vc_tw", participantLabel="caller")
    document = text.replace("<Dial>", '<Dial action="/after">')
    sid = ring(box, document.removeprefix("<Response>").removesuffix("</Response>"))
    until(lambda: box.client.conferences.list(friendly_name="vc_tw"))
    box.client.conferences("vc_tw").participants("caller").delete()
    assert ended(box, sid) == "completed"
    after = box.application.to("/after")[0].params
    assert after["DialCallStatus"] == "answered"
    assert "DialCallSid" not in after and "DialCallDuration" not in after


def test_a_label_in_use_falls_through_to_the_next_verb(box: Box) -> None:
    box.dial("vc_dup", "103", label="caller")
    text = conference_twiml(box.application, "vc_dup", participantLabel="caller")
    sid = ring(box, text.removeprefix("<Response>").removesuffix("</Response>") + "<Hangup/>")
    assert ended(box, sid) == "completed"
    assert 16025 in box.alerts()


def test_a_dialled_number_is_bridged(box: Box) -> None:
    box.application.twiml["/after"] = "<Response><Hangup/></Response>"
    child = f'<Number statusCallback="/child">{phone("101")}</Number>'
    options = f'action="/after" callerId="{OURS}" record="record-from-answer-dual"'
    reports = 'recordingStatusCallback="/recording"'
    sid = ring(box, f"<Dial {options} {reports}>{child}</Dial>")
    leg = until(lambda: box.client.calls.list(parent_call_sid=sid))[0]
    until(lambda: box.inspect(f"calls/{leg.sid}/heard")["rms_last_second"] > 300)
    # The echo comes half a second later; before it, the caller hears ringing.
    until(lambda: box.inspect(f"calls/{leg.sid}/heard")["seconds"] > 1)
    until(lambda: box.inspect(f"calls/{sid}/heard")["rms_last_second"] > 300)
    box.command(f"calls/{leg.sid}/hangup")
    assert ended(box, sid) == "completed"
    after = box.application.to("/after")[0].params
    assert (after["DialCallStatus"], after["DialCallSid"]) == ("completed", leg.sid)
    assert after["DialBridged"] == "true"
    told = until(lambda: box.application.to("/child"))[0].params
    assert told["ParentCallSid"] == sid and told["Direction"] == "outbound-dial"
    recording = until(lambda: box.application.to("/recording"))[0].params
    assert recording["RecordingSource"] == "DialVerb" and recording["CallSid"] == sid
    assert recording["RecordingChannels"] == "2"
    assert recording["RecordingUrl"] == after["RecordingUrl"]


def test_digits_are_gathered(box: Box) -> None:
    box.application.twiml["/digits"] = "<Response><Hangup/></Response>"
    sid = ring(box, '<Gather numDigits="2" action="/digits"><Say>Press</Say></Gather>')
    until(lambda: box.status(sid) == "in-progress")
    time.sleep(0.1)
    box.command(f"calls/{sid}/digits", {"digits": "42"})
    assert ended(box, sid) == "completed"
    assert box.application.to("/digits")[0].params["Digits"] == "42"


def test_nothing_gathered_goes_on(box: Box) -> None:
    sid = ring(box, '<Gather timeout="1" action="/digits"/><Hangup/>')
    assert ended(box, sid) == "completed"
    assert not box.application.to("/digits")


def test_a_voicemail_is_recorded(box: Box) -> None:
    box.application.twiml["/done"] = "<Response><Hangup/></Response>"
    sid = ring(
        box,
        '<Record maxLength="2" playBeep="true" action="/done"'
        ' recordingStatusCallback="/recording" recordingStatusCallbackEvent="completed absent"/>',
    )
    assert ended(box, sid) == "completed"
    done = box.application.to("/done")[0].params
    told = until(lambda: box.application.to("/recording"))[0].params
    assert told["RecordingSid"] == done["RecordingSid"]
    assert told["RecordingSource"] == "RecordVerb" and told["RecordingDuration"] in ("2", "3")
    sound = box.http.get(told["RecordingUrl"], auth=(told["AccountSid"], "token-one"))
    assert len(sound.content) > 15_000


def test_a_call_is_dialled_with_twiml_and_moved(box: Box) -> None:
    made = box.client.calls.create(
        from_=OURS,
        to=phone("100"),
        twiml='<Response><Pause length="60"/></Response>',
        status_callback=f"{box.application.url}/status",
    )
    with pytest.raises(TwilioRestException) as refused:
        box.client.calls(made.sid).update(twiml="<Response/>")
    assert refused.value.code == 21220
    until(lambda: box.status(made.sid) == "in-progress")
    box.client.calls(made.sid).update(twiml="<Response><Say>Bye</Say></Response>")
    assert ended(box, made.sid) == "completed"
    until(lambda: box.application.events("/status") == ["completed"])


def test_a_participant_can_be_moved_to_twiml(box: Box) -> None:
    made = box.dial("vc_move", "100", label="contact")
    until(lambda: box.status(made.call_sid) == "in-progress")
    box.client.calls(made.call_sid).update(
        twiml='<Response><Pause length="1"/><Hangup/></Response>'
    )
    assert box.status(made.call_sid) == "in-progress"
    until(lambda: box.client.conferences(made.conference_sid).fetch().status == "completed")
    assert ended(box, made.call_sid) == "completed"


def test_playing_what_cannot_be_had_goes_on(box: Box) -> None:
    def no_sound(handler: BaseHTTPRequestHandler, request: Request) -> bool:
        reply: Any = handler
        reply.reply(200, b"this is no sound", "audio/mpeg")
        return True

    box.application.behave["/x.mp3"] = no_sound
    sid = ring(box, "<Play>/x.mp3</Play><Hangup/>")
    assert ended(box, sid) == "completed"
    assert 11200 in box.alerts()
