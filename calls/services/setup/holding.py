"""Numbers that an account holds: which are the workspace's, which it may take, whom their callers
reach, and how they are given back.

All of it asks Twilio, so never inside a transaction. On the shared account a workspace sees its own
numbers and those that nobody uses: never another workspace's, nor one that leads elsewhere.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError

from calls import gateway
from calls.facts.numbers import Leads
from calls.gateway import NumberFacts
from calls.gateway.accounts import TwilioAccount, account_for
from calls.models import NumberOrder, PhoneNumber
from calls.services.caller_ids import usable
from calls.services.setup import numbers
from calls.services.setup.numbers import NumberNotOwned, NumberTaken
from contacts.numbers import E164
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant
from tenants.trail import audit
from tenants.trail.audit import Action

_UNUSED = (Leads.HERE, Leads.PARTLY, Leads.NOWHERE)


class Ours(NamedTuple):
    """A number of the workspace; `found` is None when the account does not hold it, `leads` too."""

    row: PhoneNumber
    found: NumberFacts | None
    leads: Leads | None


@dataclass(frozen=True)
class Survey:
    """`ours` in the order of caller IDs; `free` may be taken; `ordered` are being bought."""

    ours: list[Ours]
    free: list[NumberFacts]
    ordered: list[NumberOrder]


def survey(tenant: Tenant, *, account: TwilioAccount) -> Survey:
    """What there is. Raises `gateway.TwilioError`."""
    held = gateway.numbers_held(account)
    with tenant_transaction(tenant.pk):
        rows = list(usable(tenant, account_sid=account.sid))
        ordered = list(NumberOrder.objects.filter(account_sid=account.sid))
        known = {each.number for each in [*rows, *ordered]}
        others = [each for each in held.values() if each.number not in known]
        others = [each for each in others if may_take(tenant, each, account)]
        nobodys = numbers.unowned(account.sid, [each.number for each in others])
    ours = []
    for row in rows:
        found = held.get(row.number)
        ours.append(Ours(row, found, found.leads(tenant.pk) if found else None))
    return Survey(ours, [each for each in others if each.number in nobodys], ordered)


def may_take(tenant: Tenant, found: NumberFacts, account: TwilioAccount) -> bool:
    """Whether the workspace may use a number that is no workspace's. All of its own account's; of
    the shared one those that nobody uses elsewhere, as far as Twilio knows.
    """
    return account.tenant_id is not None or found.leads(tenant.pk) in _UNUSED


def take(
    tenant: Tenant, *, number: str, account: TwilioAccount, by_operator: bool = False
) -> PhoneNumber:
    """Make a number that the account holds the workspace's, and lead its callers there. When only
    the first was done, `point` does the rest.

    Who runs the installation may take one that leads elsewhere, too. Raises `NumberNotOwned`,
    `NumberTaken`, `gateway.TwilioError`.
    """
    if re.fullmatch(E164, number) is None:
        raise NumberNotOwned(f"The account has no free number {number}.")
    found = gateway.find_number(account, number)
    with tenant_transaction(tenant.pk):
        is_ours = PhoneNumber.objects.filter(account_sid=account.sid, number=number).exists()
    if found is None or not (is_ours or by_operator or may_take(tenant, found, account)):
        raise NumberNotOwned(f"The account has no free number {number}.")
    if not found.can_call:
        raise NumberNotOwned(f"{number} can’t be used for calls.")
    try:
        with tenant_transaction(tenant.pk):
            row, _ = numbers.note(tenant, found, account)
            numbers.have_default(tenant, account.sid)
    except IntegrityError:
        raise NumberTaken(f"{number} belongs to another workspace.") from None
    _point(tenant, row, found, account)
    return row


def point(tenant: Tenant, *, number_id: UUID) -> PhoneNumber:
    """Lead the callers of a number of the workspace there. Again does no harm.

    Raises `PhoneNumber.DoesNotExist`, `NumberNotOwned`, `AccountGone`, `gateway.TwilioError`.
    """
    with tenant_transaction(tenant.pk):
        row = PhoneNumber.objects.get(pk=number_id)
    account = account_for(tenant.pk, row.account_sid)
    found = gateway.find_number(account, row.number)
    if found is None:
        raise NumberNotOwned(f"The Twilio account no longer has {row.number}.")
    _point(tenant, row, found, account)
    return row


def _point(tenant: Tenant, row: PhoneNumber, found: NumberFacts, account: TwilioAccount) -> None:
    if found.leads(tenant.pk) is Leads.HERE:
        return
    gateway.point_number(account, found, tenant.pk)
    with tenant_transaction(tenant.pk):
        audit.record(Action.NUMBER_POINTED, on=row, before=found.target[:200] or "nowhere")


# --- giving back -------------------------------------------------------------------------------


class Follows(NamedTuple):
    """What comes of giving a number back: whether nobody can call any more, and which number takes
    its place as caller ID.
    """

    is_last: bool
    next_default: PhoneNumber | None


def follows(tenant: Tenant, row: PhoneNumber) -> Follows:
    """Inside a transaction."""
    others = list(usable(tenant, account_sid=row.account_sid).exclude(pk=row.pk)[:1])
    is_first = usable(tenant, account_sid=row.account_sid).first() == row
    return Follows(not others, others[0] if others and is_first else None)


def release(tenant: Tenant, *, number_id: UUID) -> Follows:
    """Give a number back to Twilio; calls that were made with it keep it in the history. One that
    Twilio no longer has only goes here.

    Raises `PhoneNumber.DoesNotExist` (also when a colleague was quicker), `AccountGone`,
    `gateway.TwilioError`; `gateway.OutcomeUnknown` when it may be gone or not: again does no harm.
    """
    with tenant_transaction(tenant.pk):
        row = PhoneNumber.objects.get(pk=number_id)
    account = account_for(tenant.pk, row.account_sid)
    found = gateway.find_number(account, row.number)
    if found is not None:
        try:
            gateway.release_number(account, found.sid)
        except gateway.OutcomeUnknown:
            if not _is_gone(account, row.number):
                raise
    with tenant_transaction(tenant.pk):
        # All of them in one order, as the page of caller IDs locks them.
        list(usable(tenant, account_sid=row.account_sid).order_by("pk").select_for_update())
        row = PhoneNumber.objects.get(pk=number_id)
        comes = follows(tenant, row)
        audit.record(Action.NUMBER_RELEASED, on=row, account=row.account_sid)
        row.delete()
        if comes.next_default is not None:
            numbers.make_default(comes.next_default)
    return comes


def _is_gone(account: TwilioAccount, number: str) -> bool:
    """Whether Twilio says that the account has it no more."""
    try:
        return gateway.find_number(account, number) is None
    except gateway.TwilioError:
        return False
