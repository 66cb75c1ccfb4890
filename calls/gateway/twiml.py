"""The only place that writes TwiML. Every function returns an XML document."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from calls.facts.inbound.spoken import Voice

CONFERENCE_EVENTS = ("start", "end", "join", "leave", "mute", "hold", "modify")


def join_conference(
    *,
    room: str,
    label: str,
    action_url: str,
    conference_callback: str,
    ends_room: bool,
    time_limit: int,
) -> str:
    """Bring the calling leg into `room`, for `time_limit` seconds at most. URLs are absolute
    (`calls.gateway.addresses`).
    """
    response = VoiceResponse()
    dial = Dial(action=action_url, method="POST", time_limit=time_limit)
    dial.conference(
        room,
        participant_label=label,
        start_conference_on_enter=True,
        end_conference_on_exit=ends_room,
        beep="false",
        wait_url="",
        max_participants=10,
        status_callback=conference_callback,
        status_callback_method="POST",
        status_callback_event=" ".join(CONFERENCE_EVENTS),
    )
    response.append(dial)
    return str(response)


def please_hold() -> str:
    """Ask for patience, twice, a little longer than anybody is kept (`facts.rooms.COME_BACK`)."""
    response = VoiceResponse()
    for _ in range(3):
        response.say("One moment please. Your call will be continued.")
        response.pause(length=8)
    return str(response)


def try_sound() -> str:
    """For whoever tries their connection: a sentence, and the end after ten seconds."""
    response = VoiceResponse()
    response.say("This is a test of your connection. Please say a few words now. Thank you.")
    response.pause(length=4)
    response.hangup()
    return str(response)


def say_goodbye(sentence: str) -> str:
    """Say one plain sentence and hang up."""
    response = VoiceResponse()
    response.say(sentence)
    response.hangup()
    return str(response)


def hang_up() -> str:
    response = VoiceResponse()
    response.hangup()
    return str(response)


# --- for those who call us -----------------------------------------------------------------------

SILENCE_ENDS = 5  # seconds of it end a message
# What XML cannot hold, whoever has typed it: the whole document would be refused.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Said:
    """A text that is read out."""

    text: str
    voice: Voice


@dataclass(frozen=True)
class Played:
    """A sound, at an absolute URL."""

    url: str


Sounds = Sequence[Said | Played]


def reject() -> str:
    """Refuse the call before it is answered: nobody pays for it."""
    response = VoiceResponse()
    response.reject(reason="rejected")
    return str(response)


def speak_and_go(sounds: Sounds, url: str) -> str:
    """Then ask `url` how it goes on."""
    response = VoiceResponse()
    _speak(response, sounds)
    response.redirect(url, method="POST")
    return str(response)


def speak_and_hang_up(sounds: Sounds) -> str:
    response = VoiceResponse()
    _speak(response, sounds)
    response.hangup()
    return str(response)


def ask_key(sounds: Sounds, *, action_url: str, seconds: int) -> str:
    """One key, pressed while it is asked for or within `seconds`. `action_url` hears of it, and
    that there was none.
    """
    response = VoiceResponse()
    _speak(_gather(response, action_url, timeout=seconds, action_on_empty_result=True), sounds)
    return str(response)


def ask_until(sounds: Sounds, after: Sounds, *, action_url: str, times: int, seconds: int) -> str:
    """One key, asked for so many `times`, each with `seconds` to press it; who presses none hears
    what is said `after`, and the end.
    """
    response = VoiceResponse()
    for _ in range(times):
        _speak(_gather(response, action_url, timeout=seconds), sounds)
    _speak(response, after)
    response.hangup()
    return str(response)


def enqueue(queue: str, *, action_url: str, wait_url: str) -> str:
    """`queue` is a name within the whole account."""
    response = VoiceResponse()
    response.enqueue(
        queue, action=action_url, method="POST", wait_url=wait_url, wait_url_method="POST"
    )
    return str(response)


def wait(sounds: Sounds, *, again_url: str, key_url: str = "") -> str:
    """What somebody hears in a queue until `again_url` is asked, a second later; with a `key_url`,
    a key that they press meanwhile is told there at once. (A sound that cannot be had takes no
    time: without the second it would be asked for as fast as may be.)
    """
    response = VoiceResponse()
    if key_url:
        _speak(_gather(response, key_url, timeout=1), sounds)
    else:
        _speak(response, sounds)
        response.pause(length=1)
    response.redirect(again_url, method="POST")
    return str(response)


def pause_and_go(seconds: int, url: str) -> str:
    response = VoiceResponse()
    response.pause(length=seconds)
    response.redirect(url, method="POST")
    return str(response)


def leave_queue() -> str:
    response = VoiceResponse()
    response.leave()
    return str(response)


def record_message(
    before: Sounds, after: Sounds, *, action_url: str, recording_callback: str, longest: int
) -> str:
    """A tone, and a message of `longest` seconds at most. What is said `after` it is heard when
    there was none: Twilio then goes on in the document, and does not ask `action_url`.
    """
    response = VoiceResponse()
    _speak(response, before)
    response.record(
        action=action_url,
        method="POST",
        timeout=SILENCE_ENDS,
        finish_on_key="#",
        max_length=max(2, longest),
        play_beep=True,
        trim="trim-silence",
        recording_status_callback=recording_callback,
        recording_status_callback_method="POST",
        recording_status_callback_event="completed absent",
    )
    _speak(response, after)
    response.hangup()
    return str(response)


def dial_outside(
    number: str,
    *,
    caller_id: str,
    action_url: str,
    status_callback: str,
    ring_timeout: int,
    time_limit: int,
) -> str:
    """Connect with a number (E.164) that is not ours."""
    response = VoiceResponse()
    dial = Dial(
        action=action_url,
        method="POST",
        caller_id=caller_id,
        timeout=ring_timeout,
        time_limit=time_limit,
    )
    dial.number(
        number,
        status_callback=status_callback,
        status_callback_method="POST",
        status_callback_event="answered",
    )
    response.append(dial)
    return str(response)


def _gather(response: VoiceResponse, url: str, **more: Any) -> Gather:
    # Without a key that ends the input each of them is one that can be pressed.
    return response.gather(
        input="dtmf", num_digits=1, finish_on_key="", action=url, method="POST", **more
    )


def _speak(into: VoiceResponse | Gather, sounds: Sounds) -> None:
    for sound in sounds:
        if isinstance(sound, Played):
            into.play(sound.url)
        elif text := _UNWRITABLE.sub(" ", sound.text).strip():
            into.say(text, voice=sound.voice.name, language=sound.voice.language)
