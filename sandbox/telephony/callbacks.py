"""What an application asked to be told, and where: the status callbacks of each resource."""

from __future__ import annotations

from dataclasses import dataclass

CALL_EVENTS = ("initiated", "ringing", "answered", "completed")
RECORDING_EVENTS = ("in-progress", "completed", "absent")
CONFERENCE_EVENTS = {
    "start": ("conference-start",),
    "end": ("conference-end",),
    "join": ("participant-join",),
    "leave": ("participant-leave",),
    "mute": ("participant-mute", "participant-unmute"),
    "hold": ("participant-hold", "participant-unhold"),
    "modify": ("participant-modify",),
    "speaker": ("participant-speech-start", "participant-speech-stop"),
    "announcement": ("announcement-end", "announcement-fail"),
}


@dataclass
class Callback:
    """Of a call. ``events`` are names of CALL_EVENTS."""

    url: str
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


@dataclass
class ConferenceCallback:
    """Of a conference. ``events`` holds words of CONFERENCE_EVENTS."""

    url: str = ""
    method: str = "POST"
    events: frozenset[str] = frozenset({"start", "end"})

    def wants(self, event: str) -> bool:
        """Whether this event (``participant-join`` …) was asked for."""
        return any(event in CONFERENCE_EVENTS[word] for word in self.events)


@dataclass
class RecordingCallback:
    """Of a recording; by default only ``completed``."""

    url: str = ""
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})
