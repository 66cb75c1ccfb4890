"""Writes of workspaces and memberships."""

from django.db import transaction

from tenants.context import tenant_transaction
from tenants.models import Membership, Role, Tenant, User, UserManager


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


@transaction.atomic
def add_member(
    tenant: Tenant, *, email: str, role: str = Role.AGENT, name: str = "", password: str = ""
) -> tuple[Membership, bool]:
    """Make a person, new or known, a member; (membership, whether the person is new).

    A person who is a member already gets the role, and is active again. A known person's password
    is never changed: they may belong to other workspaces.
    """
    email = UserManager.normalize_email(email)
    user = User.objects.filter(email=email).first()
    is_new = user is None
    if user is None:
        user = User(email=email, name=name)
        user.full_clean(exclude=["password"])
        # Without a password nobody can sign in as them until one is set.
        user.set_password(password or None)
        user.save()
    with tenant_transaction(tenant.pk):
        membership, _ = Membership.objects.update_or_create(
            tenant=tenant, user=user, defaults={"role": role, "is_active": True}
        )
    return membership, is_new
