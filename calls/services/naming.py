"""Calls with a number that nobody knew are their contact's, once there is one."""

from typing import Any

from django.db.models import Q

from calls.models import CallLog
from contacts.models import Contact


def name_calls(*, contact: Contact, **_: Any) -> None:
    """Give the contact the calls with its numbers that are nobody's yet."""
    numbers = list(contact.numbers.values_list("number", flat=True))
    if numbers:
        outbound = Q(direction=CallLog.Direction.OUTBOUND, to_number__in=numbers)
        inbound = Q(direction=CallLog.Direction.INBOUND, from_number__in=numbers)
        CallLog.objects.filter(outbound | inbound, contact=None).update(contact=contact)
