"""The rooms in which calls take place, and the legs of the people in them."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from calls.facts import states
from calls.facts.patience import LOOK
from tenants.fence.scoping import TenantChild, TenantFence, TenantOwned, member_fence


def first_look() -> datetime:
    return timezone.now() + LOOK


# Found by the index of rooms that are to be looked at: one that is open always is. By its agent
# alone, all rooms that they ever had would be read.
OPEN = Q(closed_at=None, next_look_at__isnull=False)


def label_of(party: str, leg_id: uuid.UUID) -> str:
    """A leg's participant label: unique within the room, opaque."""
    return f"{party}_{leg_id.hex}"


class Conference(TenantOwned):
    """The room of one call. It exists from the moment an agent's browser connects, or a call comes
    in; the agent of that is who has claimed it, once somebody has.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        db_index=False,
        db_constraint=False,
    )
    client_request_id = models.UUIDField(help_text="The browser's id of the wish to call, or ours.")
    account_sid = models.CharField(max_length=34)
    conference_sid = models.CharField(max_length=34, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Nobody is in the room any more and nothing is left to be done about it.
    closed_at = models.DateTimeField(null=True, blank=True)
    # When the sweep looks for what was not heard of its people and, after its end, of its call.
    next_look_at = models.DateTimeField(null=True, blank=True, default=first_look)

    class Meta(TenantOwned.Meta):
        constraints = [
            *TenantOwned.Meta.constraints,
            member_fence("agent"),
            models.UniqueConstraint(
                fields=["tenant", "agent", "client_request_id"], name="conference_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "next_look_at"],
                name="conference_look",
                condition=Q(next_look_at__isnull=False),
            )
        ]

    @property
    def name(self) -> str:
        """The room's name at Twilio. Names are account-wide, so this one cannot be guessed."""
        return f"vc_{self.pk.hex}"


class CallLeg(TenantChild):
    """One party's connection: one Twilio call SID. Its state is a fold over its events."""

    class Party(models.TextChoices):
        AGENT = "agent", "Agent"
        CONTACT = "contact", "Contact"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conference = models.ForeignKey(
        Conference, on_delete=models.CASCADE, related_name="legs", db_constraint=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        db_index=False,
        db_constraint=False,
    )
    party = models.CharField(max_length=12, choices=Party)
    is_phone = models.BooleanField(
        default=False, db_default=False, help_text="An agent’s own telephone, not a browser."
    )
    # Unknown until Twilio has answered; made by Twilio, so unique everywhere.
    call_sid = models.CharField(max_length=34, null=True, blank=True)
    status = models.CharField(max_length=20, default=states.QUEUED)
    answered_at = models.DateTimeField(null=True, blank=True)
    joined_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    duration = models.PositiveIntegerField(null=True, blank=True)
    on_hold = models.BooleanField(default=False)
    sip_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error_code = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantChild.Meta):
        constraints = [
            *TenantChild.Meta.constraints,
            member_fence("user"),
            TenantFence("conference"),
            models.UniqueConstraint(fields=["call_sid"], name="leg_sid_once"),
        ]
        indexes = [
            # How often an agent's browser has connected of late; not by party, so that the fence
            # of the person finds its rows here, too.
            models.Index(
                fields=["tenant", "user", "created_at"],
                name="leg_of_agent",
                condition=Q(user__isnull=False),
            )
        ]

    @property
    def label(self) -> str:
        return label_of(self.party, self.pk)

    @property
    def state(self) -> states.LegState:
        """The stored fold, for decisions that need no events."""
        return states.LegState(
            status=self.status,
            answered_at=self.answered_at,
            ended_at=self.ended_at,
            duration=self.duration,
            joined_at=self.joined_at,
            left_at=self.left_at,
            on_hold=self.on_hold,
            sip_code=self.sip_code,
            error_code=self.error_code,
        )
