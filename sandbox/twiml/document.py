"""TwiML as data: parsed and checked before anything of it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree import ElementTree  # nosec B405 - of documents without a DTD only

from sandbox.twiml import values

# What the sandbox runs. Anything else ends the call with an alert: a verb that is skipped in
# silence would let a test pass that fails on Twilio.
ATTRIBUTES = {
    "Response": set(),
    "Say": {"voice", "language", "loop"},
    "Play": {"loop", "digits"},
    "Pause": {"length"},
    "Redirect": {"method"},
    "Hangup": set(),
    "Reject": {"reason"},
    "Leave": set(),
    "Dial": {
        "action",
        "method",
        "timeout",
        "callerId",
        "timeLimit",
        "record",
        "recordingStatusCallback",
        "recordingStatusCallbackMethod",
        "recordingStatusCallbackEvent",
    },
    "Conference": {
        "participantLabel",
        "muted",
        "startConferenceOnEnter",
        "endConferenceOnExit",
        "beep",
        "waitUrl",
        "waitMethod",
        "maxParticipants",
        "region",
        "coach",
        "record",
        "trim",
        "jitterBufferSize",
        "statusCallback",
        "statusCallbackMethod",
        "statusCallbackEvent",
        "recordingStatusCallback",
        "recordingStatusCallbackMethod",
        "recordingStatusCallbackEvent",
    },
    "Number": {"statusCallback", "statusCallbackMethod", "statusCallbackEvent"},
    "Gather": {
        "input",
        "action",
        "method",
        "timeout",
        "numDigits",
        "finishOnKey",
        "actionOnEmptyResult",
    },
    "Record": {
        "action",
        "method",
        "timeout",
        "finishOnKey",
        "maxLength",
        "playBeep",
        "trim",
        "recordingStatusCallback",
        "recordingStatusCallbackMethod",
        "recordingStatusCallbackEvent",
    },
    "Enqueue": {"action", "method", "waitUrl", "waitUrlMethod"},
}
CHILDREN = {
    "Response": set(ATTRIBUTES) - {"Response", "Conference", "Number"},
    "Dial": {"Conference", "Number"},
    "Gather": {"Say", "Play", "Pause"},
}


class TwimlError(Exception):
    """It cannot run. ``code`` is Twilio's (12100 …), 0 where only the sandbox gives up."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Verb:
    """One element: its name, attributes, text and nested verbs."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: tuple[Verb, ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """An attribute."""
        return self.attributes.get(name, default)

    def flag(self, name: str, default: bool) -> bool:
        """A ``true``/``false`` attribute."""
        return self.attributes.get(name, str(default)).lower() == "true"

    def number(self, name: str, default: float) -> float:
        """A number attribute; TwimlError 12200 when it is none."""
        try:
            return float(self.attributes.get(name, default))
        except ValueError:
            raise TwimlError(12200, f"<{self.name}> {name} is not a number") from None


def parse(text: str) -> tuple[Verb, ...]:
    """The verbs of a document. Raises TwimlError."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise TwimlError(12100, "Document parse failure: DTD is not allowed")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  # nosec B314 - DTDs are refused above
    except ElementTree.ParseError as error:
        raise TwimlError(12100, f"Document parse failure: {error}") from None
    if root.tag != "Response":
        raise TwimlError(12100, f"Document parse failure: <{root.tag}> is not <Response>")
    return _verb(root).children


def _verb(element: ElementTree.Element, inside: str = "") -> Verb:
    name = element.tag
    if name not in ATTRIBUTES:
        if name in values.KNOWN_VERBS:
            raise TwimlError(0, f"TwiML <{name}> is not implemented by the sandbox")
        raise TwimlError(12200, f"<{name}> is no TwiML")
    if inside and name not in CHILDREN.get(inside, set()):
        code = 13320 if inside == "Gather" else 12200
        raise TwimlError(code, f"<{name}> is not allowed inside <{inside}>")
    attributes, text = dict(element.attrib), (element.text or "").strip()
    if unknown := sorted(set(attributes) - ATTRIBUTES[name]):
        ours = set(unknown) <= values.KNOWN_ATTRIBUTES.get(name, frozenset())
        reason = "not implemented by the sandbox" if ours else "no attribute of it"
        raise TwimlError(0 if ours else 12200, f"TwiML <{name}> {', '.join(unknown)}: {reason}")
    if inside == "Gather" and "digits" in attributes:
        raise TwimlError(13320, "<Play digits> is not allowed inside <Gather>")
    children = tuple(_verb(child, name) for child in element)
    if wrong := values.fault(name, attributes, text):
        raise TwimlError(*wrong)
    return Verb(name, attributes, text, children)
