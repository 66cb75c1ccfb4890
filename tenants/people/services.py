"""Writes of workspaces and memberships."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from math import ceil
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants import doors
from tenants.fence.context import tenant_transaction
from tenants.models import (
    AuditEntry,
    Membership,
    Role,
    Tenant,
    User,
    UserManager,
    is_above_workspaces,
)
from tenants.signing_in import second_factor
from tenants.trail import audit
from tenants.trail.audit import Action, Thing

# A refused invitation tells that the address has an account here: so many of a workspace are
# answered within that time.
MOST_REFUSED = 5
REFUSALS_COUNT = timedelta(hours=1)


class LastAdmin(Exception):
    """The change would leave the workspace without anybody who may change its settings."""


class RoleChanged(Exception):
    """Another admin gave the member a role that the page did not show yet; `role` is its name."""

    def __init__(self, role: str) -> None:
        super().__init__(role)
        self.role = role


class AlreadyMember(Exception):
    """The address is that of a member already, active or not."""


class AddressTaken(Exception):
    """The address is that of a person of another workspace."""


class TooManyRefused(Exception):
    """Addresses of people of other workspaces were tried too often. `seconds`: to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class NotYoursToReset(Exception):
    """The person's sign-in is not this workspace's affair alone."""


def create_tenant(
    *,
    name: str,
    slug: str,
    country: str = "US",
    time_zone: str = "UTC",
    records_calls: bool = False,
    notice: str = "",
) -> Tenant:
    """A new workspace. Raises `ValidationError` for a taken slug, country or time zone."""
    tenant = Tenant(
        name=name,
        slug=slug,
        country=country,
        time_zone=time_zone,
        records_calls=records_calls,
        notice=notice,
    )
    tenant.full_clean()
    tenant.save()
    return tenant


@contextmanager
def _refusal_noted(tenant: Tenant, email: str) -> Iterator[None]:
    """All or nothing, but that the trail of the workspace keeps an address that was refused."""
    try:
        with transaction.atomic():
            yield
    except AddressTaken:
        with tenant_transaction(tenant.pk):
            audit.record(Action.MEMBER_REFUSED, on=Thing("person", "", email))
        raise


def add_member(
    tenant: Tenant,
    *,
    email: str,
    role: str = Role.AGENT,
    name: str = "",
    password: str = "",
    account_is_theirs: bool = False,
) -> tuple[Membership, bool]:
    """Make a person, new or known, a member; (membership, whether the person is new).

    A person who is a member already gets the role, and is active again. A known person's password
    is never changed: they may belong to other workspaces. It may have been set there by somebody
    else, who would come in with it: so raises `AddressTaken`, unless the caller says that
    `account_is_theirs`.
    """
    email = UserManager.normalize_email(email)
    with _refusal_noted(tenant, email):
        user, is_new = _person(email, name, password)
        with tenant_transaction(tenant.pk):
            membership, is_added = Membership.objects.update_or_create(
                tenant=tenant, user=user, defaults={"role": role, "is_active": True}
            )
            details: dict[str, Any] = {"role": role}
            if is_added and user.has_usable_password() and doors.is_member_elsewhere(membership):
                if not account_is_theirs:
                    raise AddressTaken(email)
                details["known_account"] = "confirmed as theirs"
            audit.record(Action.MEMBER_ADDED, on=membership, **details)
    return membership, is_new


def _person(email: str, name: str, password: str) -> tuple[User, bool]:
    """(the one with this address, whether they were made for it)."""
    user = User.objects.filter(email=email).first()
    is_new = user is None
    if user is None:
        user = User(email=email, name=name)
        user.full_clean(exclude=["password"])
        # Without a password nobody can sign in as them until one is set.
        user.set_password(password or None)
        user.save()
    elif not user.has_usable_password():
        # A link with which another workspace's admin could set the password opens nothing here.
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user, is_new


def invite(tenant: Tenant, *, email: str, name: str, role: str) -> Membership:
    """Make a new person, who has no password yet, a member.

    Raises `AlreadyMember`, `AddressTaken` or, whatever the address, `TooManyRefused`.
    A person of another workspace is never joined from here: nobody has shown that the address is
    theirs, and whoever made the account first, or could set its password, would then be in both
    workspaces. Who runs the installation can (`add_member`).
    """
    email = UserManager.normalize_email(email)
    if wait := _seconds_to_wait():
        raise TooManyRefused(wait)
    with _refusal_noted(tenant, email):
        if User.objects.filter(email=email).exists():
            if Membership.objects.filter(user__email=email).exists():
                raise AlreadyMember(email)
            raise AddressTaken(email)
        try:
            membership, _ = add_member(tenant, email=email, role=role, name=name)
        except IntegrityError:  # somebody else was quicker
            raise AddressTaken(email) from None
    return membership


def _seconds_to_wait() -> int:
    """Until the workspace may try another address; 0 when it may now."""
    now = timezone.now()
    lately = AuditEntry.objects.filter(action=Action.MEMBER_REFUSED, at__gt=now - REFUSALS_COUNT)
    times = list(lately.order_by("-at").values_list("at", flat=True)[:MOST_REFUSED])
    if len(times) < MOST_REFUSED:
        return 0
    return ceil((times[-1] + REFUSALS_COUNT - now).total_seconds())


@transaction.atomic
def set_role(member: Membership, role: str, *, shown: str = "") -> None:
    """Raises `LastAdmin`, or `RoleChanged` when the member's role is no longer the `shown` one."""
    if role != Role.ADMIN:
        _keep_an_admin(member)
    before = Membership.objects.select_for_update(no_key=True).get(pk=member.pk).role
    if before not in (shown or before, role):
        raise RoleChanged(Role(before).label)
    member.role = role
    member.save(update_fields=["role"])
    if before != role:
        audit.record(Action.ROLE_CHANGED, on=member, role=[before, role])


@transaction.atomic
def set_active(member: Membership, is_active: bool) -> bool:
    """Deactivate or reactivate; whether it was otherwise before. It counts at once: every request
    reads the membership. Raises `LastAdmin`.
    """
    if not is_active:
        _keep_an_admin(member)
    member.is_active = is_active
    kept = Membership.objects.select_for_update(no_key=True).get(pk=member.pk)
    if kept.is_active == is_active:
        return False
    member.save(update_fields=["is_active"])
    action = Action.MEMBER_REACTIVATED if is_active else Action.MEMBER_DEACTIVATED
    audit.record(action, on=member)
    return True


def reset_second_factor(member: Membership, *, by: Membership) -> None:
    """For a member who has lost it: they sign in by password, and set up another one if they must.

    Raises `NotYoursToReset` for oneself (who shows a password and a code), for people of other
    workspaces, whose doors it would make weaker, and for people who may use the admin.
    """
    user = member.user
    if member.pk == by.pk or is_above_workspaces(user) or doors.is_member_elsewhere(member):
        raise NotYoursToReset
    second_factor.remove(user)
    audit.record(Action.MEMBER_RESET, on=member)


def _keep_an_admin(leaving: Membership) -> None:
    # All of them are locked, in one order: two admins who deactivate each other must not both win.
    admins = Membership.objects.select_for_update().filter(
        role=Role.ADMIN, is_active=True, user__is_active=True
    )
    staying = [admin.pk for admin in admins.order_by("id") if admin.pk != leaving.pk]
    if not staying:
        raise LastAdmin
