"""Agents' own telephones, and the calls to them: with a code, and for a caller who is offered."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from calls.facts.phones import Ring
from calls.models.waiting import Offer
from tenants.fence.scoping import TenantChild, TenantFence, member_fence


class OwnPhone(TenantChild):
    """An agent's. `number` is theirs, as they have typed in a code that it was called with;
    `wanted` is one that they have not confirmed yet, and that nobody rings for a caller. "": none.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, db_constraint=False
    )
    number = models.CharField(max_length=16, blank=True, help_text="E.164.")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    rings = models.BooleanField(default=True, help_text="Unless the agent has turned it off.")
    wanted = models.CharField(max_length=16, blank=True, help_text="E.164.")
    code = models.CharField(max_length=64, blank=True, help_text="A digest.")
    called_at = models.DateTimeField(null=True, blank=True, help_text="When the code was told.")
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantChild.Meta):
        constraints = [
            *TenantChild.Meta.constraints,
            member_fence("user"),
            models.UniqueConstraint(fields=["tenant", "user"], name="own_phone_once"),
        ]

    def __str__(self) -> str:
        return self.number


class CodeCall(TenantChild):
    """That a number was called with a code: what bounds how often. Kept for a day."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, db_constraint=False
    )
    number = models.CharField(max_length=16, help_text="E.164.")
    asked_at = models.DateTimeField()

    class Meta(TenantChild.Meta):
        ordering = ["asked_at", "id"]
        constraints = [*TenantChild.Meta.constraints, member_fence("user")]
        indexes = [models.Index(fields=["tenant", "user", "asked_at"], name="code_call_lately")]

    def __str__(self) -> str:
        return self.number


# At Twilio, or about to be, and not a talk.
LIVE = Q(ended_at=None, taken_at=None)


class PhoneRing(TenantChild):
    """A call to an agent's own telephone, for one offer: written down before Twilio is asked."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    offer = models.OneToOneField(
        Offer, on_delete=models.CASCADE, related_name="ring", db_index=False, db_constraint=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, db_constraint=False
    )
    number = models.CharField(max_length=16, help_text="E.164.")
    rate = models.DecimalField(max_digits=7, decimal_places=4, default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    call_sid = models.CharField(max_length=34, blank=True)
    # `facts.phones.Ring` has these.
    asked_at = models.DateTimeField(null=True, blank=True)
    rang_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantChild.Meta):
        ordering = ["created_at", "id"]
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("offer"),
            member_fence("user"),
            # A telephone rings for one caller at a time.
            models.UniqueConstraint(fields=["tenant", "user"], condition=LIVE, name="ring_at_once"),
        ]
        indexes = [
            models.Index(fields=["tenant", "user"], name="ring_of_agent"),
            models.Index(
                fields=["tenant", "created_at"], name="ring_open", condition=Q(ended_at=None)
            ),
            models.Index(
                fields=["tenant", "answered_at"],
                name="ring_answered",
                condition=Q(answered_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def fact(self) -> Ring:
        return Ring(
            asked_at=self.asked_at,
            is_known=bool(self.call_sid),
            answered_at=self.answered_at,
            taken_at=self.taken_at,
            stopped_at=self.stopped_at,
            ended_at=self.ended_at,
        )
