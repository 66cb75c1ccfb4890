"""Accounts, numbers, calls, their legs, every event heard of them, and their recordings."""

from calls.models.accounts import OwnAccount
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
    "OwnAccount",
    "PhoneNumber",
    "Recording",
    "UnroutedEvent",
]
