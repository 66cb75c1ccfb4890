"""Accounts, numbers and their lines, calls, their legs, events and recordings, and who waits."""

from calls.models.accounts import OwnAccount
from calls.models.calls import CallLog, PossibleContact
from calls.models.events import CallEvent, UnroutedEvent
from calls.models.limits import CallingCeiling, CallingPolicy, StoppedCall
from calls.models.lines import (
    BlockedCaller,
    Group,
    GroupMember,
    Line,
    Menu,
    Sound,
    VoicemailBox,
    VoicemailListener,
)
from calls.models.numbers import NumberOrder, PhoneNumber
from calls.models.phones import CodeCall, OwnPhone, PhoneRing
from calls.models.pushes import PushSubscription
from calls.models.recordings import Recording
from calls.models.rooms import CallLeg, Conference
from calls.models.sums import HourSum
from calls.models.waiting import AgentAvailability, Caller, Offer

__all__ = [
    "AgentAvailability",
    "BlockedCaller",
    "CallEvent",
    "CallLeg",
    "CallLog",
    "Caller",
    "CallingCeiling",
    "CallingPolicy",
    "CodeCall",
    "Conference",
    "Group",
    "GroupMember",
    "HourSum",
    "Line",
    "Menu",
    "Offer",
    "NumberOrder",
    "OwnAccount",
    "OwnPhone",
    "PhoneNumber",
    "PhoneRing",
    "PossibleContact",
    "PushSubscription",
    "Recording",
    "Sound",
    "StoppedCall",
    "UnroutedEvent",
    "VoicemailBox",
    "VoicemailListener",
]
