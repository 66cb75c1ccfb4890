"""The log: one row for each conversation."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from calls.facts import states
from calls.models.rooms import Conference
from calls.models.sums import SummedByHour
from contacts.numbers import LONGEST_EXTENSION, Number
from tenants.fence.scoping import TenantChild, TenantFence, TenantOwned, member_fence

# Missed, and nobody has called back or said that it is done.
TO_RETURN = Q(missed_done_at=None) & ~Q(missed="")


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
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        db_index=False,
        db_constraint=False,
    )
    contact = models.ForeignKey(
        "contacts.Contact",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="calls",
        db_index=False,
        db_constraint=False,
    )
    # How many contacts the far side's number could have meant when the call began; of several
    # `contact` is none until somebody says which (PossibleContact).
    meant = models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)
    conference = models.OneToOneField(
        Conference,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="call",
        db_constraint=False,
    )
    direction = models.CharField(max_length=8, choices=Direction)
    from_number = models.CharField(max_length=64)
    to_number = models.CharField(max_length=64)
    # Sent as tones once the contact has answered, by the agent's browser; once.
    extension = models.CharField(max_length=LONGEST_EXTENSION, blank=True, db_default="")
    extension_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    submission = models.CharField(
        max_length=10, choices=Submission, default=Submission.ACCEPTED, editable=False
    )
    # The contact's leg.
    twilio_call_sid = models.CharField(max_length=34, null=True, blank=True)
    started_at = models.DateTimeField()

    status = models.CharField(max_length=20, default=states.QUEUED)
    outcome = models.CharField(max_length=20, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    duration = models.PositiveIntegerField(null=True, blank=True, help_text="Talk time, seconds.")
    error_code = models.PositiveIntegerField(null=True, blank=True)
    is_recorded = models.BooleanField(default=False, help_text="Recording was asked for.")
    # Whether one can be played; the database itself keeps it (`KeepsHasRecording`).
    has_recording = models.BooleanField(db_default=False, default=False, editable=False)
    # Of one that came in (`facts.inbound.missed`): what its fold says …
    wait_seconds = models.PositiveIntegerField(null=True, blank=True)
    missed = models.CharField(max_length=20, blank=True, db_default="", default="")
    # … and when somebody called back, or said that it is done.
    missed_done_at = models.DateTimeField(null=True, blank=True)
    # What people write down of it (`services.notes`), since when it says so, and who wrote last.
    notes = models.TextField(blank=True, db_default="", default="")
    notes_at = models.DateTimeField(null=True, blank=True, editable=False)
    notes_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    assumed_rate = models.DecimalField(
        max_digits=7, decimal_places=4, default=0, help_text="What a minute is taken to cost."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            *TenantOwned.Meta.constraints,
            member_fence("user"),
            member_fence("notes_by"),
            TenantFence("contact"),
            TenantFence("conference"),
            models.UniqueConstraint(fields=["twilio_call_sid"], name="call_sid_once"),
            SummedByHour(),
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
            models.Index(
                fields=["tenant", "has_recording", "-started_at", "-id"],
                name="call_history_recorded",
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
            models.Index(
                fields=["tenant", "-started_at", "-id"],
                name="call_history_missed",
                condition=~Q(missed=""),
            ),
            models.Index(
                fields=["tenant", "from_number"], name="call_to_return", condition=TO_RETURN
            ),
            models.Index(
                fields=["tenant", "-started_at", "-id"],
                name="call_to_return_newest",
                condition=TO_RETURN,
            ),
            models.Index(
                fields=["tenant", "notes_by"],
                name="call_noted_by",
                condition=Q(notes_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_number} → {self.to_number} ({self.status})"

    @property
    def is_in_doubt(self) -> bool:
        """Whether it is not known which of several contacts this is with."""
        return self.contact_id is None and self.meant > 1

    @property
    def other_number(self) -> str:
        """The far side's number."""
        return self.to_number if self.direction == "OUTBOUND" else self.from_number

    @property
    def to_full(self) -> str:
        """With the extension behind it (contacts.numbers.Number)."""
        return str(Number(self.to_number, self.extension))

    @property
    def other_full(self) -> str:
        return self.to_full if self.direction == "OUTBOUND" else self.from_number


class PossibleContact(TenantChild):
    """One of several contacts that had a call's number when it began, in the order of their ids."""

    call = models.ForeignKey(
        CallLog,
        on_delete=models.CASCADE,
        related_name="possible",
        db_index=False,
        db_constraint=False,
    )
    contact = models.ForeignKey(
        "contacts.Contact",
        on_delete=models.CASCADE,
        related_name="possible_calls",
        db_index=False,
        db_constraint=False,
    )

    class Meta(TenantChild.Meta):
        ordering = ["id"]
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("call"),
            TenantFence("contact"),
            models.UniqueConstraint(
                fields=["tenant", "call", "contact"], name="possible_contact_once"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "contact", "-id"], name="possible_contact_of")]
