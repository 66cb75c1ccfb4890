"""Accounts, numbers, calls, their legs and events, their recordings, and calling limits."""

from calls.models.accounts import OwnAccount
from calls.models.calls import (
    CallEvent,
    CallLeg,
    CallLog,
    Conference,
    PhoneNumber,
    UnroutedEvent,
)
from calls.models.limits import CallingCeiling, CallingPolicy, StoppedCall
from calls.models.recordings import Recording

__all__ = [
    "CallEvent",
    "CallLeg",
    "CallLog",
    "CallingCeiling",
    "CallingPolicy",
    "Conference",
    "OwnAccount",
    "PhoneNumber",
    "Recording",
    "StoppedCall",
    "UnroutedEvent",
]
