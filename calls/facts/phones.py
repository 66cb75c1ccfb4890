"""An agent's own telephone: the code that proves it is theirs, and what is to be done about a call
that rings it. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from calls.facts import states
from calls.facts.inbound.queues import End

DIGITS = 6  # of a code
LIVES = timedelta(minutes=10)
MOST_TRIES = 5
# Calls with a code: so many within so long, of one agent, and to one number, whoever asks. So
# nobody has a stranger's telephone ring over and over.
OF_AGENT = ((1, timedelta(minutes=1)), (3, timedelta(hours=1)), (6, timedelta(days=1)))
TO_NUMBER = ((1, timedelta(minutes=1)), (3, timedelta(hours=1)), (5, timedelta(days=1)))
STOP_AGAIN = timedelta(seconds=10)  # after which whoever was told to stop is hung up on


def wait_for(
    asked: Sequence[datetime], rules: Sequence[tuple[int, timedelta]], now: datetime
) -> timedelta | None:
    """How long nobody may be called with a code, after those that were `asked` for; None: now."""
    waits = [
        sorted(lately)[-most] + within - now
        for most, within in rules
        if len(lately := [at for at in asked if at > now - within]) >= most
    ]
    return max(waits, default=None)


class Tried(StrEnum):
    """What typing in a code came to."""

    RIGHT = "right"
    WRONG = "wrong"
    NONE = "none"  # nobody was called with one
    EXPIRED = "expired"
    TOO_OFTEN = "too-often"


def tried(*, called_at: datetime | None, tries: int, is_right: bool, now: datetime) -> Tried:
    """`tries` are those before this one; the last that is allowed may be right."""
    if called_at is None:
        return Tried.NONE
    if now - called_at >= LIVES:
        return Tried.EXPIRED
    if tries >= MOST_TRIES:
        return Tried.TOO_OFTEN
    return Tried.RIGHT if is_right else Tried.WRONG


@dataclass(frozen=True)
class Ring:
    """A call to an agent's telephone for one offer. `asked_at`: Twilio was; `is_known`: its answer
    has come, or a callback. `taken_at`: they pressed 1, and won; `stopped_at`: they were told to
    stop, or it was stopped.
    """

    asked_at: datetime | None = None
    is_known: bool = False
    answered_at: datetime | None = None
    taken_at: datetime | None = None
    stopped_at: datetime | None = None
    ended_at: datetime | None = None


class Step(StrEnum):
    DIAL = "dial"
    FORGET = "forget"  # nobody is to be rung any more, and nobody was
    CANCEL = "cancel"  # it rings still
    TELL = "tell"  # somebody has picked up, and hears why there is nothing to take
    HANG_UP = "hang-up"  # … and that was in vain


def next_step(ring: Ring, *, is_offered: bool, now: datetime) -> Step | None:
    """What a ring needs, whose offer is open or not."""
    if ring.ended_at is not None or ring.taken_at is not None:
        return None
    if is_offered:
        return Step.DIAL if ring.asked_at is None else None
    if ring.asked_at is None:
        return Step.FORGET
    if not ring.is_known:
        return None  # it ends by itself; whoever picks up is told
    if ring.stopped_at is None:
        return Step.TELL if ring.answered_at is not None else Step.CANCEL
    return Step.HANG_UP if now - ring.stopped_at >= STOP_AGAIN else None


def end_of(status: str, sip_code: int | None, *, has_page: bool) -> End | None:
    """How an open offer ends when the telephone that rang for it has ended so, and nobody pressed a
    key; None: it rings on, in a page.

    Whoever refuses the call on their telephone declines it. One that could not be reached counts
    for nothing, like a page that does not confirm; one that nobody answers, or only a mailbox, was
    missed.
    """
    if states.outcome(status, sip_code) == "declined":
        return End.DECLINED
    if has_page:
        return None
    return End.MISSED if status in (states.COMPLETED, states.NO_ANSWER) else End.UNCONFIRMED
