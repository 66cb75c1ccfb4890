"""TwiML says what we mean, whatever text goes into it or comes with the request."""

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.facts.inbound import spoken
from calls.gateway import twiml

# What XML can hold at all: the rest is refused by every parser, Twilio's too.
texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=60
) | st.sampled_from(
    [
        "</Say><Dial>+19005550100</Dial><Say>",
        '"/><Dial>+19005550100</Dial><x y="',
        "]]></Conference><Redirect>http://evil.example</Redirect>",
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
        "&lt;Dial&gt;",
        "<?xml-stylesheet href='http://evil.example'?>",
    ]
)
HOSTILE = [
    "</Client><Dial>+19005550100</Dial>",
    '"><Redirect>http://evil.example</Redirect>',
    "client:</Say><Record/>",
    "sip:evil@evil.example",
    "+19005550100",
    "<Response><Dial>+19005550100</Dial></Response>",
]


def shape(document: str) -> list[str]:
    return [element.tag for element in ElementTree.fromstring(document).iter()]


@given(texts, texts, texts)
def test_any_text_stays_text(room: str, label: str, url: str) -> None:
    document = twiml.join_conference(
        room=room,
        label=label,
        action_url=url,
        conference_callback=url,
        ends_room=True,
        time_limit=60,
    )
    assert shape(document) == ["Response", "Dial", "Conference"]
    conference = ElementTree.fromstring(document).find("Dial/Conference")
    assert conference is not None and (conference.text or "") == room
    assert conference.get("participantLabel", "") == label
    assert shape(twiml.say_goodbye(room)) == ["Response", "Say", "Hangup"]


@given(st.text(max_size=60), texts)
def test_whatever_an_admin_has_typed_is_a_document(text: str, url: str) -> None:
    """Also what XML cannot hold: it is left out, and nobody hears an error instead of it."""
    said = twiml.Said(text, spoken.voice("en-US"))
    for document in (
        twiml.speak_and_go([said], url),
        twiml.speak_and_hang_up([said]),
        twiml.ask_key([said, twiml.Played(url)], action_url=url, seconds=5),
        twiml.enqueue("vq_1", action_url=url, wait_url=url),
        twiml.wait([said], again_url=url, key_url=url),
        twiml.wait([said], again_url=url),
        twiml.record_message(
            [said], [said], action_url=url, recording_callback=url, longest=1
        ),
        twiml.dial_outside(
            "+14155550100", caller_id="+14155550199", action_url=url, status_callback=url,
            ring_timeout=30, time_limit=60,
        ),
    ):  # fmt: skip
        verbs = {*shape(document)} - {"Response"}
        assert verbs <= {
            *("Say", "Play", "Pause", "Redirect", "Hangup", "Gather", "Enqueue"),
            *("Record", "Dial", "Number"),
        }


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_caller_is_called_never_gets_into_the_answer(
    cast: Any, webhook: Any, text: str
) -> None:
    names = ("From", "To", "Caller", "Called", "CallerName", "FromCity", "SipHeader_X", "Digits")
    for path in ("voice-webhook", "voice-fallback", "hold-music"):
        answer = webhook(
            f"/api/twilio/{path}",
            CallSid="CA" + "1" * 32,
            Direction="inbound",
            CallStatus="ringing",
            clientRequestId=text,
            **dict.fromkeys(names, text),
        )
        assert answer.status_code == 200
        document = answer.content.decode()
        assert {*shape(document)} <= {"Response", "Say", "Hangup", "Pause", "Reject"}
        assert text not in document and "evil" not in document and "900555" not in document
