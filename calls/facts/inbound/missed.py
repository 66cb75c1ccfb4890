"""A call that comes in, as a fold over its events: who took it, how long it waited, why it was
missed. Pure, and beside `facts.states`, which folds its legs as all others.

What happens to a caller on their way through the plan is a LOCAL event of their leg, named by what
is below. `sequence` is its number in the call, as several may happen at one moment.

Twilio answers a call as soon as a word is said to it. For us a caller who waits *rings*; they are
answered when they are brought to an agent who has joined (or an outside number picks up), and who
never was has had *no answer*, however Twilio calls that end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from calls.facts import states
from calls.facts.states import CallState, Event, LegState

# Where a caller is: each is left when the next one comes.
GREETED = "greeted"  # hears the greeting or a menu
CLOSED = "closed"  # the line is
WAITING = "waiting"  # in a group; again for the next one
NOBODY_AVAILABLE, NOBODY_ANSWERED = "nobody-available", "nobody-answered"  # as steps.Why has it
TOO_MANY_WAITING = "too-many-waiting"
TO_VOICEMAIL, TO_OUTSIDE, TO_LATER = "to-voicemail", "to-outside", "to-later"
# What came of it.
CALLBACK_ASKED, MESSAGE_LEFT = "callback-asked", "message-left"
OUTSIDE_ANSWERED = "outside-answered"
BLOCKED = "blocked"  # a blocked number, rejected at once: nobody has missed it


class Missed(StrEnum):
    CLOSED = "closed"
    GREETED = "greeted"
    WAITING = "waiting"
    NOBODY_AVAILABLE = "nobody-available"
    NOBODY_ANSWERED = "nobody-answered"
    VOICEMAIL = "voicemail"
    CALLBACK = "callback"

    @property
    def said(self) -> str:
        """In the history."""
        return _SAID[self]


_SAID = {
    Missed.CLOSED: "Closed",
    Missed.GREETED: "Hung up during the greeting",
    Missed.WAITING: "Hung up while waiting",
    Missed.NOBODY_AVAILABLE: "No one was available",
    Missed.NOBODY_ANSWERED: "No one answered",
    Missed.VOICEMAIL: "Left a voicemail",
    Missed.CALLBACK: "Asked for a callback",
}
# The last of these on a caller's way says why, unless something came of it.
_REASONS = {
    GREETED: Missed.GREETED,
    CLOSED: Missed.CLOSED,
    WAITING: Missed.WAITING,
    NOBODY_AVAILABLE: Missed.NOBODY_AVAILABLE,
    TOO_MANY_WAITING: Missed.NOBODY_AVAILABLE,
    NOBODY_ANSWERED: Missed.NOBODY_ANSWERED,
}
_STAGES = frozenset({*_REASONS, TO_VOICEMAIL, TO_OUTSIDE, TO_LATER, CALLBACK_ASKED})


@dataclass(frozen=True)
class InboundState:
    """What is known of a call that comes in. `taken_by`: the agent who talks or has talked last;
    `wait_seconds`: in groups, for an agent, None while it goes on or if there was none; `missed`:
    written once, at the end.
    """

    call: CallState
    taken_by: Any = None
    wait_seconds: int | None = None
    missed: Missed | None = None


def fold_inbound(
    events: Iterable[Event], contact: LegState, agents: Sequence[tuple[Any, LegState]] = ()
) -> InboundState:
    """The state of a call, from the events of the caller's leg in any order and any repetition, and
    from its folded legs; `agents` each with who it is, oldest first.
    """
    local = {event.key: event for event in events if event.kind == states.LOCAL}
    ordered = sorted(local.values(), key=Event.order)
    outside = [event.at for event in ordered if event.name == OUTSIDE_ANSWERED]
    taken_at = min([*outside, *([contact.joined_at] if contact.joined_at else [])], default=None)
    call = _call(contact, taken_at)
    return InboundState(
        call,
        _taken_by(contact, agents),
        _wait(ordered, taken_at, contact.ended_at),
        _missed(ordered) if call.outcome and taken_at is None else None,
    )


def _call(contact: LegState, taken_at: datetime | None) -> CallState:
    status = contact.status
    if taken_at is None:
        if status not in states.TERMINAL:
            status = states.RINGING
        elif status == states.COMPLETED:
            status = states.NO_ANSWER
    elif status not in states.TERMINAL:
        status = states.IN_PROGRESS
    if status not in states.TERMINAL or contact.ended_at is None:
        return CallState(status, taken_at, None, None, "")
    talked = 0
    if status == states.COMPLETED and taken_at is not None:
        talked = max(0, int((contact.ended_at - taken_at).total_seconds()))
    answered_at = taken_at if status == states.COMPLETED else None
    outcome = states.outcome(status, contact.sip_code)
    return CallState(status, answered_at, contact.ended_at, talked, outcome)


def _taken_by(contact: LegState, agents: Sequence[tuple[Any, LegState]]) -> Any:
    """The last agent who came while the caller was in the room, or was there before them."""
    if contact.joined_at is None:
        return None
    found = [
        (leg.joined_at, person)
        for person, leg in agents
        if leg.joined_at and not (leg.left_at and leg.left_at <= contact.joined_at)
    ]
    return max(found, key=lambda each: each[0])[1] if found else None


def _wait(
    ordered: Sequence[Event], taken_at: datetime | None, ended_at: datetime | None
) -> int | None:
    stages = [event for event in ordered if event.name in _STAGES]
    over_at = min((at for at in (taken_at, ended_at) if at), default=None)
    lengths = []
    for number, stage in enumerate(stages):
        if stage.name == WAITING:
            left_at = stages[number + 1].at if number + 1 < len(stages) else over_at
            if left_at is None:
                return None
            until = min(left_at, over_at) if over_at else left_at
            lengths.append(max(0.0, (until - stage.at).total_seconds()))
    return int(sum(lengths)) if lengths else None


def _missed(ordered: Sequence[Event]) -> Missed | None:
    names = [event.name for event in ordered]
    if BLOCKED in names:
        return None
    if MESSAGE_LEFT in names:
        return Missed.VOICEMAIL
    if CALLBACK_ASKED in names:
        return Missed.CALLBACK
    reasons = [_REASONS[name] for name in names if name in _REASONS]
    return reasons[-1] if reasons else Missed.GREETED
