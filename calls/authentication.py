"""Who asks the JSON endpoints: for now people with a session, CSRF token included."""

from typing import Any

from rest_framework import authentication, permissions
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request


class SessionAuthentication(authentication.SessionAuthentication):
    def authenticate_header(self, request: Request) -> str:
        # With a challenge DRF answers 401 to the unauthenticated, without one 403.
        return "Session"


class NoTenant(PermissionDenied):
    default_detail = "You belong to no workspace. Ask an administrator to add you to one."
    default_code = "no_tenant"


class HasTenant(permissions.IsAuthenticated):
    """Signed in, and inside a tenant (`request.tenant`, set by the middleware)."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        if getattr(request, "tenant", None) is None:
            raise NoTenant
        return True
