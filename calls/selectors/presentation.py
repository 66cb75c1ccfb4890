"""Statuses and times in the words that people read. Pure but for the number formats."""

from collections.abc import Sequence
from dataclasses import dataclass

from calls.facts import states
from calls.facts.explanations import TWILIO_ERRORS
from calls.facts.inbound.missed import Missed
from contacts.holders import MOST_HOLDERS

# Tone is a colour; the word beside it says the same without one.
STATUS: dict[str, tuple[str, str]] = {
    states.QUEUED: ("Connecting", "info"),
    states.INITIATED: ("Connecting", "info"),
    states.RINGING: ("Ringing", "warning"),
    states.IN_PROGRESS: ("In call", "success"),
    states.COMPLETED: ("Completed", "success"),
    states.BUSY: ("Busy", "warning"),
    states.NO_ANSWER: ("No answer", "warning"),
    states.CANCELED: ("Canceled", "secondary"),
    states.FAILED: ("Failed", "danger"),
    "declined": ("Declined", "warning"),
    # Of a page alone: to the fold a held call is in progress.
    "on-hold": ("On hold", "warning"),
    "left": ("Left", "secondary"),
}

# How a call that is over reads on the panel of whoever was in it.
ENDED: dict[str, tuple[str, str, str]] = {
    states.COMPLETED: ("Call ended", "secondary", ""),
    states.CANCELED: ("Call ended", "secondary", "The call was ended before anyone answered."),
    states.BUSY: ("Busy", "warning", "The line is busy. Try again in a few minutes."),
    states.NO_ANSWER: ("No answer", "warning", "No one answered."),
    states.FAILED: ("Call failed", "danger", "The call could not be connected to this number."),
    "declined": ("Declined", "warning", "The call was declined."),
}


@dataclass(frozen=True)
class Ended:
    """How a call ended: the panel's status text, its tone, and a plain sentence or ""."""

    text: str
    tone: str
    message: str


def ended(outcome: str, error_code: int | None) -> Ended:
    text, tone, message = ENDED.get(outcome, ENDED[states.COMPLETED])
    return Ended(text, tone, TWILIO_ERRORS.get(error_code or 0, message))


def status_word(status: str, outcome: str) -> tuple[str, str]:
    """(word, tone) of a call in the history. A status of tomorrow is shown as it is spelt."""
    word = outcome or status
    return STATUS.get(word, (word.replace("-", " ").capitalize(), "secondary"))


def was_blocked(direction: str, outcome: str) -> bool:
    """Of a call that nobody missed: whoever else comes in and is not answered was missed."""
    return direction == "INBOUND" and outcome not in ("", states.COMPLETED)


def missed_word(missed: str, *, is_done: bool) -> tuple[str, str]:
    """(word, tone) of a call that nobody took; who asked for something is to be given it."""
    word, tone = ASKED.get(missed, ("Missed", "danger"))
    return word, "secondary" if is_done else tone


def missed_reason(missed: str) -> str:
    return Missed(missed).said if missed in set(Missed) else missed.replace("-", " ").capitalize()


ASKED: dict[str, tuple[str, str]] = {
    Missed.VOICEMAIL: ("Voicemail", "info"),
    Missed.CALLBACK: ("Callback", "warning"),
}


def either(names: Sequence[str], count: int) -> str:
    """One of `count` people, of whom the first are named: `Ann or Bob`, `Ann, Bob and 3 others`;
    "" when none of them is there any more. Above `MOST_HOLDERS` they are not counted.
    """
    if not names:
        return ""
    if count == 2:
        return f"{names[0]} or {names[1] if len(names) > 1 else 'someone else'}"
    rest = count - len(names[:2])
    said = "many others" if count >= MOST_HOLDERS else f"{rest} other{'s' if rest > 1 else ''}"
    return f"{', '.join(names[:2])} and {said}"


def seconds(duration: int | None) -> str:
    """`0:42`, `12:05`, `1:02:03`; "" for None."""
    if duration is None:
        return ""
    minutes, rest = divmod(duration, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def spoken(duration: int) -> str:
    """A length in words: `42 seconds`, `1 minute 5 seconds`, `2 hours 3 minutes`."""
    hours, rest = divmod(duration, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "hour"), (minutes, "minute"), (left if not hours else 0, "second")]
    said = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in parts if count]
    return " ".join(said) or "0 seconds"
