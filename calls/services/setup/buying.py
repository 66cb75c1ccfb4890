"""Numbers are bought: once, whatever is pressed twice or lost on the way.

All of it asks Twilio, so never inside a transaction. An order is written before Twilio is asked and
stays until the outcome is known. It is never asked again for a number whose answer was lost: the
number is looked for in the account, where it leads to the workspace from the beginning.
"""

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from calls import gateway
from calls.facts.numbers import MOST_SHARED, NEEDS_DOCUMENTS, Leads, refusal
from calls.gateway import NumberFacts
from calls.gateway.accounts import AccountGone, TwilioAccount, TwilioNotConfigured, account_for
from calls.models import NumberOrder, PhoneNumber
from calls.services.caller_ids import usable
from calls.services.setup import numbers
from tenants import doors
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant
from tenants.trail import audit
from tenants.trail.audit import Action, Thing

logger = logging.getLogger(__name__)

UNCERTAIN = timedelta(seconds=60)  # after which nothing is under way any more


class NotBought(Exception):
    """It was not bought, nothing is paid; the text says why, and what to do. `needs_documents`:
    with an address or a bundle it may be.
    """

    def __init__(self, message: str, *, needs_documents: bool = False) -> None:
        super().__init__(message)
        self.message, self.needs_documents = message, needs_documents


class BeingBought(Exception):
    """It was asked for a moment ago, and nobody knows yet what became of it."""


def buy(
    tenant: Tenant,
    *,
    number: str,
    account: TwilioAccount,
    label: str = "",
    address_sid: str = "",
    bundle_sid: str = "",
    by_operator: bool = False,
) -> tuple[PhoneNumber, bool]:
    """Buy `number` (E.164), which leads to the workspace from then on; (the number, whether it is
    new to it). Raises `NotBought`, `BeingBought`, `gateway.TwilioError`; after
    `gateway.OutcomeUnknown` the sweep finds out.
    """
    begun = _begin(tenant, number, account, label, by_operator)
    if isinstance(begun, PhoneNumber):
        return begun, False
    try:
        made = gateway.buy_number(
            account,
            number,
            tenant_id=tenant.pk,
            address_sid=address_sid,
            bundle_sid=bundle_sid,
        )
    except gateway.TwilioRefused as refused:
        _give_up(tenant, begun, why=f"refused by Twilio, {refused.code}")
        raise NotBought(
            refusal(refused.code, refused.message),
            needs_documents=refused.code in NEEDS_DOCUMENTS,
        ) from refused
    except gateway.OutcomeUnknown:
        found = None
        with suppress(gateway.TwilioError):
            found = _find(tenant, begun, account)
        if found is None:
            raise
        made = found
    except gateway.TwilioError as error:
        _give_up(tenant, begun, why=f"Twilio was not reached, {type(error).__name__}")
        raise
    return _finish(tenant, begun, made, account), True


def settle_orders(tenant_id: UUID, *, now: datetime) -> None:
    """Find out what became of orders whose answer was lost: for the sweep."""
    with tenant_transaction(tenant_id):
        orders = list(NumberOrder.objects.filter(asked_at__lte=now - UNCERTAIN))
    if not orders or (tenant := doors.tenant_by_id(tenant_id)) is None:
        return
    for order in orders:
        try:
            account = account_for(tenant_id, order.account_sid)
            found = _find(tenant, order, account)
        except AccountGone:
            _give_up(tenant, order, why="its Twilio account is gone")
        except (gateway.TwilioError, TwilioNotConfigured) as error:
            logger.warning("What became of the order of %s is not known yet: %s", order, error)
        else:
            if found is None:
                _give_up(tenant, order, why="Twilio has not sold it")
                continue
            try:
                _finish(tenant, order, found, account)
            except NotBought as error:
                logger.warning("An order came to nothing: %s", error)


def _begin(
    tenant: Tenant, number: str, account: TwilioAccount, label: str, by_operator: bool
) -> NumberOrder | PhoneNumber:
    """The order, committed; or the number, if it is the workspace's already."""
    with tenant_transaction(tenant.pk):
        Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)  # one after the other
        try:
            with transaction.atomic():
                order = NumberOrder.objects.create(
                    tenant=tenant, number=number, label=label, account_sid=account.sid
                )
        except IntegrityError:
            raise BeingBought(number) from None
        # Only now: an order that was settled a moment ago has left its number.
        ours = usable(tenant, account_sid=account.sid)
        if (there := ours.filter(number=number).first()) is not None:
            order.delete()
            return there
        asked = ours.count() + NumberOrder.objects.filter(account_sid=account.sid).count()
        if account.tenant_id is None and not by_operator and asked > MOST_SHARED:
            raise NotBought(
                f"Your workspace has {MOST_SHARED} numbers of the shared account, the most it can "
                "buy. Release one, or ask your system administrator."
            )
        audit.record(Action.NUMBER_ORDERED, on=_thing(number), account=account.sid)
        return order


def _find(tenant: Tenant, order: NumberOrder, account: TwilioAccount) -> NumberFacts | None:
    """The number, if it was bought for this workspace. Raises `gateway.TwilioError`."""
    found = gateway.find_number(account, order.number)
    if found is None or account.tenant_id == tenant.pk:
        return found
    # On the shared account another workspace may have been quicker.
    return found if found.leads(tenant.pk) in (Leads.HERE, Leads.PARTLY) else None


def _finish(
    tenant: Tenant, order: NumberOrder, made: NumberFacts, account: TwilioAccount
) -> PhoneNumber:
    try:
        with tenant_transaction(tenant.pk):
            waiting = NumberOrder.objects.select_for_update().filter(pk=order.pk)
            action = Action.NUMBER_BOUGHT if waiting.first() else Action.NUMBER_ASSIGNED
            row, _ = numbers.note(tenant, made, account, label=order.label, action=action)
            numbers.have_default(tenant, account.sid)
            waiting.delete()
            return row
    except IntegrityError:
        _give_up(tenant, order, why="it belongs to another workspace")
        raise NotBought("This number is no longer available. Choose another one.") from None


def _give_up(tenant: Tenant, order: NumberOrder, *, why: str) -> None:
    with tenant_transaction(tenant.pk):
        if NumberOrder.objects.filter(pk=order.pk).delete()[0]:
            audit.record(Action.NUMBER_NOT_BOUGHT, on=_thing(order.number), reason=why)


def _thing(number: str) -> Thing:
    return Thing("phone number", "", number)
