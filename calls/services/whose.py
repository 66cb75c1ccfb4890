"""Whose a call is: by the number the contact, or those whom it may mean until somebody chooses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from calls.models import CallLog, PossibleContact
from calls.selectors import presentation
from calls.services.rooms import progress
from contacts.holders import meant
from contacts.models import Contact, ContactNumber
from contacts.numbers import Number
from contacts.selectors import ask_holders, contact_by_id, holders_in
from tenants.fence.pipeline import ask
from tenants.trail import audit
from tenants.trail.audit import Action, Thing

MOST_POSSIBLE = 8  # that are kept with a call; others can still be chosen by their number


@dataclass(frozen=True)
class Target:
    """Whom to call: a number (E.164), its extension, and the contact it belongs to, if any; of
    several nobody, but all of them in `possible`.
    """

    number: str
    extension: str
    contact: Contact | None
    possible: Sequence[Contact] = ()

    @property
    def full(self) -> str:
        return str(Number(self.number, self.extension))

    @property
    def name(self) -> str:
        """As people read it; "" when nobody has the number."""
        if self.contact:
            return self.contact.name
        return presentation.either([each.name for each in self.possible], len(self.possible))


def target_of(number: Number) -> Target:
    """Whom a typed number means."""
    return target_in(ask_holders(*number), number)


def target_in(asked: Any, number: Number) -> Target:
    """The same, of an answer to `ask_holders`."""
    found = meant(holders_in(asked), number.extension)
    if len(found) > 1:
        return Target(*number, contact=None, possible=found)
    return Target(*number, contact=found[0] if found else None)


_POSSIBLE = """INSERT INTO calls_possiblecontact (tenant_id, call_id, contact_id)
VALUES (%s, %s, %s)"""


def note_possible(call: CallLog, possible: Sequence[Contact]) -> None:
    """Keep with a new call whom its number could have meant, whatever becomes of the contacts."""
    for contact in possible[:MOST_POSSIBLE]:
        ask(_POSSIBLE, [call.tenant_id, call.pk, contact.pk])


class ChosenMeanwhile(Exception):
    """Somebody else has said in the meantime who it is: `name`, or "" for nobody any more."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def choose(
    call_id: UUID, *, contact_id: UUID | None, seen: UUID | None, now: datetime
) -> Contact | None:
    """Say for good with whom of several a call is; None: that it is not known again.

    `seen` is who it was when the choice was made. Raises `LookupError` when there is no such call,
    or nothing to choose, or the contact is none of those; `ChosenMeanwhile`.
    """
    call = CallLog.objects.select_related("contact", "conference").filter(pk=call_id).first()
    if call is None or call.meant < 2:
        raise LookupError("no call that is in doubt")
    contact = contact_by_id(contact_id) if contact_id else None
    if contact_id and (contact is None or not _is_possible(call, contact)):
        raise LookupError("no contact that it can be")
    if call.contact_id == contact_id:
        return contact  # the same was chosen twice, or by both
    # Of two who choose at once, the second finds another than they saw.
    mine = CallLog.objects.filter(pk=call.pk, contact_id=seen)
    if not mine.update(contact=contact, updated_at=now):
        current = CallLog.objects.select_related("contact").get(pk=call.pk).contact
        raise ChosenMeanwhile(current.name if current else "")
    before = call.contact.name if call.contact else ""
    audit.record(
        Action.CALL_CONTACT_CHOSEN,
        on=Thing("call", call.pk, str(call)),
        contact=[before, contact.name if contact else ""],
    )
    if call.conference is not None:
        progress.announce(call.conference, call.pk)
    return contact


def _is_possible(call: CallLog, contact: Contact) -> bool:
    return (
        PossibleContact.objects.filter(call=call, contact=contact).exists()
        or ContactNumber.objects.filter(number=call.other_number, contact=contact).exists()
    )
