"""The recordings of calls."""

import uuid

from django.db import models
from django.db.models import Q

from calls.models.calls import CallLog
from tenants.fence.scoping import TenantChild, TenantFence


class Recording(TenantChild):
    """A recording of a call, and how far our own copy of it has come."""

    class State(models.TextChoices):
        RECORDING = "recording", "Being recorded"
        WAITING = "waiting", "Waiting to be fetched"
        STORED = "stored", "Stored"
        ABSENT = "absent", "Nothing was recorded"
        FAILED = "failed", "Could not be fetched"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    call = models.ForeignKey(
        CallLog, on_delete=models.CASCADE, related_name="recordings", db_constraint=False
    )
    sid = models.CharField(max_length=34)
    account_sid = models.CharField(max_length=34)
    state = models.CharField(max_length=12, choices=State, default=State.RECORDING)
    duration = models.PositiveIntegerField(null=True, blank=True, help_text="Seconds.")
    channels = models.PositiveSmallIntegerField(default=1)
    path = models.CharField(max_length=200, blank=True, help_text="Below RECORDINGS_DIR.")
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes.")
    sha256 = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    stored_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantChild.Meta):
        ordering = ["created_at"]
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("call"),
            models.UniqueConstraint(fields=["sid"], name="recording_sid_once"),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "next_attempt_at"],
                name="recording_waiting",
                condition=Q(state="waiting"),
            )
        ]
