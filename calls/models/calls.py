"""Numbers, calls, their legs, and every event that was heard of them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from calls.facts import states
from tenants.fence.scoping import TenantFence, TenantOwned, member_fence


class PhoneNumber(TenantOwned):
    """A number of ours at Twilio: what calls are made from."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=16, help_text="E.164, like +14155550100.")
    label = models.CharField(max_length=60, blank=True)
    account_sid = models.CharField(max_length=34)
    twilio_sid = models.CharField(max_length=34, blank=True)
    is_default = models.BooleanField(default=False, help_text="Caller ID unless another is chosen.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        ordering = ["-is_default", "number"]
        constraints = [
            *TenantOwned.Meta.constraints,
            # Twilio gives a number to one account, and we give it to one workspace.
            models.UniqueConstraint(fields=["account_sid", "number"], name="phone_number_once"),
        ]

    def __str__(self) -> str:
        return self.number


class Conference(TenantOwned):
    """The room of one call. It exists from the moment an agent's browser connects."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    client_request_id = models.UUIDField(help_text="The browser's id of the wish to call.")
    account_sid = models.CharField(max_length=34)
    conference_sid = models.CharField(max_length=34, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Nobody is in the room any more and nothing is left to be done about it.
    closed_at = models.DateTimeField(null=True, blank=True)
    # When Twilio was last asked about this room, because nothing was heard of it.
    checked_at = models.DateTimeField(null=True, blank=True)

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
                fields=["tenant", "created_at"],
                name="conference_open",
                condition=Q(closed_at__isnull=True),
            )
        ]

    @property
    def name(self) -> str:
        """The room's name at Twilio. Names are account-wide, so this one cannot be guessed."""
        return f"vc_{self.pk.hex}"


class CallLog(TenantOwned):
    """One conversation. All but the first block is a fold over the call's events."""

    class Direction(models.TextChoices):
        INBOUND = "INBOUND", "Inbound"
        OUTBOUND = "OUTBOUND", "Outbound"

    class Submission(models.TextChoices):
        """What is known about Twilio having taken our wish to dial."""

        PENDING = "pending", "Being submitted"
        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused"
        UNKNOWN = "unknown", "Unknown"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    contact = models.ForeignKey(
        "contacts.Contact", null=True, blank=True, on_delete=models.SET_NULL, related_name="calls"
    )
    conference = models.OneToOneField(
        Conference, null=True, blank=True, on_delete=models.SET_NULL, related_name="call"
    )
    direction = models.CharField(max_length=8, choices=Direction)
    from_number = models.CharField(max_length=64)
    to_number = models.CharField(max_length=64)
    submission = models.CharField(
        max_length=10, choices=Submission, default=Submission.ACCEPTED, editable=False
    )
    # The contact's leg.
    twilio_call_sid = models.CharField(max_length=34, null=True, blank=True, unique=True)
    started_at = models.DateTimeField()

    status = models.CharField(max_length=20, default=states.QUEUED)
    outcome = models.CharField(max_length=20, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    duration = models.PositiveIntegerField(null=True, blank=True, help_text="Talk time, seconds.")
    error_code = models.PositiveIntegerField(null=True, blank=True)
    is_recorded = models.BooleanField(default=False, help_text="Recording was asked for.")
    assumed_rate = models.DecimalField(
        max_digits=7, decimal_places=4, default=0, help_text="What a minute is taken to cost."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            *TenantOwned.Meta.constraints,
            member_fence("user"),
            TenantFence("contact"),
            TenantFence("conference"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-started_at", "-id"], name="call_history"),
            models.Index(
                fields=["tenant", "direction", "-started_at", "-id"], name="call_history_direction"
            ),
            # Written once at the end; the status, which each event changes, has no index.
            models.Index(
                fields=["tenant", "outcome", "-started_at", "-id"], name="call_history_outcome"
            ),
            models.Index(
                fields=["tenant", "user", "-started_at", "-id"], name="call_history_agent"
            ),
            models.Index(
                fields=["tenant", "contact", "-started_at", "-id"], name="call_history_contact"
            ),
            # The far side's number; our own would find half the history.
            models.Index(
                fields=["tenant", "to_number", "-started_at", "-id"],
                name="call_history_to",
                condition=Q(direction="OUTBOUND"),
            ),
            models.Index(
                fields=["tenant", "from_number", "-started_at", "-id"],
                name="call_history_from",
                condition=Q(direction="INBOUND"),
            ),
            models.Index(
                fields=["tenant", "started_at"], name="call_open", condition=Q(ended_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_number} → {self.to_number} ({self.status})"

    @property
    def other_number(self) -> str:
        """The far side's number."""
        return self.to_number if self.direction == "OUTBOUND" else self.from_number


class CallLeg(TenantOwned):
    """One party's connection: one Twilio call SID. Its state is a fold over its events."""

    class Party(models.TextChoices):
        AGENT = "agent", "Agent"
        CONTACT = "contact", "Contact"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="legs")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    party = models.CharField(max_length=12, choices=Party)
    # Unknown until Twilio has answered; made by Twilio, so unique everywhere.
    call_sid = models.CharField(max_length=34, null=True, blank=True, unique=True)
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

    class Meta(TenantOwned.Meta):
        constraints = [
            *TenantOwned.Meta.constraints,
            member_fence("user"),
            TenantFence("conference"),
        ]
        indexes = [
            # How often an agent's browser has connected of late.
            models.Index(
                fields=["tenant", "user", "created_at"],
                name="leg_of_agent",
                condition=Q(party="agent"),
            )
        ]

    @property
    def label(self) -> str:
        """The participant label: unique within the room, opaque."""
        return f"{self.party}_{self.pk.hex}"

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


class CallEvent(TenantOwned):
    """One thing that was heard, stored once, never changed. `leg` is empty for the room's own."""

    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="events")
    leg = models.ForeignKey(
        CallLeg, null=True, blank=True, on_delete=models.CASCADE, related_name="events"
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

    class Meta(TenantOwned.Meta):
        ordering = ["at", "id"]
        constraints = [
            *TenantOwned.Meta.constraints,
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
    """A genuine webhook about a call that we do not know, kept aside. It belongs to no tenant."""

    key = models.CharField(max_length=64, unique=True)
    account_sid = models.CharField(max_length=34)
    call_sid = models.CharField(max_length=34, blank=True)
    reason = models.CharField(max_length=60)
    payload = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-received_at"]

    def __str__(self) -> str:
        return f"{self.reason}: {self.call_sid}"
