"""What the admin's lists of calls, legs, events and recordings show: found by an index, or else the
latest. Each takes what was typed, and the workspace's country, and returns a condition.
"""

from uuid import UUID

from django.db.models import Q

from calls.models import CallEvent, CallLeg, CallLog
from calls.selectors.about import about_contacts, with_number

LATEST_CALLS = 200  # whose legs and recordings are listed
LATEST_EVENTS = 10_000  # among which those of a name are found


def calls(text: str, country: str) -> Q:
    """By a number, a call SID, or words of one of the first contacts who have them."""
    if not text:
        return Q()
    if _is_sid(text):
        return Q(twilio_call_sid=text)
    return about_contacts(text, all_of_them=False) | with_number(text, country)


def legs(text: str, country: str) -> Q:
    """By a call SID, or the number of the call; else those of the latest calls."""
    if _is_sid(text):
        return Q(call_sid=text)
    return Q(conference__in=_latest(text, country, "conference_id"))


def recordings(text: str, country: str) -> Q:
    """By the SID of a recording or a call, or the number of the call; else of the latest calls."""
    return Q(sid=text) if text.startswith("RE") else Q(call__in=_latest(text, country, "pk"))


def events(text: str, country: str) -> Q:
    """By a call SID, or an event's name among the latest; else all."""
    if not text:
        return Q()
    if _is_sid(text):
        return Q(leg__in=list(CallLeg.objects.filter(call_sid=text).values_list("pk", flat=True)))
    by_age = CallEvent.objects.order_by("-pk").values_list("pk", flat=True)
    oldest = by_age[LATEST_EVENTS - 1 : LATEST_EVENTS]
    return Q(name=text, pk__gte=next(iter(oldest), 0))


def _latest(text: str, country: str, field: str) -> list[UUID]:
    """Of the latest calls, by a call SID or a number if one is typed. Ids rather than a subquery,
    for which a planner might read all of a table.
    """
    found = CallLog.objects.exclude(conference=None) if field != "pk" else CallLog.objects.all()
    if text:
        found = found.filter(
            Q(twilio_call_sid=text) if _is_sid(text) else with_number(text, country)
        )
    newest = found.order_by("-started_at", "-id").values_list(field, flat=True)
    return list(newest[:LATEST_CALLS])


def _is_sid(text: str) -> bool:
    return text.startswith("CA")
