"""Those who call, on their way to somebody, and whom they are offered to."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from calls.facts.inbound.queues import Availability
from calls.facts.inbound.written import LONGEST_PLACE
from calls.models.calls import CallLog
from tenants.fence.scoping import TenantChild, TenantFence, member_fence


class Caller(TenantChild):
    """A call that comes in, on its way through the plan of its line. Who has claimed it is the
    agent of its room, since `claimed_at`.
    """

    call = models.OneToOneField(
        CallLog, on_delete=models.CASCADE, related_name="caller", db_constraint=False
    )
    # Where they are: a text of `facts.inbound.written`; "" while they are greeted.
    place = models.CharField(max_length=LONGEST_PLACE, blank=True, default="")
    moves = models.PositiveSmallIntegerField(default=0, help_text="How often they were led on.")
    tries = models.PositiveSmallIntegerField(default=0, help_text="Prompts of this menu.")
    steps = models.PositiveIntegerField(default=0, help_text="Events of their way.")
    # In groups: `queues.Caller` has these.
    since = models.DateTimeField(null=True, blank=True)
    entered_at = models.DateTimeField(null=True, blank=True)
    wish = models.CharField(max_length=12, blank=True, default="")
    claimed_at = models.DateTimeField(null=True, blank=True)
    returned_at = models.DateTimeField(null=True, blank=True)
    place_told = models.PositiveSmallIntegerField(null=True, blank=True)
    place_told_at = models.DateTimeField(null=True, blank=True)
    # They have hung up, left this group, or talk.
    left_at = models.DateTimeField(null=True, blank=True)
    # The group has led them on, until they come to where they go.
    led_on_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantChild.Meta):
        constraints = [*TenantChild.Meta.constraints, TenantFence("call")]
        indexes = [
            models.Index(
                fields=["tenant", "place"], name="caller_waiting", condition=Q(left_at=None)
            ),
            models.Index(
                fields=["tenant", "led_on_at"],
                name="caller_led_on",
                condition=Q(led_on_at__isnull=False),
            ),
        ]


class Offer(TenantChild):
    """One caller, rung at one agent. Open while `end` is empty."""

    caller = models.ForeignKey(
        Caller,
        on_delete=models.CASCADE,
        related_name="offers",
        db_index=False,
        db_constraint=False,
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, db_constraint=False
    )
    offered_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end = models.CharField(max_length=12, blank=True, default="")

    class Meta(TenantChild.Meta):
        ordering = ["offered_at", "id"]
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("caller"),
            member_fence("user"),
            models.UniqueConstraint(
                fields=["tenant", "caller", "user"], condition=Q(end=""), name="offer_open_once"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "caller", "offered_at"], name="offer_of_caller"),
            models.Index(fields=["tenant", "user", "offered_at"], name="offer_of_agent"),
        ]


class AgentAvailability(TenantChild):
    """What an agent has chosen, and what is known of their pages (`queues.Agent`)."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, db_constraint=False
    )
    availability = models.CharField(max_length=16, default=Availability.AWAY.value)
    idle_since = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(null=True, blank=True)
    asleep_at = models.DateTimeField(null=True, blank=True)
    knocked_at = models.DateTimeField(null=True, blank=True)
    wrap_up_until = models.DateTimeField(null=True, blank=True)
    missed_in_a_row = models.PositiveSmallIntegerField(default=0)
    # They were set to Away for offers that they missed, and have not chosen since.
    was_set_away = models.BooleanField(default=False)

    class Meta(TenantChild.Meta):
        verbose_name_plural = "agents’ availability"
        constraints = [
            *TenantChild.Meta.constraints,
            member_fence("user"),
            models.UniqueConstraint(fields=["tenant", "user"], name="agent_availability_once"),
        ]
