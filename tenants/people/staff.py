"""Whoever runs the installation looks into one workspace at a time, in the admin only.

The choice is a superuser's, ends by itself, is logged, stands in the workspace's audit trail before
anything is seen of it, and changes no membership: outside of the admin they are who they were.
"""

import logging
import time
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.urls import reverse

from tenants import doors
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant
from tenants.trail import audit
from tenants.trail.audit import Action

logger = logging.getLogger(__name__)

SECONDS = 3600  # after which a workspace must be chosen again
_KEY = "admin_workspace"


def choose(request: HttpRequest, tenant: Tenant) -> None:
    """Look into `tenant` for an hour. The workspace's history in the admin keeps that it was so."""
    until = int(time.time()) + SECONDS
    request.session[_KEY] = {"id": str(tenant.pk), "until": until}
    logger.warning("Superuser %s looks into workspace %s", request.user.pk, tenant.pk)
    LogEntry.objects.create(
        user_id=str(request.user.pk),
        content_type=ContentType.objects.get_for_model(Tenant),
        object_id=str(tenant.pk),
        object_repr=tenant.slug,
        action_flag=CHANGE,
        change_message="Looked into the workspace in the admin.",
    )


def leave(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)


def chosen(request: HttpRequest) -> Tenant | None:
    """The workspace chosen, on the admin's pages; None for everybody else and after its time."""
    if not getattr(request.user, "is_superuser", False) or not request.user.is_active:
        return None
    if not request.path.startswith(reverse("admin:index")):
        return None
    choice = request.session.get(_KEY)
    if not choice or choice["until"] < time.time():
        return None
    tenant = doors.tenant_by_id(UUID(choice["id"]))
    if tenant is not None and not choice.get("noted"):
        # Here, because no other workspace has been entered yet.
        with tenant_transaction(tenant.pk):
            audit.record(Action.WORKSPACE_PICKED, on=tenant, actor=audit.actor_of(request))
        request.session[_KEY] = choice | {"noted": True}
    return tenant
