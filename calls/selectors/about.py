"""Calls by what somebody types of them: for the history, the API and the admin."""

from django.db.models import Q

from calls.models import PossibleContact
from contacts.finding import contact_ids, first_ids, having
from contacts.numbers import NumberError, parse

# Up to so many contacts are looked up in the calls' index by contact; what matches more of them
# is found quickly by walking the calls, each contact being asked.
_FEW_CONTACTS = 200
_MOST_IN_DOUBT = 500  # calls that a search finds by contacts whom they may be with


def about_contacts(text: str, *, all_of_them: bool = True) -> Q:
    """Calls with a contact that the search finds (archived ones too), or that may be with one: with
    any, or with one of the first few.
    """
    few = contact_ids(text, most=_FEW_CONTACTS)
    if few is None and not all_of_them:
        few = first_ids(text, most=_FEW_CONTACTS)
    found = having(text, "contact_id") if few is None else Q(contact_id__in=few)
    # By their ids, the latest of them: a subquery would keep the database from its indexes.
    possible = PossibleContact.objects.filter(found, call__contact=None).order_by("-id")
    calls = list(possible.values_list("call_id", flat=True)[:_MOST_IN_DOUBT])
    return found | Q(pk__in=calls) if calls else found


def about(text: str, country: str) -> Q:
    """Calls of `about_contacts`, or with this number; without a country it is of this one."""
    return about_contacts(text) | with_number(text, country)


def with_number(text: str, country: str) -> Q:
    """Calls whose other side has this number; none if it is no number."""
    try:
        number = parse(text, country).number
    except NumberError:
        return Q(pk__in=[])
    called = Q(direction="OUTBOUND", to_number=number)
    return called | Q(direction="INBOUND", from_number=number)
