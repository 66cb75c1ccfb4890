"""Pretend far sides. The last three digits of the number decide how one behaves."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sandbox.media.audio import SILENCE, Clip, Ear, Samples, greeting, tone

ECHO_DELAY_FRAMES = 25  # 0.5 s, so that a speaker can tell the echo from himself
SHORT_TALK_SECONDS = 4.0


@dataclass(frozen=True)
class Behaviour:
    """What happens when the number is rung.

    ``ends``: (CallStatus, SIP code) if it is never answered, None if it is.
    ``rings``: False when it fails before ringing.
    """

    says: str = "greeting"  # greeting | echo
    ends: tuple[str, int] | None = None
    rings: bool = True
    rings_on: bool = False  # until it is told to answer, or the caller gives up
    is_telephone: bool = False  # rings the telephones that people have open
    hangs_up_after: float | None = None


BEHAVIOURS = {
    "100": Behaviour(),
    "101": Behaviour(says="echo"),
    "102": Behaviour(ends=("busy", 486)),
    "103": Behaviour(rings_on=True),
    "104": Behaviour(ends=("busy", 603)),
    "105": Behaviour(hangs_up_after=SHORT_TALK_SECONDS),
    "106": Behaviour(ends=("failed", 404), rings=False),
    "199": Behaviour(says="silence", rings_on=True, is_telephone=True),
}
REFUSED_BY_REST = "107"


def behaviour(number: str) -> Behaviour:
    """By the last three digits; any other number is like 100."""
    return BEHAVIOURS.get(number[-3:], BEHAVIOURS["100"])


class Handset:
    """The audio side of a pretend phone. ``says``: greeting, echo, silence or a tone in hertz."""

    def __init__(self, says: str | int = "greeting") -> None:
        self.ear = Ear()
        self.digits = ""
        self._voice = Clip(_voice(says), loop=True)
        self._line: Clip | None = None
        self._echo: deque[Samples] | None = (
            deque([SILENCE] * ECHO_DELAY_FRAMES) if says == "echo" else None
        )

    def say(self, clip: Clip) -> None:
        """Say this, and then go on as before."""
        self._line = clip

    def read(self) -> Samples:
        """What it says in this 20 ms."""
        line = self._line.next() if self._line is not None else None
        if line is not None:
            return line
        if self._echo is not None:
            return self._echo.popleft() if self._echo else SILENCE
        return self._voice.next() or SILENCE

    def write(self, frame: Samples) -> None:
        """What it hears in this 20 ms."""
        self.ear.hear(frame)
        if self._echo is not None:
            self._echo.append(frame)

    def digit(self, digits: str) -> None:
        """Keys pressed by the other side."""
        self.digits += digits

    def close(self) -> None:
        """Nothing to free."""


def _voice(says: str | int) -> Samples:
    if isinstance(says, int):
        return tone(1, says, level=8000)
    return greeting() if says == "greeting" else SILENCE[:0]
