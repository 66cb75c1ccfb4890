"""Tenants, the people who sign in, and who belongs where."""

import uuid
import zoneinfo
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from tenants.fence.append_only import AppendOnly
from tenants.fence.policies import USER_SETTING, DoorPolicy
from tenants.fence.scoping import TenantOwned

# Asking for the names reads every file of the time zone database.
time_zone_names = cache(zoneinfo.available_timezones)


def validate_time_zone(name: str) -> None:
    if name not in time_zone_names():
        raise ValidationError(f"“{name}” is not a time zone; use a name like Europe/Berlin.")


def validate_country(code: str) -> None:
    import phonenumbers  # which takes a while, and is seldom asked

    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValidationError(f"“{code}” isn’t a country with phone numbers; use one such as US.")


class Tenant(models.Model):
    """A company's workspace."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, db_index=False)
    country = models.CharField(
        max_length=2,
        default="US",
        validators=[validate_country],
        help_text="ISO 3166 code; numbers typed without a country are read as of this one.",
    )
    time_zone = models.CharField(max_length=60, default="UTC", validators=[validate_time_zone])
    records_calls = models.BooleanField(default=False)
    requires_second_factor = models.BooleanField(
        default=False, help_text="Members without one are led to set it up before anything else."
    )
    notice = models.CharField(
        max_length=300,
        blank=True,
        help_text="One quiet line shown on the calls page until it is closed.",
    )
    clerk_org_id = models.CharField(
        max_length=64,
        null=True,
        blank=True,
        help_text="Clerk's id of this workspace's organisation, like org_2x….",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["slug"], name="tenant_slug_once"),
            models.UniqueConstraint(fields=["clerk_org_id"], name="tenant_clerk_org_once"),
        ]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        if not email:
            raise ValueError("A person needs an e-mail address to sign in.")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        # One person, one account: the whole address is compared without case.
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=self.normalize_email(username))


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Signs in by e-mail; what they may see comes from their memberships."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField()
    name = models.CharField(max_length=120, blank=True)
    clerk_user_id = models.CharField(
        max_length=64,
        null=True,
        blank=True,
        help_text="Clerk's id of this person, like user_2x….",
    )
    is_staff = models.BooleanField("may use the admin", default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Part of each session's hash: raising it ends them all.
    session_epoch = models.PositiveIntegerField(default=0, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["email"], name="user_email_once"),
            models.UniqueConstraint(fields=["clerk_user_id"], name="user_clerk_id_once"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        self.email = UserManager.normalize_email(self.email)

    def get_session_auth_hash(self) -> str:
        return f"{super().get_session_auth_hash()}.{self.session_epoch}"

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for known in super().get_session_auth_fallback_hash():
            yield f"{known}.{self.session_epoch}"


class Session(AbstractBaseSession):
    """What a browser's cookie stands for (`tenants.signing_in.store`), and whose it is: empty as
    long as nobody has shown a password. No key, since a session may outlive a person.
    """

    person = models.UUIDField(null=True, editable=False)

    class Meta(AbstractBaseSession.Meta):
        indexes = [models.Index(fields=["person", "-expire_date"], name="session_of_person")]

    @classmethod
    def get_session_store_class(cls) -> Any:
        return import_module(settings.SESSION_ENGINE).SessionStore


def is_above_workspaces(user: User) -> bool:
    """Whether the person may use the admin, so that no workspace may act for them."""
    return user.is_staff or user.is_superuser


class Role(models.TextChoices):
    ADMIN = "admin", "Admin"
    SUPERVISOR = "supervisor", "Supervisor"
    AGENT = "agent", "Agent"


class Membership(TenantOwned):
    """A person's place in a workspace. Deactivated rather than deleted: calls refer to it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role, default=Role.AGENT)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Of the workspace, as it was when they closed it: another one is shown again.
    closed_notice = models.CharField(max_length=300, blank=True, db_default="", editable=False)
    # The first steps are done or closed, and no page asks for them again.
    has_started = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = [
            *TenantOwned.Meta.constraints,
            # The target of fences on foreign keys to the user table.
            models.UniqueConstraint(fields=["tenant", "user"], name="tenants_membership_once"),
            DoorPolicy(name="tenants_membership_of_user", field="user", setting=USER_SETTING),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"

    @property
    def identity(self) -> str:
        """The Voice client's name: opaque, unique per tenant (Twilio's names are account-wide)."""
        return f"t{self.tenant_id.hex}_u{self.user_id.hex}"


class AuditEntry(TenantOwned):
    """Who did what to which object, written once (`tenants.trail.audit`). People and objects are
    noted as text, too, and by id rather than by a key: an entry outlives what it speaks of.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(default=timezone.now)
    action = models.CharField(max_length=40)  # of `audit.Action`, which may grow
    # Empty for the system itself, and for who runs the installation's commands.
    person = models.UUIDField(null=True)
    name = models.CharField(max_length=200)
    address = models.GenericIPAddressField(null=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_label = models.CharField(max_length=200, blank=True)
    # What more there is to say; a pair of a list is what was and what is.
    details = models.JSONField(default=dict)

    class Meta(TenantOwned.Meta):
        constraints = [*TenantOwned.Meta.constraints, AppendOnly()]
        indexes = [
            models.Index(fields=["tenant", "-at", "-id"], name="audit_trail"),
            models.Index(fields=["tenant", "person", "-at", "-id"], name="audit_trail_person"),
            models.Index(fields=["tenant", "action", "-at", "-id"], name="audit_trail_action"),
        ]
