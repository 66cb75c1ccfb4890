"""Messages that callers leave, whoever tells of them first: the caller's next step, the recording's
own callback, or the sweep.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from calls.facts.inbound import missed
from calls.models import Recording
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


def note_left(call_id: UUID, recording: str, *, now: datetime) -> None:
    """The caller of a call of the current tenant has left a message, which is recorded as this SID.
    Told again, it is the same. What is no call that came in is passed over.
    """
    at = standing.known(call_id, now=now)
    if at is not None:
        at.note(missed.MESSAGE_LEFT, once=True, recording=recording)
