"""Who asks the JSON endpoints: Clerk's bearer tokens, or a session, then with its CSRF token."""

from typing import Any

from rest_framework import authentication, permissions
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from calls.facts.refusals import Refusal
from tenants.signing_in import clerk
from tenants.signing_in.known import known


class BearerAuthentication(authentication.BaseAuthentication):
    """What the middleware found in the Authorization header (`tenants.signing_in.clerk`). No CSRF
    token is needed: a browser does not add this header by itself.
    """

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        bearer = known(request._request).bearer
        if bearer is None:
            return None
        if isinstance(bearer.problem, clerk.KeysUnavailable):
            message = "The sign-in service isn’t responding. Try again in a moment."
            raise Refusal("unavailable", message, retryAfter=clerk.RETRY_SECONDS)
        if bearer.problem is not None:
            raise AuthenticationFailed(str(bearer.problem))
        if bearer.member is None:
            raise NoTenant
        return bearer.member.user, bearer

    def authenticate_header(self, request: Request) -> str:
        # With a challenge DRF answers 401 to the unauthenticated, without one 403.
        return "Bearer"


class NoTenant(PermissionDenied):
    default_detail = "You’re not in a workspace. Ask your system administrator to add you to one."
    default_code = "no_tenant"


class HasTenant(permissions.IsAuthenticated):
    """Signed in, and a member of the tenant worked in (`request.member`, by the middleware)."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        if getattr(request, "member", None) is None:
            raise NoTenant
        return True
