"""The wire log: what went in and out, in order. It is the best debugging aid there is."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

from sandbox.ids import now

log = logging.getLogger("sandbox")

# Values of these names never enter the log: they are credentials, or signed by one.
SECRET_NAMES = {"token", "Token", "CallToken", "StirPassportToken", "AuthToken", "reconnect"}


def redact(value: Any) -> Any:
    """The same structure without secrets; SDP bodies are only named, as they are long."""
    if isinstance(value, dict):
        return {
            key: "[redacted]" if key in SECRET_NAMES else "[sdp]" if key == "sdp" else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [redact(item) for item in value]
    return value


class WireLog:
    """Keeps the last 5,000 entries; each has ``n`` (from 1), ``at`` (ISO, UTC) and ``kind``."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=5000)
        self._n = 0

    def add(self, kind: str, **facts: Any) -> dict[str, Any]:
        """Append; the entry returned may be completed by its owner (attempts, status)."""
        self._n += 1
        entry = {"n": self._n, "at": now().isoformat(), "kind": kind, **redact(facts)}
        self._entries.append(entry)
        return entry

    def alert(self, code: int, message: str, **facts: Any) -> None:
        """What Twilio's Debugger would show, with its error code (0: the sandbox's own)."""
        log.warning("alert %s: %s", code, message)
        self.add("alert", code=code, message=message, **facts)

    def since(self, n: int) -> list[dict[str, Any]]:
        """Entries with a number above ``n``."""
        return [entry for entry in self._entries if entry["n"] > n]
