"""The workspace that a command is given."""

from django.core.management.base import CommandError

from tenants.models import Tenant


def workspace_named(slug: str) -> Tenant:
    """Raises `CommandError`, which says what there is."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        known = ", ".join(Tenant.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no workspace “{slug}”. Known: {known}.")
    return tenant
