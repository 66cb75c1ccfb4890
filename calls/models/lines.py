"""Lines: what happens to calls that come in. Rows of what `calls.facts.inbound` decides upon.

Where a call goes is kept as a text (`facts.inbound.written`), not as a key: what it names may be
gone by the time a caller comes there, and then they are asked to call later.
"""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from calls.facts.inbound.plans import Strategy
from calls.facts.inbound.written import LONGEST_PLACE
from calls.models.numbers import PhoneNumber
from tenants.fence.scoping import TenantChild, TenantFence, TenantOwned, member_fence

LONGEST_TEXT = 1000  # characters that are read out


def _place(**options: Any) -> Any:
    return models.CharField(max_length=LONGEST_PLACE, **options)


def _text() -> Any:
    return models.CharField(max_length=LONGEST_TEXT, blank=True, default="")


def _sound() -> Any:
    """What is played instead of the text."""
    return models.ForeignKey(
        Sound,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
    )


class Sound(TenantOwned):
    """Something that callers hear, uploaded or recorded in the browser."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    path = models.CharField(max_length=200, help_text="Below RECORDINGS_DIR.")
    content_type = models.CharField(max_length=40)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    duration = models.PositiveIntegerField(null=True, blank=True, help_text="Seconds.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class VoicemailBox(TenantOwned):
    """A greeting, and where messages are kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    greeting_text = _text()
    greeting_sound = _sound()
    longest_seconds = models.PositiveSmallIntegerField(default=180)

    class Meta(TenantOwned.Meta):
        ordering = ["name", "id"]
        verbose_name_plural = "voicemail boxes"
        constraints = [
            *TenantOwned.Meta.constraints,
            TenantFence("greeting_sound"),
            models.UniqueConstraint(fields=["tenant", "name"], name="voicemail_box_once"),
        ]

    def __str__(self) -> str:
        return self.name


class VoicemailListener(TenantChild):
    """Who gets an e-mail of each message in a box."""

    box = models.ForeignKey(
        VoicemailBox,
        on_delete=models.CASCADE,
        related_name="listeners",
        db_index=False,
        db_constraint=False,
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, db_constraint=False
    )

    class Meta(TenantChild.Meta):
        ordering = ["id"]
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("box"),
            member_fence("user"),
            models.UniqueConstraint(
                fields=["tenant", "box", "user"], name="voicemail_listener_once"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "user"], name="voicemail_listener_of")]


class Menu(TenantOwned):
    """Keys, each of which leads on: `keys` is a list of [key, place]."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    prompt_text = _text()
    prompt_sound = _sound()
    keys = models.JSONField(default=list, blank=True)
    no_key = _place(blank=True, default="")
    wrong_key = _place(blank=True, default="")
    tries = models.PositiveSmallIntegerField(default=2)
    seconds = models.PositiveSmallIntegerField(default=5)

    class Meta(TenantOwned.Meta):
        ordering = ["name", "id"]
        constraints = [
            *TenantOwned.Meta.constraints,
            TenantFence("prompt_sound"),
            models.UniqueConstraint(fields=["tenant", "name"], name="menu_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Group(TenantOwned):
    """Members who take calls. Deciding about its callers locks the row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    strategy = models.CharField(max_length=16, default=Strategy.EVERYONE.value)
    step_seconds = models.PositiveSmallIntegerField(default=20)
    music_text = _text()
    music_sound = _sound()
    says_place = models.BooleanField(default=True)
    callback = models.BooleanField(default=False, help_text="Callers may ask to be called back.")
    box = models.ForeignKey(
        VoicemailBox,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="groups",
        db_constraint=False,
    )
    unanswered = _place(blank=True, default="")
    unanswered_seconds = models.PositiveSmallIntegerField(default=60)
    nobody = _place(blank=True, default="")
    most_waiting = models.PositiveSmallIntegerField(null=True, blank=True)
    full = _place(blank=True, default="")
    takes_new_members = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Who becomes a member of the workspace becomes one of this group, too.",
    )
    # When it must be decided anew though nothing has changed.
    look_again_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ["name", "id"]
        constraints = [
            *TenantOwned.Meta.constraints,
            TenantFence("music_sound"),
            TenantFence("box"),
            models.UniqueConstraint(fields=["tenant", "name"], name="group_once"),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "look_again_at"],
                name="group_look",
                condition=Q(look_again_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name


class GroupMember(TenantChild):
    """Who takes a group's calls; `position` is their place in its order."""

    group = models.ForeignKey(
        Group,
        on_delete=models.CASCADE,
        related_name="members",
        db_index=False,
        db_constraint=False,
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, db_constraint=False
    )
    position = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantChild.Meta):
        ordering = ["position", "id"]
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("group"),
            member_fence("user"),
            models.UniqueConstraint(fields=["tenant", "group", "user"], name="group_member_once"),
        ]
        indexes = [models.Index(fields=["tenant", "user"], name="group_member_of")]


class Line(TenantChild):
    """A number with its plan. `hours` is what `facts.inbound.hours` reads (`selectors.plans`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.OneToOneField(
        PhoneNumber, on_delete=models.CASCADE, related_name="line", db_constraint=False
    )
    language = models.CharField(max_length=20, default="en-US", help_text="BCP 47.")
    hours = models.JSONField()
    closed_until = models.DateTimeField(null=True, blank=True)
    greeting_text = _text()
    greeting_sound = _sound()
    closed_text = _text()
    closed_sound = _sound()
    when_open = _place(blank=True, default="")
    when_closed = _place(blank=True, default="")

    class Meta(TenantChild.Meta):
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("number"),
            TenantFence("greeting_sound"),
            TenantFence("closed_sound"),
        ]

    def __str__(self) -> str:
        return str(self.number)


class BlockedCaller(TenantOwned):
    """A number whose calls are rejected."""

    number = models.CharField(max_length=64, help_text="E.164.")
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        ordering = ["-created_at"]
        constraints = [
            *TenantOwned.Meta.constraints,
            models.UniqueConstraint(fields=["tenant", "number"], name="blocked_caller_once"),
        ]

    def __str__(self) -> str:
        return self.number
