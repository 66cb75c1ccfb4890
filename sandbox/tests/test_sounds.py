"""What callers hear of <Say> and <Play>, and what is recorded of them."""

from __future__ import annotations

import io
import wave
from http.server import BaseHTTPRequestHandler
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.media.audio import decode, dominant_hz, tone
from sandbox.media.files import to_mp3
from sandbox.tests.application import Request
from sandbox.tests.harness import ACCOUNT, TOKEN, Box, until
from sandbox.tests.test_callers import answers, caller, prompts
from sandbox.tests.test_twiml import ended, ring
from sandbox.twiml.attributes import absolute
from sandbox.twiml.document import TwimlError, Verb, parse
from sandbox.twiml.values import CHECKS


def sound(
    box: Box, path: str, hertz: int, seconds: float, kind: str = "audio/wav", rate: int = 8000
) -> None:
    """A sound file at this path."""
    samples, out = tone(seconds, hertz, level=9000), io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        for n in samples:
            file.writeframesraw(n.to_bytes(2, "little", signed=True) * (rate // 8000))
    body = to_mp3(out.getvalue()) if kind == "audio/mpeg" else out.getvalue()

    def behave(handler: BaseHTTPRequestHandler, request: Request) -> bool:
        handler.reply(200, body, kind)  # type: ignore[attr-defined]
        return True

    box.application.behave[path] = behave


def hears(box: Box, sid: str, hertz: int) -> bool:
    return any(hertz - 15 < heard < hertz + 15 for _, heard in caller(box, sid)["tones"])


@pytest.mark.parametrize("kind", ["audio/wav", "audio/mpeg"])
def test_a_sound_is_heard_as_it_is(box: Box, kind: str) -> None:
    sound(box, "/greeting", 440, 1.1, kind)
    sid = ring(box, "<Play>/greeting</Play>")
    assert ended(box, sid) == "completed" and hears(box, sid, 440)
    asked = box.application.to("/greeting")
    assert len(asked) == 1 and asked[0].method == "GET" and asked[0].params == {}
    assert prompts(box, sid) == [f"{box.application.url}/greeting"]


def test_a_large_sound_is_heard_to_its_end(box: Box) -> None:
    sound(box, "/large", 440, 1.1, rate=48_000)  # 105 KB
    sid = ring(box, "<Play>/large</Play>")
    assert ended(box, sid) == "completed" and hears(box, sid, 440)
    assert 1 < box.inspect(f"calls/{sid}/heard")["seconds"] < 2.5


def test_what_is_no_sound_is_an_alert(box: Box) -> None:
    box.application.behave["/page"] = answers(200, "<p>Hi", "text/html")
    sid = ring(box, "<Play>/page</Play><Say>Hi</Say>")
    assert ended(box, sid) == "completed" and prompts(box, sid) == ["Hi"]
    assert 13420 in box.alerts()


def test_keys_are_played(box: Box) -> None:
    sid = ring(box, '<Play digits="w12#"/><Pause length="30"/>')
    until(lambda: box.inspect(f"calls/{sid}/heard")["digits"] == "12#")
    until(lambda: box.inspect(f"calls/{sid}/heard")["rms"] > 100)


def test_a_text_is_said_in_its_length(box: Box) -> None:
    document = '<Say voice="Polly.Vicki" language="de-DE" loop="2">Guten Tag</Say>'
    sid = ring(box, document)
    assert ended(box, sid) == "completed"
    said = caller(box, sid)["prompts"]
    assert [(p["kind"], p["text"]) for p in said] == [("say", "Guten Tag")]
    assert 1 < box.inspect(f"calls/{sid}/heard")["seconds"] < 4


@pytest.mark.parametrize(
    ("trim", "low", "high"), [("trim-silence", 0.5, 0.9), ("do-not-trim", 1.3, 3)]
)
def test_a_message_is_recorded_with_its_sound(box: Box, trim: str, low: float, high: float) -> None:
    box.application.twiml["/done"] = "<Response/>"
    script = [
        {"until": "recording"},
        {"wait": 0.5},
        {"speak": 700, "seconds": 0.6},
        {"wait": 0.5},
        {"press": "*"},
    ]
    attributes = 'action="/done" timeout="20" finishOnKey="*#" playBeep="false"'
    reports = 'recordingStatusCallback="/r" recordingStatusCallbackEvent="in-progress completed"'
    sid = ring(box, f'<Record {attributes} trim="{trim}" {reports}/>', script=script)
    assert ended(box, sid) == "completed"
    assert box.application.to("/done")[0].params["Digits"] == "*"
    until(lambda: len(box.application.to("/r")) == 2)
    started, done = (r.params for r in box.application.to("/r"))
    assert (started["RecordingStatus"], done["RecordingStatus"]) == ("in-progress", "completed")
    assert done["RecordingSource"] == "RecordVerb" and done["CallSid"] == sid
    samples = decode(box.http.get(done["RecordingUrl"] + ".wav", auth=(ACCOUNT, TOKEN)).content)
    assert low <= len(samples) / 8000 <= high
    middle = len(samples) // 2
    assert 690 < dominant_hz(samples[middle - 2000 : middle + 2000]) < 710


def test_a_recording_ends_when_its_call_is_moved(box: Box) -> None:
    script = [{"until": "recording"}, {"speak": 700, "seconds": 20}]
    document = '<Record action="/done" recordingStatusCallback="/r" playBeep="false"/>'
    sid = ring(box, document, script=script)

    def has_spoken() -> bool:
        """For a while: of less than a tenth of a second nothing is kept."""
        said = box.inspect(f"calls/{sid}/heard")["said"]
        return said["rms"] > 1000 and said["seconds"] > 0.5

    until(has_spoken)
    box.client.calls(sid).update(twiml="<Response><Say>Somebody is there</Say></Response>")
    assert ended(box, sid) == "completed"
    done = until(lambda: box.application.to("/r"))[0].params
    assert done["RecordingStatus"] == "completed" and not box.application.to("/done")


def test_silence_ends_a_recording(box: Box) -> None:
    box.application.twiml["/done"] = "<Response/>"
    script = [{"until": "recording"}, {"speak": 700, "seconds": 0.5}]
    sid = ring(box, '<Record action="/done" timeout="1" playBeep="false"/>', script=script)
    assert ended(box, sid) == "completed"
    assert "Digits" not in box.application.to("/done")[0].params


def test_an_empty_recording_is_none_and_the_document_goes_on(box: Box) -> None:
    reports = 'recordingStatusCallback="/r" recordingStatusCallbackEvent="completed absent"'
    record = f'<Record action="/done" timeout="1" playBeep="false" {reports}/>'
    sid = ring(box, f"{record}<Say>Nothing was heard</Say>", script=[])
    assert ended(box, sid) == "completed" and prompts(box, sid) == ["Nothing was heard"]
    assert not box.application.to("/done")
    assert until(lambda: box.application.to("/r"))[0].params["RecordingStatus"] == "absent"


@pytest.mark.parametrize(
    ("verb", "reference", "code"),
    [
        ("Record", "", 11100),
        ("Record", "/done", 15004),
        ("Gather", "", 11100),
        ("Gather", "key?a=1", 15004),
        ("Redirect", "/next", 11100),
        ("Play", "ftp://a.example/x.wav", 11100),
    ],
)
def test_without_a_document_addresses_are_absolute(verb: str, reference: str, code: int) -> None:
    with pytest.raises(TwimlError) as refused:
        absolute("", reference, Verb(verb))
    assert refused.value.code == code
    assert absolute("", "https://a.example/x", Verb(verb)) == "https://a.example/x"
    assert absolute("https://a.example/x/y?z", "w", Verb(verb)) == "https://a.example/x/w"


def test_the_twiml_of_rest_needs_absolute_addresses(box: Box) -> None:
    sid = ring(box, '<Gather timeout="30"/>')
    until(lambda: box.status(sid) == "in-progress")
    box.client.calls(sid).update(twiml='<Response><Record action="/done"/></Response>')
    assert ended(box, sid) == "failed" and 15004 in box.alerts()


# values


def document(name: str, attributes: dict[str, str], text: str) -> str:
    element = ElementTree.Element(name, attributes)
    element.text = text
    return f"<Response>{ElementTree.tostring(element, encoding='unicode')}</Response>"


TEXTS = {"Say": "Hi", "Play": "/x.wav", "Redirect": "/x", "Enqueue": "q"}
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)


@given(st.sampled_from(sorted(CHECKS)), WORDS | st.integers(-5, 99_999).map(str))
@settings(max_examples=200)
def test_a_value_is_taken_or_refused_with_its_code(check: tuple[str, str], value: str) -> None:
    (name, attribute), (code, accepts) = check, CHECKS[check]
    text = document(name, {attribute: value}, TEXTS.get(name, ""))
    try:
        (verb,) = parse(text)
        assert accepts(value) and verb.get(attribute) == value
    except TwimlError as refused:
        assert refused.code == (code if not accepts(value) else 0)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<Say/>", 13520),
        (f"<Say>{'x' * 4097}</Say>", 13521),
        ("<Play/>", 11100),
        ("<Enqueue/>", 14204),
        (f"<Enqueue>{'q' * 65}</Enqueue>", 14205),
        ('<Enqueue workflowSid="WW1">q</Enqueue>', 0),
        ('<Gather input="speech"/>', 0),
        ('<Gather speechTimeout="1"/>', 0),
        ("<Gather><Hangup/></Gather>", 13320),
        ('<Gather><Play digits="1"/></Gather>', 13320),
        ('<Record transcribe="true"/>', 0),
        ("<Record><Say>Hi</Say></Record>", 12200),
        ('<Leave when="now"/>', 12200),
    ],
)
def test_what_cannot_be(text: str, code: int) -> None:
    with pytest.raises(TwimlError) as refused:
        parse(f"<Response>{text}</Response>")
    assert refused.value.code == code
