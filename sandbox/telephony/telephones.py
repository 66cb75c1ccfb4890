"""Telephones that people have open as a page: all of them ring, and the first to answer has it."""

from __future__ import annotations

from typing import Protocol

from sandbox.telephony.calls import Call


class Telephone(Protocol):
    """One page."""

    def rings(self, call: Call) -> None:
        """Somebody calls."""

    def rests(self, call: Call) -> None:
        """It was answered elsewhere, or given up."""


class Telephones:
    """Those that are open, and the calls that ring them."""

    def __init__(self) -> None:
        self.open: set[Telephone] = set()
        self.ringing: dict[str, Call] = {}  # by call SID

    def ring(self, call: Call) -> None:
        """Ring all, until one takes the call or it ends."""
        self.ringing[call.sid] = call
        call.on_end.append(lambda: self.take(call.sid))
        for telephone in self.open:
            telephone.rings(call)

    def join(self, telephone: Telephone) -> None:
        """It rings from now on, also for whoever is calling already."""
        self.open.add(telephone)
        for call in self.ringing.values():
            telephone.rings(call)

    def leave(self, telephone: Telephone) -> None:
        """The page was closed."""
        self.open.discard(telephone)

    def take(self, sid: str) -> Call | None:
        """The call, for the first who asks; the telephones rest."""
        call = self.ringing.pop(sid, None)
        if call is not None:
            for telephone in self.open:
                telephone.rests(call)
        return call
