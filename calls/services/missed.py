"""What people say of missed calls: that they are done, or not yet after all. All calls of a number
that are to be returned stand together; of a caller without one (`facts.inbound.callers`) each call
stands for itself. A talk returns them by itself (`rooms.returned`).
"""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from calls.facts.inbound import callers
from calls.models import CallLog
from calls.models.calls import TO_RETURN
from calls.services.rooms.progress import announce_call
from tenants.trail import audit
from tenants.trail.audit import Action, Thing


def mark_done(call_id: UUID, *, now: datetime) -> int:
    """Of how many calls it is new. Raises `LookupError` when no such call was missed."""
    call = _missed(call_id)
    count = _together(call).filter(TO_RETURN).update(missed_done_at=now, updated_at=now)
    return _noted(call, Action.MISSED_DONE, count)


def reopen(call_id: UUID, *, now: datetime) -> int:
    """Make it and those that were done with it calls to return again. As `mark_done`."""
    call = _missed(call_id)
    if call.missed_done_at is None:
        return 0
    same = _together(call).filter(missed_done_at=call.missed_done_at)
    count = same.update(missed_done_at=None, updated_at=now)
    return _noted(call, Action.MISSED_REOPENED, count)


def _missed(call_id: UUID) -> CallLog:
    call = CallLog.objects.filter(pk=call_id).exclude(missed="").first()
    if call is None:
        raise LookupError("no missed call")
    return call


def _together(call: CallLog) -> QuerySet[CallLog]:
    if not callers.read(call.from_number).may_be_matched:
        return CallLog.objects.filter(pk=call.pk)
    # So that an index finds them.
    return CallLog.objects.filter(
        direction=CallLog.Direction.INBOUND, from_number=call.from_number
    ).exclude(missed="")


def _noted(call: CallLog, action: Action, count: int) -> int:
    if count:
        audit.record(action, on=Thing("call", call.pk, str(call)), calls=str(count))
        announce_call(call.pk)
    return count
