"""What cannot be routed is kept aside, so that nothing genuine is lost, and is heard again by the
sweep: an event may come before its room.
"""

import hashlib
import json
import logging
from datetime import datetime
from uuid import UUID

from calls.facts.patience import next_try
from calls.gateway import accounts
from calls.models import UnroutedEvent
from calls.services.callbacks import routing
from calls.services.callbacks.reading import Callback, Hook, ids_of
from calls.services.callbacks.routing import Unroutable
from tenants import doors

logger = logging.getLogger(__name__)

KEPT_ASIDE = 1000  # of what an account says of a workspace, the newest
AT_ONCE = 100  # of a workspace, in one sweep


def keep(callback: Callback, reason: str) -> None:
    named = callback.named_tenant
    if named and doors.tenant_by_id(named) is None:
        named = None  # whatever is no workspace has one share
    ids = {name: found.hex for name, found in callback.ids.items()}
    content = json.dumps([callback.hook, ids, callback.form], sort_keys=True)
    UnroutedEvent.objects.get_or_create(
        key=hashlib.sha256(content.encode()).hexdigest(),
        defaults={
            "account_sid": callback.account.sid,
            "call_sid": callback.form.get("CallSid", "")[:34],
            "reason": reason[:60],
            "hook": callback.hook,
            "ids": ids,
            "named_tenant": named,
            "payload": callback.form,
        },
    )
    # Whoever owns an account can sign anything, and as much as they like; on a shared one nobody
    # takes another workspace's share.
    kept = UnroutedEvent.objects.filter(account_sid=callback.account.sid, named_tenant=named)
    newest = kept.order_by("-pk").values_list("pk", flat=True)
    UnroutedEvent.objects.filter(pk__in=list(newest[KEPT_ASIDE:])).delete()


def hear_again(tenant_id: UUID, *, now: datetime) -> None:
    """Route once more what speaks of this tenant; what is bound leaves the table. What is then to
    be done stands in the rows, for the rest of the sweep.

    The next try is written down before this one is made: whatever becomes of it, younger events
    have their turn.
    """
    due = UnroutedEvent.objects.filter(named_tenant=tenant_id, next_try_at__lte=now)
    for event in list(due.order_by("next_try_at", "id")[:AT_ONCE]):
        row = UnroutedEvent.objects.filter(pk=event.pk)
        row.update(next_try_at=next_try(event.received_at, now))
        try:
            routing.hear(_callback(event))
        except Unroutable as error:
            row.update(reason=str(error)[:60])
        except Exception:
            logger.exception("Event %s could not be heard again", event.pk)
        else:
            row.delete()


def _callback(event: UnroutedEvent) -> Callback:
    """As it came. Its account is looked for where the door looked: in the workspace that the signed
    address names, or it is the shared one.
    """
    ids = ids_of(event.ids)
    account = accounts.webhook_account(event.account_sid, ids.get("tenant"))
    if account is None:
        raise Unroutable("its account is gone")
    return Callback(Hook(event.hook), account, ids, event.payload, event.received_at)
