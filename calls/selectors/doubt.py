"""Calls with a number of several contacts: whom each may be with, until somebody has chosen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Prefetch, prefetch_related_objects

from calls.models import CallLog, PossibleContact
from calls.selectors import presentation
from contacts.finding import having
from contacts.models import Contact

LISTED = 25  # choices that a search finds


@dataclass(frozen=True)
class Choice:
    id: UUID
    name: str
    detail: str  # what tells two of one name apart: company or e-mail


@dataclass(frozen=True)
class Doubt:
    """The question which of several it is; `chosen` is the answer so far. `more` have the number
    and are not among the choices.
    """

    call_id: UUID
    choices: Sequence[Choice]
    chosen: UUID | None
    more: bool


def load_possible(calls: Iterable[CallLog]) -> None:
    """What `name_of` and `doubt_of` need: one statement, none when no call is in doubt."""
    possible = PossibleContact.objects.select_related("contact").order_by("id")
    in_doubt = [call for call in calls if call.is_in_doubt]
    prefetch_related_objects(in_doubt, Prefetch("possible", possible))


def name_of(call: CallLog) -> str:
    """The contact's, or of those whom it may be with; "" when nobody is known."""
    if call.contact:
        return call.contact.name
    if not call.is_in_doubt:
        return ""
    return presentation.either([each.contact.name for each in call.possible.all()], call.meant)


def doubt_of(call: CallLog, *, text: str = "") -> Doubt | None:
    """The question and its choices, if there is one; with a `text` those who have the number by
    now and whom the search finds.
    """
    if call.meant < 2:
        return None
    rows = call.possible.all() if call.is_in_doubt else call.possible.select_related("contact")
    kept = [each.contact for each in rows]
    found = kept
    if text.strip():
        same = Contact.objects.filter(having(text), numbers__number=call.other_number)
        found = list(same.order_by("sort_name", "id").distinct()[:LISTED])
    choices = [Choice(one.pk, one.name, one.company or one.email) for one in found]
    return Doubt(call.pk, choices, call.contact_id, more=call.meant > len(kept))
