"""The audit trail: who saw or changed what, kept for the admins of the workspace.

`record` writes inside the transaction of the change, so that neither stands without the other; a
trail that cannot be written is an error of the whole. Secrets and contents stay out of it: of a
contact the names of the changed fields are kept, not their values.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from tenants import doors
from tenants.bricks.http import client_address
from tenants.bricks.texts import storable
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, User

SAME_LOOK = timedelta(minutes=10)  # looking again at the same within it is no new entry


class Action(models.TextChoices):
    SIGNED_IN = "signed_in", "Signed in"
    SECOND_FACTOR_ON = "second_factor_on", "Turned on two-factor sign-in"
    SECOND_FACTOR_OFF = "second_factor_off", "Turned off two-factor sign-in"
    BACKUP_CODES_MADE = "backup_codes_made", "Made new backup codes"
    PASSWORD_SET = "password_set", "Set a password"  # pragma: allowlist secret
    SESSION_ENDED = "session_ended", "Ended a session"
    SESSIONS_ENDED = "sessions_ended", "Ended their other sessions"
    NAME_CHANGED = "name_changed", "Changed their name"
    OWN_PHONE_SET = "own_phone_set", "Set up their own phone"
    OWN_PHONE_REMOVED = "own_phone_removed", "Removed their own phone"
    CALL_VIEWED = "call_viewed", "Viewed a call"
    CALL_CONTACT_CHOSEN = "call_contact_chosen", "Chose the contact of a call"
    CALL_NOTED = "call_noted", "Changed a call’s note"
    MISSED_DONE = "missed_done", "Marked missed calls as done"
    MISSED_REOPENED = "missed_reopened", "Marked missed calls as not done"
    CALLER_BLOCKED = "caller_blocked", "Blocked a caller"
    CALLER_UNBLOCKED = "caller_unblocked", "Unblocked a caller"
    CONTACT_VIEWED = "contact_viewed", "Viewed a contact"
    RECORDING_PLAYED = "recording_played", "Played a recording"
    RECORDING_DOWNLOADED = "recording_downloaded", "Downloaded a recording"
    CALLS_EXPORTED = "calls_exported", "Exported calls"
    CONTACTS_EXPORTED = "contacts_exported", "Exported contacts"
    CONTACTS_IMPORTED = "contacts_imported", "Imported contacts"
    IMPORT_UNDONE = "import_undone", "Undid an import"
    AUDIT_EXPORTED = "audit_exported", "Exported the audit trail"
    CONTACT_CREATED = "contact_created", "Created a contact"
    CONTACT_CHANGED = "contact_changed", "Changed a contact"
    CONTACT_ARCHIVED = "contact_archived", "Archived a contact"
    CONTACT_RESTORED = "contact_restored", "Restored a contact"
    MEMBER_ADDED = "member_added", "Added a member"
    MEMBER_REFUSED = "member_refused", "Could not add a member"
    ROLE_CHANGED = "role_changed", "Changed a role"
    MEMBER_DEACTIVATED = "member_deactivated", "Deactivated a member"
    MEMBER_REACTIVATED = "member_reactivated", "Reactivated a member"
    MEMBER_RESET = "member_reset", "Reset how a member signs in"
    LINK_MADE = "link_made", "Created an invite link"
    SETTINGS_CHANGED = "settings_changed", "Changed settings"
    CALLER_ID_CHANGED = "caller_id_changed", "Changed a caller ID"
    NUMBER_ASSIGNED = "number_assigned", "Assigned a number"
    LINE_MADE = "line_made", "Set up a line"
    LINE_CHANGED = "line_changed", "Changed a line"
    LINE_CLOSED = "line_closed", "Closed a line"
    LINE_OPENED = "line_opened", "Opened a line again"
    BLOCK_MADE = "block_made", "Created a part of the call plan"
    BLOCK_CHANGED = "block_changed", "Changed a part of the call plan"
    BLOCK_REMOVED = "block_removed", "Removed a part of the call plan"
    SOUND_ADDED = "sound_added", "Added a sound"
    SOUND_RENAMED = "sound_renamed", "Renamed a sound"
    SOUND_REMOVED = "sound_removed", "Removed a sound"
    NUMBER_ORDERED = "number_ordered", "Asked to buy a number"
    NUMBER_BOUGHT = "number_bought", "Bought a number"
    NUMBER_NOT_BOUGHT = "number_not_bought", "Could not buy a number"
    NUMBER_POINTED = "number_pointed", "Pointed a number at the workspace"
    NUMBER_RELEASED = "number_released", "Released a number"
    TWILIO_CONNECTED = "twilio_connected", "Connected a Twilio account"
    TWILIO_TOKEN_CHANGED = "twilio_token_changed", "Changed the Twilio account's token"
    TWILIO_DISCONNECTED = "twilio_disconnected", "Disconnected the Twilio account"
    LIMITS_CHANGED = "limits_changed", "Changed limits"
    WORKSPACE_PICKED = "workspace_picked", "Looked into the workspace (support)"
    ADMIN_VIEWED = "admin_viewed", "Looked at in the admin"
    ADMIN_ADDED = "admin_added", "Added in the admin"
    ADMIN_CHANGED = "admin_changed", "Changed in the admin"
    ADMIN_DELETED = "admin_deleted", "Deleted in the admin"


EXPORTS = (Action.CALLS_EXPORTED, Action.CONTACTS_EXPORTED, Action.AUDIT_EXPORTED)


@dataclass(frozen=True)
class Actor:
    """Who acts; `address` is an IP address as far as one is known."""

    person: UUID | None
    name: str
    address: str | None = None


@dataclass(frozen=True)
class Thing:
    """What an entry is about, where no stored object names it well."""

    kind: str
    key: object
    label: str


SYSTEM = Actor(None, "System")  # webhooks, tasks
OPERATOR = Actor(None, "Operator")  # commands of who runs the installation
_actor: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


def actor_of(request: HttpRequest) -> Actor:
    """The person of this request, or the system when it has none."""
    user: Any = request.user
    if not user.is_authenticated:
        return SYSTEM
    # Whoever looks in from outside is no member.
    is_member = getattr(request, "member", None) is not None
    return _person(user, request, suffix="" if is_member else " (operator)")


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Whose name entries carry meanwhile. Also a decorator: `@acting(OPERATOR)` of a command."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def record(
    action: Action,
    *,
    on: models.Model | Thing | None = None,
    actor: Actor | None = None,
    **details: Any,
) -> None:
    """Write an entry about `on`, which is named as it is now.

    Must run in the tenant transaction of the change. `details` are short texts or numbers, or
    `[from, to]`; never a secret.
    """
    _entry(action, on, actor or _actor.get(), details).save(force_insert=True)


def record_look(action: Action, *, on: models.Model | Thing) -> None:
    """Like `record`, but once for all looks of a person at an object within `SAME_LOOK`: a player
    asks for one recording in many pieces, and a page asks again on news.
    """
    entry = _entry(action, on, _actor.get(), {})
    seen = AuditEntry.objects.filter(
        at__gt=timezone.now() - SAME_LOOK,
        person=entry.person,
        action=action,
        object_id=entry.object_id,
    )
    if not seen.exists():
        entry.save(force_insert=True)


def _entry(
    action: Action, on: models.Model | Thing | None, actor: Actor, details: dict[str, Any]
) -> AuditEntry:
    if isinstance(on, models.Model):
        on = Thing(str(on._meta.verbose_name), on.pk, str(on))
    return AuditEntry(
        action=action,
        person=actor.person,
        name=actor.name[:200],
        address=actor.address,
        object_type=on.kind[:40] if on else "",
        object_id=str(on.key) if on else "",
        object_label=on.label[:200] if on else "",
        # What was typed must not keep the entry from being written.
        details=storable(details),
    )


def _person(user: User, request: HttpRequest | None, *, suffix: str = "") -> Actor:
    return Actor(user.pk, f"{user}{suffix}", client_address(request) if request else None)


def note_of(
    action: Action,
    request: HttpRequest | None,
    user: User,
    *,
    actor: Actor | None = None,
    **details: str,
) -> None:
    """Write what a person (or `actor`) did about their own sign-in, to the workspace that they
    work in, if any.
    """
    preferred = request.session.get("tenant_id") if request is not None else None
    member = doors.membership_of(user.pk, preferred_tenant_id=preferred)
    if member is not None:
        with tenant_transaction(member.tenant_id):
            record(action, on=member, actor=actor or _person(user, request), **details)
