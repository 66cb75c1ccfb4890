"""Knocks: an agent who is *Available*, but has no page, is told by their browser that somebody
calls, so that they open one. Where Web Push is switched off nobody is.

A knock is worth something for seconds: it is neither sent again nor kept.
"""

import logging
from datetime import datetime
from uuid import UUID

from django.conf import settings

from calls.facts import pushes as facts
from calls.facts.refusals import Refusal
from calls.gateway import pushes
from calls.gateway.pushes import Told
from calls.models import PushSubscription
from calls.selectors import knocks
from calls.selectors.knocks import Knock
from calls.selectors.queues import RULES
from tenants import doors
from tenants.fence.context import tenant_transaction
from tenants.models import Membership
from tenants.signing_in import sessions

logger = logging.getLogger(__name__)

MOST = 5  # browsers of a member; the one that was told of longest ago goes


def subscribe(
    member: Membership, *, session: str, endpoint: str, p256dh: str, auth: str, now: datetime
) -> None:
    """Have a browser, in which the member is signed in by this session, told of callers. Again:
    what it says now counts. Raises `Refusal`.
    """
    ours = settings.WEB_PUSH
    if ours is None:
        raise Refusal("not_found", "Web Push is not switched on here.")
    if not facts.is_push_service(endpoint, ours.hosts):
        message = "This is not the address of a push service that this installation knows."
        raise Refusal("invalid", message, field="endpoint")
    if not facts.is_public_key(p256dh):
        raise Refusal("invalid", "This is not the public key of a browser.", field="p256dh")
    if not facts.is_secret(auth):
        raise Refusal("invalid", "This is not the secret of a browser.", field="auth")
    with tenant_transaction(member.tenant_id):
        mine = PushSubscription.objects.filter(user=member.user_id)
        # One row for a browser, though it has signed in anew meanwhile.
        mine.filter(endpoint=endpoint).exclude(session=session).delete()
        mine.update_or_create(
            user_id=member.user_id,
            session=session,
            defaults={"endpoint": endpoint, "p256dh": p256dh, "auth": auth, "created_at": now},
        )
        kept = mine.order_by("-created_at", "-pk").values_list("pk", flat=True)[:MOST]
        mine.exclude(pk__in=list(kept)).delete()


def forget(user_id: UUID, *, session: str = "") -> None:
    """The present tenant's browsers of somebody: all, or that of a session."""
    theirs = PushSubscription.objects.filter(user=user_id)
    (theirs.filter(session=session) if session else theirs).delete()


def knock(tenant_id: UUID, user_id: UUID, call_id: UUID, *, now: datetime) -> bool:
    """Tell the agent's browsers of a caller. Whether they have lost one, so that their groups are
    to be tended. Talks to push services, so it must run outside any transaction.
    """
    tenant = doors.tenant_by_id(tenant_id)
    if tenant is None:
        return False
    with tenant_transaction(tenant_id):
        found = knocks.knock(tenant, user_id, call_id, now=now)
    if found is None:
        return False
    gone = [each.pk for each in found.browsers if not _tell(each, call_id, found)]
    if gone:
        with tenant_transaction(tenant_id):
            PushSubscription.objects.filter(pk__in=gone).delete()
    return bool(gone)


def _tell(browser: PushSubscription, call_id: UUID, found: Knock) -> bool:
    """Whether there is still such a browser of theirs."""
    member = sessions.member_of(browser.session)
    whose = (member.tenant_id, member.user_id) if member else None
    if whose != (browser.tenant_id, browser.user_id):
        return False
    told, why = pushes.tell(
        browser.endpoint,
        {"p256dh": browser.p256dh, "auth": browser.auth},
        {
            "id": str(call_id),
            "title": "Incoming call",
            "body": f"{found.who}\n{found.line}",
            "seconds": RULES.knock.total_seconds(),
        },
        lasts=RULES.knock,
    )
    if why:
        logger.warning("A browser was not told of a caller: %s", why)
    return told is not Told.GONE
