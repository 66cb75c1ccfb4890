"""Browsers that may be told of a caller while no page of theirs is open."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from calls.facts.pushes import LONGEST_ENDPOINT
from tenants.fence.scoping import TenantChild, member_fence


class PushSubscription(TenantChild):
    """One browser of a member: `endpoint` is the address that its push service has given it,
    `p256dh` and `auth` are its keys (`calls.facts.pushes`). It counts as long as the session in
    which it was made lasts and works in this workspace: who uses the browser then is told nothing.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, db_constraint=False
    )
    session = models.CharField(max_length=40)
    endpoint = models.CharField(max_length=LONGEST_ENDPOINT)
    p256dh = models.CharField(max_length=88)
    auth = models.CharField(max_length=24)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantChild.Meta):
        constraints = [
            *TenantChild.Meta.constraints,
            member_fence("user"),
            models.UniqueConstraint(
                fields=["tenant", "user", "session"], name="push_subscription_once"
            ),
        ]
