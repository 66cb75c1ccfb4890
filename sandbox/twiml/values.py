"""What Twilio knows of TwiML beyond what the sandbox runs, and which values it accepts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

Accepts = Callable[[str], bool]


class Fault(NamedTuple):
    """What is wrong, with Twilio's code."""

    code: int
    message: str


# Twilio's, but not implemented here; a name that is in no list is none of Twilio's (12200).
KNOWN_VERBS = frozenset(
    "AiSession Application Client Connect Echo Pay Prompt Queue Refer Sim Sip Siprec Sms Start"
    " Stop Stream Task Transcription VirtualAgent"
    " break emphasis lang p phoneme prosody s say-as sub w".split()  # SSML, inside <Say>
)
KNOWN_ATTRIBUTES = {
    "Gather": frozenset(
        "bargeIn debug enhanced hints language partialResultCallback partialResultCallbackMethod"
        " profanityFilter speechModel speechTimeout".split()
    ),
    "Record": frozenset(
        "recordingConfigurationId recordingTrack transcribe transcribeCallback".split()
    ),
    "Enqueue": frozenset({"workflowSid"}),
    "Dial": frozenset(
        "answerOnBridge callReason events hangupOnStar recordingTrack referMethod referUrl"
        " ringTone sequential trim recordingConfigurationId".split()
    ),
    "Conference": frozenset({"eventCallbackUrl", "recordingTrack", "whisper"}),
    "Number": frozenset(
        "amdStatusCallback amdStatusCallbackMethod byoc machineDetection"
        " machineDetectionSilenceTimeout machineDetectionSpeechEndThreshold"
        " machineDetectionSpeechThreshold machineDetectionTimeout method sendDigits url".split()
    ),
}


def _whole(low: int, high: int = 86_400) -> Accepts:
    return lambda text: text.isascii() and text.isdigit() and low <= int(text) <= high


def _one_of(*words: str) -> Accepts:
    return lambda text: text in words


def _like(pattern: str) -> Accepts:
    return lambda text: re.fullmatch(pattern, text) is not None


METHOD, FLAG = _one_of("GET", "POST"), _one_of("true", "false")
RECORDING_EVENTS = _like(
    r"\s*(in-progress|completed|absent)(\s+(in-progress|completed|absent))*\s*"
)
VOICE = _like(r"man|woman|alice|(Polly|Google)\.[\w-]+")
LANGUAGE = _like(r"arb|[a-z]{2,3}(-[A-Z][A-Za-z]{3})?-([A-Z]{2}|\d{3})")
CHECKS: dict[tuple[str, str], tuple[int, Accepts]] = {
    ("Say", "loop"): (13510, _whole(0)),
    ("Say", "voice"): (13511, VOICE),
    ("Say", "language"): (13512, LANGUAGE),
    ("Play", "loop"): (13410, _whole(0, 1000)),
    ("Play", "digits"): (13430, _like(r"[0-9A-DWw#*]+")),
    ("Pause", "length"): (13910, _whole(1)),
    ("Redirect", "method"): (13710, METHOD),
    ("Reject", "reason"): (13810, _one_of("rejected", "busy")),
    ("Gather", "finishOnKey"): (13310, _like(r"[0-9#*]?")),
    ("Gather", "method"): (13312, METHOD),
    ("Gather", "timeout"): (13313, _whole(1)),
    ("Gather", "numDigits"): (13314, _whole(1)),
    ("Gather", "input"): (13326, _one_of("dtmf", "speech", "dtmf speech", "speech dtmf")),
    ("Gather", "actionOnEmptyResult"): (13338, FLAG),
    ("Record", "method"): (13610, METHOD),
    ("Record", "timeout"): (13611, _whole(0)),
    ("Record", "maxLength"): (13612, _whole(2)),
    ("Record", "finishOnKey"): (13613, _like(r"[0-9#*]+")),
    ("Record", "playBeep"): (13616, FLAG),
    ("Record", "trim"): (13699, _one_of("trim-silence", "do-not-trim")),
    ("Record", "recordingStatusCallbackEvent"): (13621, RECORDING_EVENTS),
    ("Enqueue", "method"): (14201, METHOD),
    ("Enqueue", "waitUrlMethod"): (14206, METHOD),
}


def fault(name: str, attributes: dict[str, str], text: str) -> Fault | None:
    """The first thing that is wrong with an element's values, None if they are all right."""
    for attribute, value in attributes.items():
        code, accepts = CHECKS.get((name, attribute), (0, bool))
        if code and not accepts(value):
            return Fault(code, f"<{name}> {attribute} cannot be {value!r}")
    if name == "Gather" and attributes.get("input", "dtmf") != "dtmf":
        return Fault(0, "<Gather> of speech is not implemented by the sandbox")
    if name == "Say" and not text:
        return Fault(13520, "<Say> without a text")
    if name == "Say" and len(text) > 4096:
        return Fault(13521, "<Say> of more than 4096 characters")
    if name == "Play" and not text and "digits" not in attributes:
        return Fault(11100, "<Play> without a URL")
    if name == "Enqueue" and not text:
        return Fault(14204, "<Enqueue> without a queue's name")
    if name == "Enqueue" and len(text) > 64:
        return Fault(14205, "<Enqueue> of a name that is longer than 64 characters")
    return None
