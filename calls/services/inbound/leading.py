"""Sending callers on whom their group has led on: Twilio is asked to ask us what is next."""

from datetime import datetime, timedelta
from uuid import UUID

from calls import gateway
from calls.gateway import addresses
from calls.gateway.accounts import account_for
from calls.models import Caller
from tenants.fence.context import tenant_transaction

LATE = timedelta(seconds=5)  # after which whoever was to send them on is taken to be dead


def send_on(tenant_id: UUID, call_id: UUID) -> None:
    """Unless they have come to where they go already (`Caller.led_on_at`), or have hung up.

    Talks to Twilio, so it must run outside any transaction.
    """
    with tenant_transaction(tenant_id):
        waiting = Caller.objects.filter(call=call_id, led_on_at__isnull=False)
        caller = waiting.select_related("call__conference").first()
    if caller is None:
        return
    call = caller.call
    if call.ended_at is None and call.conference is not None and call.twilio_call_sid:
        gateway.redirect(
            account_for(tenant_id, call.conference.account_sid),
            call.twilio_call_sid,
            addresses.caller_step(tenant_id, call_id, "next"),
        )
    with tenant_transaction(tenant_id):
        # Meanwhile they may have been led on from elsewhere.
        sent = Caller.objects.filter(pk=caller.pk, led_on_at=caller.led_on_at)
        sent.update(led_on_at=None)


def overdue(now: datetime) -> list[UUID]:
    """The calls of those who were not sent on in time."""
    late = Caller.objects.filter(led_on_at__lt=now - LATE).order_by("led_on_at")
    return list(late.values_list("call", flat=True))
