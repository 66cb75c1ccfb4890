"""Puts each signed-in request inside its tenant."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse

from tenants.fence.context import tenant_context, tenant_transaction
from tenants.models import Membership
from tenants.people import staff
from tenants.signing_in import clerk, identity, second_factor, sessions
from tenants.signing_in.known import KnownRequest
from tenants.trail import audit

View = Callable[..., Any]


def short_transactions(view: View) -> View:
    """Mark a view that uses the network: it opens its own tenant transactions around each step."""

    @wraps(view)
    def marked(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    marked.short_transactions = True  # type: ignore[attr-defined]
    return marked


class TenantMiddleware:
    """Sets `request.member` and `request.tenant` (None when there is none) by the session or, for
    the API, by a bearer token (`request.bearer`); enters the tenant, and wraps the view, rendering
    included, in one tenant transaction unless it is marked.

    A session that has not passed the second factor is nobody's; `request.pending` says whose it
    could become, and by which step.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: KnownRequest) -> HttpResponse:
        member = None
        bearer = clerk.bearer_of(request)
        request.bearer = bearer
        request.pending = None
        if bearer is not None:
            # Whoever shows a token is known by it alone, be it bad and the session good.
            member = bearer.member
            request.user = member.user if member else AnonymousUser()
        elif request.user.is_authenticated:  # without a session's cookie nothing is looked up
            member = self._member_of_session(request)
        tenant = member.tenant if member else None
        if (looked_into := staff.chosen(request)) is not None:
            # Members of another workspace are nobody in this one.
            member = member if tenant == looked_into else None
            tenant = looked_into
        request.member = member
        request.tenant = tenant
        inside = nullcontext() if tenant is None else tenant_context(tenant.pk)
        with audit.acting(audit.actor_of(request)), inside:
            return self.get_response(request)

    def _member_of_session(self, request: KnownRequest) -> Membership | None:
        sessions.keep_or_end(request)
        if not request.user.is_authenticated:
            return None
        person = identity.person_of(request, request.user)
        if person is None:  # gone a moment ago
            return None
        member = person.membership(preferred_tenant_id=request.session.get("tenant_id"))
        step = second_factor.step_of(request.user, person, member.tenant if member else None)
        if step is not None:
            request.pending = second_factor.Pending(request.user, step)
            request.user = AnonymousUser()
            return None
        return member

    def process_view(
        self, request: KnownRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if request.tenant is None or getattr(view, "short_transactions", False):
            return None
        with tenant_transaction():
            response = view(request, *args, **kwargs)
            if isinstance(response, SimpleTemplateResponse):
                response = response.render()
            return response
