"""What stands around a view: its transaction, and the guards that let people in or say why not."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.test import RequestFactory

from tenants.bricks import access
from tenants.fence.context import tenant_context
from tenants.middleware import TenantMiddleware, short_transactions
from tenants.models import Membership, Role

GUARDS: dict[Callable[..., Any], set[str]] = {
    access.member_required: {"admin", "supervisor", "agent"},
    access.export_required: {"admin", "supervisor"},
    access.admin_required: {"admin"},
}


@short_transactions
def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    return HttpResponse(f"opened {args} {kwargs}")


@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize("who", ["admin", "supervisor", "agent", "nobody"])
def test_a_guard_lets_in_whom_it_names(guard: Any, who: str, cast: Any, rf: RequestFactory) -> None:
    request: Any = rf.get("/")
    request.user, request.tenant, request.member = cast.bob.user, None, None
    if who != "nobody":
        request.tenant = cast.acme
        request.member = Membership(role=Role(who), tenant=cast.acme, user=cast.bob.user)
    answer = guard(opened)(request, 1, two=2)
    if who in GUARDS[guard]:
        assert answer.content == b"opened (1,) {'two': 2}"
        return
    assert answer.status_code == 403
    text = answer.content.decode()
    assert ("You’re not in a workspace yet" in text) == (who == "nobody")
    for_supervisors = who == "agent" and guard is access.export_required
    assert ("This page is for supervisors and admins" in text) == for_supervisors


@pytest.mark.parametrize("guard", GUARDS)
def test_a_guarded_view_keeps_its_name_and_its_mark(guard: Any) -> None:
    """Else a view that uses the network would hold a transaction all the while."""
    view = guard(opened)
    assert (view.__name__, view.short_transactions) == ("opened", True)


def test_a_view_is_one_transaction_rendering_included_unless_it_is_marked(
    cast: Any, rf: RequestFactory
) -> None:
    """By its transaction alone a view may read the workspace's tables."""
    middleware = TenantMiddleware(lambda request: HttpResponse())
    request: Any = rf.get("/")
    template: Any = engines["django"].from_string("{{ members }}")

    def lazy(request: HttpRequest, more: str) -> HttpResponse:
        return SimpleTemplateResponse(template, {"members": Membership.objects.count})

    with tenant_context(cast.acme.pk):
        request.tenant = cast.acme
        answer = middleware.process_view(request, lazy, (), {"more": "1"})
        assert answer.content == b"2"
        assert middleware.process_view(request, opened, (1,), {}) is None  # it is marked
        request.tenant = None
        assert middleware.process_view(request, lazy, (), {"more": "1"}) is None
