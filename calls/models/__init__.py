"""Accounts, numbers, calls, their legs and events, their recordings, and calling limits."""

from calls.models.accounts import OwnAccount
from calls.models.calls import CallLog, PossibleContact
from calls.models.events import CallEvent, UnroutedEvent
from calls.models.limits import CallingCeiling, CallingPolicy, StoppedCall
from calls.models.numbers import PhoneNumber
from calls.models.recordings import Recording
from calls.models.rooms import CallLeg, Conference
from calls.models.sums import HourSum

__all__ = [
    "CallEvent",
    "CallLeg",
    "CallLog",
    "CallingCeiling",
    "CallingPolicy",
    "Conference",
    "HourSum",
    "OwnAccount",
    "PhoneNumber",
    "PossibleContact",
    "Recording",
    "StoppedCall",
    "UnroutedEvent",
]
