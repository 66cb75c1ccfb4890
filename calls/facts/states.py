"""Statuses, and the fold: a call's row is computed from the set of its events. Pure.

Every fact about a leg is an event. `fold_leg` turns the *set* of a leg's events into its state and
`fold_call` turns the states of the legs into the call's. Neither depends on the order in which the
events came, nor on how often; late, doubled, swapped or missing webhooks cannot spoil a row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# Twilio's own spelling. `initiated` appears in callbacks only.
QUEUED, INITIATED, RINGING, IN_PROGRESS = "queued", "initiated", "ringing", "in-progress"
COMPLETED, BUSY, FAILED = "completed", "busy", "failed"
NO_ANSWER, CANCELED = "no-answer", "canceled"

TERMINAL = frozenset({COMPLETED, BUSY, FAILED, NO_ANSWER, CANCELED})
RANK = {QUEUED: 0, INITIATED: 1, RINGING: 2, IN_PROGRESS: 3} | dict.fromkeys(TERMINAL, 4)
STATUSES = tuple(RANK)

# Kinds of events.
CALL, CONFERENCE, ACTION, LOCAL = "call", "conference", "action", "local"

_HOLD, _UNHOLD = "participant-hold", "participant-unhold"
# A LOCAL event of the room: its agent has pressed “End call”. Without it, an agent who is gone has
# lost a page or a network, and may come back.
END_ASKED = "end-asked"

# A LOCAL event of a leg: after an answer that was lost, Twilio shows no call that could be it. Says
# nothing any more once Twilio has spoken of the leg.
NEVER_MADE = "never-made"

# A LOCAL event of an agent's leg: their page lives, and its network carries the sound no more. It
# moves nothing; the call's story tells it.
SOUND_LOST = "sound-lost"

DECLINED_SIP_CODE = 603


@dataclass(frozen=True)
class Event:
    """One fact about one leg.

    `kind` and `name`: CALL with a call status, CONFERENCE with a StatusCallbackEvent, ACTION with
    the name of a TwiML verb's end, LOCAL with a call status that we concluded ourselves.
    `at` is when it happened (aware, UTC), `sequence` the provider's SequenceNumber within the call
    or conference, `duration` the leg's CallDuration in seconds. `key` makes the order total.
    """

    key: str
    kind: str
    name: str
    at: datetime
    sequence: int | None = None
    duration: int | None = None
    sip_code: int | None = None
    error_code: int | None = None

    def order(self) -> tuple[int, int, int, datetime, str]:
        """What the provider said before what we concluded; numbered before unnumbered."""
        return (
            int(self.kind == LOCAL),
            int(self.sequence is None),
            self.sequence or 0,
            self.at,
            self.key,
        )


@dataclass(frozen=True)
class LegState:
    """What is known of a leg. Times are aware UTC; `duration` is whole seconds from answer to end,
    None while the leg lives. `joined_at` and `left_at` are about the conference.
    """

    status: str = QUEUED
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    duration: int | None = None
    joined_at: datetime | None = None
    left_at: datetime | None = None
    on_hold: bool = False
    sip_code: int | None = None
    error_code: int | None = None

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL or self.left_at is not None

    @property
    def is_present(self) -> bool:
        """In the room: others can be connected to this leg."""
        return self.joined_at is not None and not self.is_over


def is_of_room(name: str) -> bool:
    """Whether an event that is about no leg of its room moves all of them: what is said of one
    participant, a stranger then, moves none.
    """
    return not name.startswith("participant-")


def fold_leg(events: Iterable[Event]) -> LegState:
    """The state of a leg, from its events in any order and any repetition."""
    ordered = sorted({event.key: event for event in events}.values(), key=Event.order)
    if not any(_is_spoken_of(event) for event in ordered):
        ordered = [
            replace(event, name=FAILED) if event.name == NEVER_MADE else event for event in ordered
        ]
    statuses = [event for event in ordered if event.kind in (CALL, LOCAL) and event.name in RANK]
    end = next((event for event in statuses if event.name in TERMINAL), None)
    status = max((event.name for event in statuses), key=lambda name: RANK[name], default=QUEUED)
    answered_at = _earliest(event.at for event in statuses if event.name == IN_PROGRESS)
    joined_at = _earliest(_times(ordered, CONFERENCE, "participant-join"))
    left_at = _earliest(
        [
            *_times(ordered, CONFERENCE, "participant-leave"),
            *_times(ordered, CONFERENCE, "conference-end"),
            *_times(ordered, ACTION, "leg-ended"),
        ]
    )
    holds = [event for event in ordered if event.name in (_HOLD, _UNHOLD)]
    on_hold = bool(holds) and holds[-1].name == _HOLD and left_at is None
    if end is None:
        return LegState(status, answered_at, None, None, joined_at, left_at, on_hold)

    ended_at, duration = end.at, _first(event.duration for event in statuses)
    if end.name == COMPLETED:
        if answered_at is None and duration:
            # The answer's callback was lost; the end says how long the talk had been.
            answered_at = ended_at - timedelta(seconds=duration)
        if duration is None:
            duration = _seconds(answered_at, ended_at)
    else:
        # Never answered: rings are not talk, whatever a stray event says.
        duration, answered_at = 0, None
    return LegState(
        status=end.name,
        answered_at=answered_at,
        ended_at=ended_at,
        duration=duration,
        joined_at=joined_at,
        left_at=left_at,
        sip_code=_first(event.sip_code for event in statuses),
        error_code=_first(event.error_code for event in statuses),
    )


@dataclass(frozen=True)
class CallState:
    """What is known of a call; the same units as `LegState`."""

    status: str
    answered_at: datetime | None
    ended_at: datetime | None
    duration: int | None
    outcome: str
    """Written once, at the end: the terminal status, or `declined`. "" while the call lives."""


def fold_call(contact: LegState) -> CallState:
    """The call's state: that of the contact's leg, which is whom the call is about."""
    over = contact.status in TERMINAL
    return CallState(
        status=contact.status,
        answered_at=contact.answered_at,
        ended_at=contact.ended_at if over else None,
        duration=contact.duration if over else None,
        outcome=outcome(contact.status, contact.sip_code) if over else "",
    )


def outcome(status: str, sip_code: int | None) -> str:
    """A terminal status, told apart from a refusal.

    Twilio has no status for “declined”; the SIP answer 603 in the last callback says it.
    """
    if status in (BUSY, FAILED, NO_ANSWER) and sip_code == DECLINED_SIP_CODE:
        return "declined"
    return status


def outcomes(status: str) -> Sequence[str]:
    """Those that a terminal status can have."""
    return sorted({outcome(status, None), outcome(status, DECLINED_SIP_CODE)})


def _is_spoken_of(event: Event) -> bool:
    """Whether the provider speaks of this very leg."""
    return event.kind == CALL or (event.kind == CONFERENCE and not is_of_room(event.name))


def _earliest(times: Iterable[datetime]) -> datetime | None:
    return min(times, default=None)


def _times(events: Iterable[Event], kind: str, name: str) -> list[datetime]:
    return [event.at for event in events if event.kind == kind and event.name == name]


def _first(values: Iterable[int | None]) -> int | None:
    return next((value for value in values if value is not None), None)


def _seconds(start: datetime | None, end: datetime) -> int:
    return max(0, int((end - start).total_seconds())) if start else 0
