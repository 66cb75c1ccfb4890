"""People who call us, or are called, and follow a script, step by step.

A step is an object of one act, e.g. ``{"until": "queued"}``, ``{"wait": 2}``, ``{"press": "1"}``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.media.audio import RATE, Clip, greeting, tone
from sandbox.telephony.calls import Call
from sandbox.telephony.handsets import Handset

LOOK_SECONDS = 0.02
STAGES = ("ringing", "answered", "queued", "gathering", "recording", "conference", "bridged")
KEYS = frozenset("0123456789*#w")


@dataclass(frozen=True)
class Act:
    """``name``: wait (seconds), until (a stage), hear (words of a prompt), press (keys),
    speak (hertz or "greeting", for ``seconds``), answer (true; what rings on), hang_up (true).
    """

    name: str
    value: Any
    seconds: float = 1.0


def parse(script: Any) -> tuple[Act, ...]:
    """The acts of a script. Raises ValueError that names the step."""
    if not isinstance(script, list):
        raise ValueError("script must be a list of steps")
    return tuple(_act(step, f"script[{n}]") for n, step in enumerate(script))


def _act(step: Any, where: str) -> Act:
    if not isinstance(step, dict):
        raise ValueError(f"{where} must be an object")
    seconds = step.get("seconds", 1.0)
    names = [name for name in step if name != "seconds"]
    if len(names) != 1 or ("seconds" in step and "speak" not in step):
        raise ValueError(f"{where} must hold one act, and seconds beside speak only")
    name, value = names[0], step[names[0]]
    right: dict[str, Callable[[], bool]] = {
        "wait": lambda: _is_number(value) and 0 <= value,
        "until": lambda: value in STAGES,
        "hear": lambda: isinstance(value, str) and bool(value),
        "press": lambda: isinstance(value, str) and bool(value) and set(value) <= KEYS,
        "speak": lambda: value == "greeting" or (_is_number(value) and 20 <= value <= 4000),
        "answer": lambda: value is True,
        "hang_up": lambda: value is True,
    }
    if name not in right:
        raise ValueError(f"{where}: an act is one of {', '.join(right)}")
    if not right[name]() or not _is_number(seconds) or seconds <= 0:
        raise ValueError(f"{where}: {name} cannot be {value!r}")
    return Act(name, value, float(seconds))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def stages(call: Call) -> list[str]:
    """Where a live call is, as many of STAGES as hold; none when it is over."""
    if call.over.is_set():
        return []
    holds = {
        "ringing": call.answered_at is None,
        "answered": call.answered_at is not None,
        "queued": call.waiting is not None,
        "gathering": call.listening == "gathering",
        "recording": call.listening == "recording",
        "conference": call.participant is not None,
        "bridged": bool(call.others()),
    }
    return [stage for stage in STAGES if holds[stage]]


class Caller:
    """One of them. ``at``: how many acts are done."""

    def __init__(self, acts: tuple[Act, ...]) -> None:
        self.acts = acts
        self.at = 0
        self._heard = 0  # prompts up to here have been waited for

    def begin(self, call: Call) -> None:
        """Follow the script on this call, until it ends."""
        call.caller = self
        call.own(asyncio.create_task(self._follow(call)))

    async def _follow(self, call: Call) -> None:
        for act in self.acts:
            await self._do(act, call)
            self.at += 1

    async def _do(self, act: Act, call: Call) -> None:
        if act.name == "wait":
            await asyncio.sleep(act.value)
        elif act.name == "until":
            while act.value not in stages(call):
                await asyncio.sleep(LOOK_SECONDS)
        elif act.name == "hear":
            while not self._hears(act.value, call):
                await asyncio.sleep(LOOK_SECONDS)
        elif act.name == "press":
            await press(call, act.value)
        elif act.name == "speak":
            await speak(call, act.value, act.seconds)
        elif act.name == "answer":
            call.answers.set()
        else:
            hang_up(call)

    def _hears(self, words: str, call: Call) -> bool:
        for n in range(self._heard, len(call.prompts)):
            if words.casefold() in call.prompts[n].text.casefold():
                self._heard = n + 1
                return True
        return False


async def press(call: Call, digits: str) -> None:
    """Press keys one after the other; ``w`` waits half a second."""
    for key in digits:
        if key == "w":
            await asyncio.sleep(0.5)
        else:
            call.press(key)


async def speak(call: Call, what: int | float | str, seconds: float) -> None:
    """Say a tone of so many hertz, or the greeting, for so long; before the answer in vain."""
    if isinstance(call.device, Handset):
        # A second at a time: a long tone would hold up the clock while it is made.
        sound = greeting() if what == "greeting" else tone(1, float(what), level=8000)
        call.device.say(Clip((sound * math.ceil(seconds))[: int(seconds * RATE)]))
    await asyncio.sleep(seconds)


def hang_up(call: Call) -> None:
    """The far side hangs up; before it was answered, a caller gives up or a callee declines."""
    if call.answered_at is not None:
        call.end("completed")
    elif call.direction == "inbound":
        call.end("canceled")
    else:
        call.end("busy", 603)
