"""Writes of our own numbers."""

from django.db import IntegrityError, transaction

from calls import gateway
from calls.gateway.accounts import TwilioAccount
from calls.models import PhoneNumber
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant
from tenants.trail import audit
from tenants.trail.audit import Action


class NumberNotOwned(Exception):
    """The Twilio account does not own the number, or it cannot make calls."""


class NumberTaken(Exception):
    """The number belongs to another workspace."""


def assign_number(
    tenant: Tenant,
    *,
    number: str,
    account: TwilioAccount,
    label: str | None = None,
    is_default: bool = False,
) -> tuple[PhoneNumber, bool]:
    """Give the workspace `number` (E.164) to call from; (the number, whether it is new to it).

    Asks Twilio, so never inside a transaction. A number that it has already gets the SID, and the
    label and default when given. Raises `NumberNotOwned`, `NumberTaken`, `gateway.TwilioError`.
    """
    found = gateway.find_number(account, number)
    if found is None:
        raise NumberNotOwned(f"The Twilio account {account.sid} does not own {number}.")
    if not found.can_call:
        raise NumberNotOwned(f"{number} has no voice capability at Twilio.")
    try:
        with tenant_transaction(tenant.pk):
            row, is_new = _note(tenant, number, account, found.sid, label)
            if is_default:
                make_default(row)
    except IntegrityError:
        raise NumberTaken(f"{number} belongs to another workspace.") from None
    return row, is_new


def adopt_numbers(tenant: Tenant, *, account: TwilioAccount) -> None:
    """Let the workspace call from every number of its own account.

    Asks Twilio, so never inside a transaction. Raises `gateway.TwilioError`.
    """
    found = gateway.voice_numbers(account)
    with tenant_transaction(tenant.pk):
        for number, sid in found.items():
            _note(tenant, number, account, sid, None)


def free_numbers(tenant: Tenant, *, account: TwilioAccount) -> list[str]:
    """Numbers of the account that can call and that no workspace has, in order.

    Asks Twilio, so never inside a transaction. Raises `gateway.TwilioError`.
    """
    found = sorted(gateway.voice_numbers(account))
    with tenant_transaction(tenant.pk):
        return [number for number in found if not is_taken(account.sid, number)]


def _note(
    tenant: Tenant, number: str, account: TwilioAccount, sid: str, label: str | None
) -> tuple[PhoneNumber, bool]:
    # One that was noted under an account used before moves to this one.
    rows = {row.account_sid: row for row in PhoneNumber.objects.filter(number=number)}
    row = rows.get(account.sid) or next(iter(rows.values()), None)
    is_new = row is None
    if row is None:
        row = PhoneNumber(tenant=tenant, number=number, label=label or "")
    is_moved = row.account_sid != account.sid
    row.account_sid, row.twilio_sid = account.sid, sid
    row.label = row.label if label is None else label
    row.save()
    if is_moved:
        audit.record(Action.NUMBER_ASSIGNED, on=row, account=account.sid)
    return row, is_new


def is_taken(account_sid: str, number: str) -> bool:
    """Whether the number belongs to a workspace already; only the database sees all of them."""
    try:
        with transaction.atomic():
            PhoneNumber.objects.create(account_sid=account_sid, number=number)
            transaction.set_rollback(True)
    except IntegrityError:
        return True
    return False


@transaction.atomic
def make_default(number: PhoneNumber) -> None:
    """Make it the caller ID unless another is chosen; a workspace has one such number."""
    PhoneNumber.objects.exclude(pk=number.pk).filter(is_default=True).update(is_default=False)
    if not number.is_default:
        audit.record(Action.CALLER_ID_CHANGED, on=number, default="yes")
    number.is_default = True
    number.save(update_fields=["is_default"])
