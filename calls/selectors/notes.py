"""A call's note, as its form shows it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from calls.facts.notes import LONGEST
from calls.models import CallLog
from tenants.bricks import moments


@dataclass(frozen=True)
class Note:
    call_id: UUID
    text: str
    seen: str  # which text this is: since when it says so, ISO 8601, or ""
    by: str = ""  # who wrote last
    by_id: UUID | None = None
    at: str = ""  # and when, in words
    longest: int = LONGEST  # characters


def note_of(call: CallLog, zone: ZoneInfo, now: datetime) -> Note:
    """Of a call with its `notes_by`."""
    at = call.notes_at
    return Note(
        call_id=call.pk,
        text=call.notes,
        seen=at.isoformat() if at else "",
        by=str(call.notes_by or ""),
        by_id=call.notes_by_id,
        at=moments.moment(at, zone, now) if at else "",
    )
