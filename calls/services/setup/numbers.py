"""Writes of our own numbers."""

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from calls import gateway
from calls.gateway.accounts import TwilioAccount
from calls.models import PhoneNumber
from calls.services.caller_ids import usable
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
            row, is_new = note(tenant, found, account, label=label)
            if is_default:
                make_default(row)
    except IntegrityError:
        raise NumberTaken(f"{number} belongs to another workspace.") from None
    return row, is_new


def adopt_numbers(tenant: Tenant, *, account: TwilioAccount) -> None:
    """Let the workspace call from every number of its own account.

    Asks Twilio, so never inside a transaction. Raises `gateway.TwilioError`.
    """
    held = gateway.numbers_held(account)
    with tenant_transaction(tenant.pk):
        for found in held.values():
            note(tenant, found, account)


def free_numbers(tenant: Tenant, *, account: TwilioAccount) -> list[str]:
    """Numbers of the account that can call and that no workspace has, in order.

    Asks Twilio, so never inside a transaction. Raises `gateway.TwilioError`.
    """
    held = gateway.numbers_held(account)
    with tenant_transaction(tenant.pk):
        free = unowned(account.sid, held)
    return [number for number in held if number in free]


def note(
    tenant: Tenant,
    found: gateway.NumberFacts,
    account: TwilioAccount,
    *,
    label: str | None = None,
    action: Action = Action.NUMBER_ASSIGNED,
) -> tuple[PhoneNumber, bool]:
    """Write down, inside a transaction, that a number of the account is the workspace's; (the row,
    whether it is new). Raises `IntegrityError` when it is another's.
    """
    number = found.number
    # One that was noted under an account used before moves to this one.
    rows = {row.account_sid: row for row in PhoneNumber.objects.filter(number=number)}
    row = rows.get(account.sid) or next(iter(rows.values()), None)
    is_new = row is None
    if row is None:
        row = PhoneNumber(tenant=tenant, number=number, label=label or "")
    is_moved = row.account_sid != account.sid
    row.account_sid, row.twilio_sid = account.sid, found.sid
    row.label = row.label if label is None else label
    row.save()
    if is_moved:
        audit.record(action, on=row, account=account.sid)
    return row, is_new


def is_taken(account_sid: str, number: str) -> bool:
    """Whether the number belongs to a workspace already."""
    return not unowned(account_sid, [number])


def unowned(account_sid: str, numbers: Iterable[str]) -> set[str]:
    """Those of the account's numbers (E.164) that no workspace has. Only the database sees all of
    them, so it is asked to take each; nothing of that stays.
    """
    tried = [PhoneNumber(account_sid=account_sid, number=number) for number in numbers]
    with transaction.atomic():
        PhoneNumber.objects.bulk_create(tried, ignore_conflicts=True)
        made = PhoneNumber.objects.filter(pk__in=[each.pk for each in tried])
        free = set(made.values_list("number", flat=True))
        transaction.set_rollback(True)
    return free


def have_default(tenant: Tenant, account_sid: str) -> None:
    """Inside a transaction: the first number of an account is its caller ID."""
    ours = usable(tenant, account_sid=account_sid)
    first = ours.first()
    if first is not None and not first.is_default:
        make_default(first)


@transaction.atomic
def make_default(number: PhoneNumber) -> None:
    """Make it the caller ID unless another is chosen; a workspace has one such number."""
    PhoneNumber.objects.exclude(pk=number.pk).filter(is_default=True).update(is_default=False)
    if not number.is_default:
        audit.record(Action.CALLER_ID_CHANGED, on=number, default="yes")
    number.is_default = True
    number.save(update_fields=["is_default"])
