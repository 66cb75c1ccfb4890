"""The recordings of calls."""

import uuid
from collections.abc import Sequence

from django.conf import settings
from django.db import models
from django.db.models import Q

from calls.models.calls import CallLog
from tenants.fence.constraints import TableTriggers
from tenants.fence.scoping import TenantChild, TenantFence, member_fence

# The call is locked before it is looked whether another is stored: of two recordings that change at
# once, the second then sees the first.
_OF = "WHERE tenant_id = {row}.tenant_id AND id = {row}.call_id"
_LOCKED = f"PERFORM 1 FROM calls_calllog {_OF} FOR NO KEY UPDATE;"
_HAS_ONE = f"UPDATE calls_calllog SET has_recording = TRUE {_OF} AND {{row}}.state = 'stored';"  # noqa: S608 # nosec B608 # our names
_MAY_HAVE_ONE = f"""UPDATE calls_calllog SET has_recording = EXISTS (
        SELECT 1 FROM calls_recording r WHERE r.tenant_id = {{row}}.tenant_id
        AND r.call_id = {{row}}.call_id AND r.state = 'stored'
    ) {_OF} AND {{row}}.state = 'stored';"""  # noqa: S608 # nosec B608 # our names


class KeepsHasRecording(TableTriggers):
    """Triggers on the recordings that keep `CallLog.has_recording`, whoever writes them.

    SQLite remakes a table to change it, and refuses while a trigger of another names it: a
    migration that changes `CallLog` takes this from the recordings first, and adds it again
    afterwards.
    """

    default_name = "%(app_label)s_%(class)s_kept"

    def templates(self, vendor: str) -> Sequence[str]:
        old, new = _MAY_HAVE_ONE.format(row="OLD"), _HAS_ONE.format(row="NEW")
        if vendor == "postgresql":
            old, new = f"{_LOCKED.format(row='OLD')} {old}", f"{_LOCKED.format(row='NEW')} {new}"
            return [
                "CREATE OR REPLACE FUNCTION keep_has_recording() RETURNS trigger"
                " LANGUAGE plpgsql AS $$ BEGIN"
                " IF TG_OP = 'UPDATE' AND NEW.call_id = OLD.call_id"
                " AND (NEW.state = 'stored') = (OLD.state = 'stored') THEN RETURN NULL; END IF;"
                f" IF TG_OP <> 'INSERT' AND OLD.state = 'stored' THEN {old} END IF;"
                f" IF TG_OP <> 'DELETE' AND NEW.state = 'stored' THEN {new} END IF;"
                " RETURN NULL; END $$;"
                " CREATE TRIGGER %(name)s AFTER INSERT OR DELETE OR UPDATE OF state, call_id"
                " ON %(table)s FOR EACH ROW EXECUTE FUNCTION keep_has_recording()"
            ]
        return [
            f"CREATE TRIGGER %(name)s_{name} AFTER {event} ON %(table)s BEGIN {does} END"
            for name, event, does in (
                ("insert", "INSERT", new),
                ("update", "UPDATE OF state, call_id", f"{old} {new}"),
                ("delete", "DELETE", old),
            )
        ]


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
    # A message that was left, and who heard it first.
    is_voicemail = models.BooleanField(db_default=False, default=False)
    heard_at = models.DateTimeField(null=True, blank=True)
    heard_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    # When its box's listeners are next to be told of it (`services.voicemail`).
    tell_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantChild.Meta):
        ordering = ["created_at"]
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("call"),
            member_fence("heard_by"),
            models.UniqueConstraint(fields=["sid"], name="recording_sid_once"),
            KeepsHasRecording(),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "next_attempt_at"],
                name="recording_waiting",
                condition=Q(state="waiting"),
            ),
            models.Index(
                fields=["tenant", "heard_by"],
                name="recording_heard",
                condition=Q(heard_by__isnull=False),
            ),
            models.Index(
                fields=["tenant", "tell_at"],
                name="recording_to_tell",
                condition=Q(tell_at__isnull=False),
            ),
        ]
