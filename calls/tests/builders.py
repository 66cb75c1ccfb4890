"""Rows that tests of calls write by hand: what the services would have made of a call."""

from typing import Any

from django.utils import timezone

from calls.models import CallLog
from tenants.fence.context import tenant_transaction


def an_outbound_call(tenant: Any, **more: Any) -> CallLog:
    """A call of the workspace that began now, from Acme's number to Acme's Maria where `more` says
    nothing else; without agent, contact and room.
    """
    fields: dict[str, Any] = {
        "direction": "OUTBOUND",
        "from_number": "+14155550199",
        "to_number": "+14155550100",
        "started_at": timezone.now(),
    }
    with tenant_transaction(tenant.pk):
        return CallLog.objects.create(**fields | more)
