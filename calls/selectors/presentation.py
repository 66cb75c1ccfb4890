"""Statuses and times in the words that people read. Pure but for the number formats."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from calls.facts import states
from calls.facts.explanations import TWILIO_ERRORS
from contacts.holders import MOST_HOLDERS

# As many days as a page can see begin: it lives no longer than its session, and that a week.
DAYS_AHEAD = settings.SESSION_LONGEST_SECONDS // 86400 + 1

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


def moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """A time as people in `zone` say it: `Today 14:05`, `Mon 14:05`, `3 Nov 14:05`."""
    return _said(at.astimezone(zone), now.astimezone(zone).date())


def later(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """What `moment` says instead once other days have begun, for a page that stays open (days.js):
    `2026-11-30=Yesterday 14:05;2026-12-01=Sun 14:05`, or "".
    """
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    said, changes = _said(local, today), []
    for day in _following(today):
        if (then := _said(local, day)) != said:
            changes.append(f"{day}={then}")
            said = then
    return ";".join(changes)


def _said(local: datetime, today: date) -> str:
    days = (today - local.date()).days
    clock = f"{local:%H:%M}"
    if days == 0:
        return f"Today {clock}"
    if days == 1:
        return f"Yesterday {clock}"
    if 1 < days < 7:
        return f"{local:%a} {clock}"
    if local.year == today.year:
        return f"{local.day} {local:%b} {clock}"
    return f"{local.day} {local:%b %Y}"


def next_days(zone: ZoneInfo, now: datetime) -> dict[str, int]:
    """The days ahead, and the seconds from `now` until each has begun in `zone`. A day is as long
    as the zone's clocks make it.
    """
    return {
        str(day): math.ceil(datetime.combine(day, time(), zone).timestamp() - now.timestamp())
        for day in _following(now.astimezone(zone).date())
    }


def _following(today: date) -> list[date]:
    return [today + timedelta(days=number) for number in range(1, DAYS_AHEAD + 1)]
