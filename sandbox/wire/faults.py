"""Faults to order: the sandbox goes wrong where, how and as often as a test asks it to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from sandbox.ids import new_sid

KINDS = {
    "rest-error": "answer `status` (500) with Twilio `code` (20500); not carried out",
    "rest-delay": "answer `seconds` (1) late",
    "rest-accept-then-drop": "carry out, then close the socket without an answer",
    "rest-drop": "close the socket, not carried out",
    "webhook-drop": "never sent",
    "webhook-delay": "sent `seconds` (1) late",
    "webhook-duplicate": "sent `copies` (2) times in all",
    "webhook-reorder": "held back until the next callback has been sent",
    "twiml-drop": "a request for TwiML is not sent; the application counts as unreachable",
    "twiml-delay": "a request for TwiML is sent `seconds` (1) late",
    "twiml-duplicate": "a request for TwiML is sent `copies` (2) times, the last answer counts",
    "ring-on": "rings until it is told to answer, or the caller gives up; match: a number",
    "query-sort": "the query of any webhook's address is sorted after it was signed",
    "callback-before-answer": "the call moves `seconds` (0.5) before its POST is answered",
    "recording-truncate": "media stops in the middle, with the full Content-Length",
    "recording-html": "media is answered 200 with an HTML page",
    "signalling-refuse": "the WebSocket is refused with 503",
    "media-freeze": "no audio either way for `seconds` (until deleted); match: a call's SID",
    "token-reject": "`listen` is answered with error `code` (31204)",
}


@dataclass
class Fault:
    """One order. ``times``: how often it may still fire; ``fired``: how often it has."""

    kind: str
    match: str = ""
    times: int = 1
    status: int = 500
    code: int | None = None
    seconds: float | None = None
    copies: int = 2
    fired: int = 0
    id: str = field(default_factory=lambda: new_sid("FA"))
    # media-freeze lasts: when it began, by the call it hit
    standing: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Everything but the internals."""
        return {k: v for k, v in vars(self).items() if k != "standing"}


class Faults:
    """The open orders, first come first served."""

    def __init__(self) -> None:
        self.all: list[Fault] = []

    def add(self, order: dict[str, Any]) -> Fault:
        """Place an order. Raises ValueError naming what is wrong with it."""
        if order.get("kind") not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(sorted(KINDS))}")
        allowed = {"kind", "match", "times", "status", "code", "seconds", "copies"}
        if unknown := set(order) - allowed:
            raise ValueError(f"unknown key {', '.join(sorted(unknown))}")
        fault = Fault(**order)
        self.all.append(fault)
        return fault

    def take(self, kind: str, subject: str) -> Fault | None:
        """The first open order of this kind whose ``match`` is inside ``subject``; counts it."""
        for fault in self.all:
            if fault.kind == kind and fault.fired < fault.times and fault.match in subject:
                fault.fired += 1
                return fault
        return None

    def frozen(self, call_sid: str) -> bool:
        """Whether media of this call stand still now; a call is counted once."""
        for fault in self.all:
            if fault.kind != "media-freeze" or fault.match not in call_sid:
                continue
            if call_sid not in fault.standing:
                if fault.fired >= fault.times:
                    continue
                fault.fired += 1
                fault.standing[call_sid] = time.monotonic()
            if fault.seconds is None:
                return True
            if time.monotonic() - fault.standing[call_sid] < fault.seconds:
                return True
        return False
