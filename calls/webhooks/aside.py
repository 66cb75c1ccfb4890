"""What cannot be routed is kept aside, so that nothing genuine is lost."""

import hashlib
import json

from calls.gateway.accounts import TwilioAccount
from calls.models import UnroutedEvent
from calls.webhooks.signed_posts import Form

KEPT_ASIDE = 1000  # of an account, the newest


def keep_aside(account: TwilioAccount, form: Form, reason: str) -> None:
    digest = hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest()
    UnroutedEvent.objects.get_or_create(
        key=digest,
        defaults={
            "account_sid": account.sid,
            "call_sid": form.get("CallSid", "")[:34],
            "reason": reason[:60],
            "payload": form,
        },
    )
    # Whoever owns an account can sign anything, and as much as they like.
    kept = UnroutedEvent.objects.filter(account_sid=account.sid).order_by("-pk")
    UnroutedEvent.objects.filter(
        pk__in=list(kept.values_list("pk", flat=True)[KEPT_ASIDE:])
    ).delete()
