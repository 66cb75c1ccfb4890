"""What people write down of a call: one text that whoever is of the workspace can read and change.
Nobody's words are lost to another's: who has not read the latest is told so (`WrittenMeanwhile`).
"""

from datetime import datetime
from uuid import UUID

from calls.models import CallLog
from calls.services.rooms.progress import announce_call
from tenants.models import Membership
from tenants.trail import audit
from tenants.trail.audit import Action, Thing


class WrittenMeanwhile(Exception):
    """Somebody wrote since this one read; `call` is as it is now."""

    def __init__(self, call: CallLog) -> None:
        super().__init__("The note was changed meanwhile.")
        self.call = call


def write(
    call_id: UUID, text: str, *, seen: datetime | None, by: Membership, now: datetime
) -> CallLog:
    """Keep a tidy text; `seen` is the `notes_at` of the one that its writer has read. To write
    the same again changes nothing. Raises `LookupError` and `WrittenMeanwhile`.
    """
    one = CallLog.objects.filter(pk=call_id)
    count = (
        one.filter(notes_at=seen)
        .exclude(notes=text)
        .update(notes=text, notes_at=now, notes_by=by.user_id, updated_at=now)
    )
    call = one.select_related("notes_by").first()
    if call is None:
        raise LookupError("no such call")
    if count:
        # One entry for all that is typed in one sitting; the words are not in the trail.
        audit.record_look(Action.CALL_NOTED, on=Thing("call", call.pk, str(call)))
        announce_call(call.pk)
    elif call.notes != text:
        raise WrittenMeanwhile(call)
    return call
