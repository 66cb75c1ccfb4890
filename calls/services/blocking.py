"""Numbers whose calls are rejected at once (`BlockedCaller`)."""

from uuid import UUID

from calls.facts.inbound import callers
from calls.models import BlockedCaller, CallLog
from tenants.trail import audit
from tenants.trail.audit import Action


def number_of(call_id: UUID) -> str:
    """The number of a call that came in. Raises `LookupError` when there is no such call, or it has
    no number that could be blocked.
    """
    call = CallLog.objects.filter(pk=call_id, direction=CallLog.Direction.INBOUND).first()
    number = callers.read(call.from_number).number if call else ""
    if not number:
        raise LookupError("no number that called")
    return number


def block(number: str, note: str = "") -> bool:
    """Whether it is new. The number is E.164."""
    blocked, is_new = BlockedCaller.objects.get_or_create(number=number, defaults={"note": note})
    if is_new:
        audit.record(Action.CALLER_BLOCKED, on=blocked, note=note)
    return is_new


def unblock(number: str) -> bool:
    """Take calls of the number again. Whether it was blocked."""
    blocked = BlockedCaller.objects.select_for_update().filter(number=number).first()
    if blocked is None:
        return False
    audit.record(Action.CALLER_UNBLOCKED, on=blocked, note=blocked.note)
    blocked.delete()
    return True
