"""Everything that was heard of a room and its legs."""

from django.db import models
from django.db.models.functions import Now

from calls.facts import states
from calls.models.rooms import CallLeg, Conference
from tenants.fence.scoping import TenantChild, TenantFence


class CallEvent(TenantChild):
    """One thing that was heard, stored once, never changed. `leg` is empty for the room's own."""

    conference = models.ForeignKey(
        Conference, on_delete=models.CASCADE, related_name="events", db_constraint=False
    )
    leg = models.ForeignKey(
        CallLeg,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="events",
        db_constraint=False,
    )
    key = models.CharField(max_length=64, help_text="Digest of the content: the same event twice.")
    kind = models.CharField(max_length=12)
    name = models.CharField(max_length=60)
    at = models.DateTimeField(help_text="When it happened; when it was received if not said.")
    sequence = models.BigIntegerField(null=True, blank=True)
    duration = models.PositiveIntegerField(null=True, blank=True)
    sip_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error_code = models.PositiveIntegerField(null=True, blank=True)
    payload = models.JSONField(default=dict)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantChild.Meta):
        ordering = ["at", "id"]
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("conference"),
            TenantFence("leg"),
            models.UniqueConstraint(fields=["tenant", "key"], name="call_event_once"),
        ]

    @property
    def fact(self) -> states.Event:
        return states.Event(
            key=self.key,
            kind=self.kind,
            name=self.name,
            at=self.at,
            sequence=self.sequence,
            duration=self.duration,
            sip_code=self.sip_code,
            error_code=self.error_code,
        )


class UnroutedEvent(models.Model):
    """A genuine webhook about a call that we do not know, kept aside. It belongs to no tenant.

    The sweep hears it again (services/callbacks/aside.py): to that end it keeps what its address
    said, which the account signed as well. One from before that was kept is only looked at.
    """

    key = models.CharField(max_length=64)
    account_sid = models.CharField(max_length=34)
    call_sid = models.CharField(max_length=34, blank=True)
    reason = models.CharField(max_length=60)
    # Their defaults are the database's, for whoever still runs an older version.
    hook = models.CharField(
        max_length=12, db_default="", help_text="Which of our addresses it came to."
    )
    ids = models.JSONField(
        db_default=models.Value({}, models.JSONField()),
        help_text="What that address named: tenant, room, leg, call.",
    )
    named_tenant = models.UUIDField(
        null=True, help_text="The workspace that it speaks of, if there was one."
    )
    payload = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)
    next_try_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-received_at"]
        verbose_name, verbose_name_plural = "event kept aside", "events kept aside"
        constraints = [models.UniqueConstraint(fields=["key"], name="unrouted_event_once")]
        indexes = [models.Index(fields=["named_tenant", "next_try_at"], name="unrouted_due")]

    def __str__(self) -> str:
        # Not its SID: a trail of a workspace that is none of it may name it.
        return self.reason
