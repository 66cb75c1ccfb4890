"""What happened in a call, in plain words, from its stored events. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from calls.facts import explanations, states
from calls.facts.inbound import meeting, missed
from calls.selectors import presentation

AGENT, CONTACT = "agent", "contact"  # parties of legs, as CallLeg spells them
_RECORDING = "recording"


@dataclass(frozen=True)
class Fact:
    """An event with whom it is about: `who` is a name, `party` its leg's, both "" for the room."""

    kind: str
    name: str
    at: datetime
    who: str = ""
    party: str = ""
    sip_code: int | None = None
    error_code: int | None = None
    duration: int | None = None
    came_in: bool = False  # its call


@dataclass(frozen=True)
class Moment:
    at: datetime
    text: str
    tone: str  # as in presentation.STATUS
    note: str = ""


# By the event's name: (words, tone). `{who}` is whom the event is about.
_DIALLED: dict[str, tuple[str, str]] = {
    states.INITIATED: ("Dialled {who}", "info"),
    states.RINGING: ("{who}’s phone rang", "warning"),
    states.IN_PROGRESS: ("{who} answered", "success"),
    states.COMPLETED: ("Call ended", "secondary"),
    states.BUSY: ("{who} was busy", "warning"),
    states.NO_ANSWER: ("{who} did not answer", "warning"),
    states.CANCELED: ("Ended before {who} answered", "secondary"),
    states.FAILED: ("{who} could not be reached", "danger"),
}
# The same of who called us; what happened on their way is an event of our own.
_CAME_IN: dict[str, tuple[str, str]] = {
    states.RINGING: ("{who} called", "info"),
    **dict.fromkeys(states.TERMINAL, ("Call ended", "secondary")),
}
_WAY: dict[str, tuple[str, str]] = {
    missed.GREETED: ("{who} heard the greeting", "info"),
    missed.CLOSED: ("The line was closed", "warning"),
    missed.WAITING: ("{who} waited for an agent", "warning"),
    missed.NOBODY_AVAILABLE: ("No one was available", "warning"),
    missed.NOBODY_ANSWERED: ("No one answered", "warning"),
    missed.TOO_MANY_WAITING: ("Too many callers were waiting", "warning"),
    missed.TO_VOICEMAIL: ("{who} was asked to leave a voicemail", "info"),
    missed.TO_OUTSIDE: ("An outside number was called", "info"),
    missed.TO_LATER: ("{who} was asked to call later", "warning"),
    missed.CALLBACK_ASKED: ("{who} asked to be called back", "warning"),
    missed.MESSAGE_LEFT: ("{who} left a voicemail", "success"),
    missed.OUTSIDE_ANSWERED: ("The outside number answered", "success"),
    missed.BLOCKED: ("Rejected: this number is blocked", "secondary"),
    meeting.BRINGING: ("{who} was connected to an agent", "success"),
    meeting.GIVEN_BACK: ("{who} went back in line: the agent was gone", "warning"),
}
_ROOM: dict[str, tuple[str, str]] = {
    "participant-join": ("{who} joined", "info"),
    "participant-leave": ("{who} left", "secondary"),
    "participant-hold": ("{who} was put on hold", "warning"),
    "participant-unhold": ("{who} was taken off hold", "info"),
    "participant-mute": ("{who} was muted", "secondary"),
    "participant-unmute": ("{who} was unmuted", "secondary"),
}
_SOUND_LOST = ("{who}’s network lost the sound", "warning")
_RECORDED: dict[str, tuple[str, str]] = {
    "stored": ("Recording ready", "success"),
    "absent": ("Nothing was recorded", "secondary"),
    "failed": ("The recording could not be fetched", "danger"),
}


def recording_fact(state: str, at: datetime) -> Fact:
    return Fact(_RECORDING, state, at)


def timeline(facts: Iterable[Fact]) -> list[Moment]:
    """The facts worth telling, oldest first; what is told twice is said once."""
    told: dict[str, Moment] = {}
    for fact in sorted(facts, key=_order):
        moment = _moment(fact)
        if moment is None:
            continue
        # Holding and muting can happen again and again; dialling, answering and ending cannot.
        again = fact.kind == states.CONFERENCE or fact.name in {states.SOUND_LOST, *_WAY}
        key = f"{moment.text} {fact.at}" if again else moment.text
        told.setdefault(key, moment)
    return list(told.values())


def _order(fact: Fact) -> tuple[datetime, int]:
    # Twilio's clock ticks in seconds: within one, a call rings before it is answered.
    return fact.at, states.RANK.get(fact.name, 2)


def _moment(fact: Fact) -> Moment | None:
    if fact.kind == _RECORDING:
        found = _RECORDED.get(fact.name)
    elif fact.kind == states.CONFERENCE:
        # That the contact joins and leaves is what answering and ending say already.
        is_news = fact.party != CONTACT or "join" not in fact.name and "leave" not in fact.name
        found = _ROOM.get(fact.name) if is_news and fact.who else None
    elif fact.name == states.SOUND_LOST:
        found = _SOUND_LOST
    elif fact.came_in and fact.party == CONTACT:
        ours = _WAY if fact.kind == states.LOCAL else {}
        found = ours.get(fact.name) or _CAME_IN.get(fact.name)
    elif fact.party == CONTACT and fact.kind in (states.CALL, states.LOCAL):
        found = _DIALLED.get(fact.name)
        if states.outcome(fact.name, fact.sip_code) == "declined":
            found = ("{who} declined", "warning")
    else:
        found = None  # the agent's own browser connecting says nothing that joining does not
    if found is None:
        return None
    words, tone = found
    notes = [explanations.TWILIO_ERRORS.get(fact.error_code or 0, "")]
    if fact.kind == states.LOCAL and fact.name not in {states.SOUND_LOST, *_WAY}:
        notes.append("Worked out here; Twilio didn’t confirm it.")
    if fact.name == states.COMPLETED and fact.duration:
        notes.append(f"Talked for {presentation.spoken(fact.duration)}.")
    return Moment(fact.at, words.format(who=fact.who), tone, " ".join(filter(None, notes)))
