"""The only ways into a tenant: every look-up that happens before a tenant is known.

Nothing else may use `unscoped`; a test holds the list.
"""

import re
from collections.abc import Iterator
from uuid import UUID

from tenants.fence.context import door, tenant_transaction
from tenants.fence.policies import USER_SETTING
from tenants.models import Membership, Tenant, User

_IDENTITY = re.compile(r"t([0-9a-f]{32})_u([0-9a-f]{32})")


def membership_of(user_id: UUID, *, preferred_tenant_id: str | None = None) -> Membership | None:
    """The active membership that a signed-in person works in, its user and tenant loaded.

    The preferred tenant wins when the person is still a member of it; otherwise their oldest
    membership; None when they have none.
    """
    found = _memberships(user_id)
    for membership in found:
        if str(membership.tenant_id) == preferred_tenant_id:
            return membership
    return found[0] if found else None


def membership_by_clerk(clerk_user_id: str, clerk_org_id: str | None) -> Membership | None:
    """The active membership that a checked Clerk token stands for; without an organisation the
    person's oldest one.
    """
    user = User.objects.filter(clerk_user_id=clerk_user_id).first()
    for membership in _memberships(user.pk) if user else []:
        if clerk_org_id in (None, membership.tenant.clerk_org_id):
            return membership
    return None


def _memberships(user_id: UUID) -> list[Membership]:
    """The active memberships of a person, oldest first, each with its user and tenant."""
    with door(USER_SETTING, user_id):
        return list(
            Membership.unscoped.filter(
                user_id=user_id, is_active=True, user__is_active=True, tenant__is_active=True
            )
            .select_related("tenant", "user")
            .order_by("created_at", "id")
        )


def tenant_named_by(identity: str) -> UUID | None:
    """The tenant that a Voice client identity speaks of; nothing is read."""
    match = _IDENTITY.fullmatch(identity)
    return UUID(match[1]) if match else None


def membership_by_identity(identity: str) -> Membership | None:
    """The active membership behind a Voice client identity, or None."""
    match = _IDENTITY.fullmatch(identity)
    if match is None:
        return None
    tenant_id, user_id = UUID(match[1]), UUID(match[2])
    with tenant_transaction(tenant_id):
        return (
            Membership.objects.filter(
                user_id=user_id, is_active=True, user__is_active=True, tenant__is_active=True
            )
            .select_related("tenant", "user")
            .first()
        )


def is_member_elsewhere(member: Membership) -> bool:
    """Whether the person belongs, or once belonged, to a workspace beside this one."""
    with door(USER_SETTING, member.user_id):
        own = Membership.unscoped.filter(user_id=member.user_id)
        return own.exclude(tenant_id=member.tenant_id).exists()


def tenant_by_id(tenant_id: UUID) -> Tenant | None:
    """A tenant named by an id that we gave away ourselves (a callback URL, a task argument)."""
    return Tenant.objects.filter(pk=tenant_id).first()


def all_tenants() -> Iterator[Tenant]:
    """Every tenant, for sweeps and commands that enter them one after the other."""
    return Tenant.objects.order_by("created_at", "id").iterator()
