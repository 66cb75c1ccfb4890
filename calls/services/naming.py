"""Calls with a number that nobody knew are their contact's, once there is one."""

from typing import Any

from django.db.models import Q

from calls.models import CallLog
from calls.services.rooms.progress import announce_call
from contacts.models import Contact, ContactNumber


def name_calls(*, contact: Contact, **_: Any) -> None:
    """Give the contact the calls with its numbers, if nobody else has them, that are nobody's yet.
    One that could have been of several is for a person to give (calls.services.whose).
    """
    mine = contact.numbers.values_list("number", flat=True)
    others = ContactNumber.objects.filter(number__in=list(mine)).exclude(contact=contact)
    numbers = [*{*mine} - {*others.values_list("number", flat=True)}]
    if numbers:
        outbound = Q(direction=CallLog.Direction.OUTBOUND, to_number__in=numbers)
        inbound = Q(direction=CallLog.Direction.INBOUND, from_number__in=numbers)
        CallLog.objects.filter(outbound | inbound, contact=None, meant__lt=2).update(
            contact=contact
        )
    calls = CallLog.objects.filter(contact=contact).order_by("-started_at", "-id")
    for latest in calls.values_list("pk", flat=True)[:1]:  # open pages show the contact's name
        announce_call(latest)
