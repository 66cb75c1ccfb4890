"""Numbers, calls, their legs, every event that was heard of them, and their recordings."""

from calls.models.calls import (
    CallEvent,
    CallLeg,
    CallLog,
    Conference,
    PhoneNumber,
    UnroutedEvent,
)
from calls.models.recordings import Recording

__all__ = [
    "CallEvent",
    "CallLeg",
    "CallLog",
    "Conference",
    "PhoneNumber",
    "Recording",
    "UnroutedEvent",
]
