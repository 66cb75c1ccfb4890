"""Messages that callers leave, whoever tells of them first: the caller's next step, the recording's
own callback, or the sweep.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from calls import gateway
from calls.facts.inbound import missed
from calls.facts.inbound.plans import Go
from calls.gateway.accounts import TwilioAccount
from calls.models import Caller, CallLog, Recording
from calls.services import recordings
from calls.services.inbound import standing
from tenants.fence.context import tenant_transaction

SOURCE = "RecordVerb"  # what Twilio says made a recording, when a caller was asked to speak
_EMPTY = "absent"  # Twilio's word for a recording without a sound


def note_recording(
    tenant_id: UUID, *, call_id: UUID, sid: str, status: str, source: str, **more: Any
) -> Recording | None:
    """As `recordings.note_recording`, and whether it is a message: with it, the call is one that
    left a voicemail. One without a second of sound is none, and is not kept.
    """
    is_message = source == SOURCE
    if is_message and status == "completed" and not more["duration"]:
        status = _EMPTY
    found = recordings.note_recording(
        tenant_id, call_id=call_id, sid=sid, status=status, is_voicemail=is_message, **more
    )
    if is_message and status == "completed":
        # Not before: there the call is locked first, and here the caller.
        with tenant_transaction(tenant_id):
            note_left(call_id, sid, now=more["now"])
    return found


def find(
    account: TwilioAccount, call: CallLog, *, now: datetime
) -> Sequence[gateway.RecordingFacts]:
    """Ask Twilio for a call's recordings, and note them. Never inside a transaction."""
    call_sid = call.twilio_call_sid or ""
    found = gateway.find_recordings(account, call_sid)
    for facts in found:
        note_recording(
            call.tenant_id,
            call_id=call.pk,
            call_sid=call_sid,
            account_sid=account.sid,
            sid=facts.sid,
            status=facts.status,
            duration=facts.duration,
            channels=facts.channels,
            source=facts.source,
            now=now,
        )
    return found


def may_lack_one(call: CallLog) -> bool:
    """Whether the caller was asked for a message, and nothing was heard of one."""
    if not call.twilio_call_sid:
        return False
    with tenant_transaction(call.tenant_id):
        asked = Caller.objects.filter(call=call, place__startswith=f"{Go.VOICEMAIL}:").exists()
        return asked and not Recording.objects.filter(call=call).exists()


def note_left(call_id: UUID, recording: str, *, now: datetime) -> None:
    """The caller of a call of the current tenant has left a message, which is recorded as this SID.
    Told again, it is the same. What is no call that came in is passed over.
    """
    at = standing.known(call_id, now=now)
    if at is not None:
        at.note(missed.MESSAGE_LEFT, once=True, recording=recording)
