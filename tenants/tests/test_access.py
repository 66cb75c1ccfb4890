"""The guards of views, each alone: whom they let in, what they tell the others."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from tenants import access
from tenants.middleware import short_transactions
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
    assert ("You belong to no workspace yet" in text) == (who == "nobody")
    for_supervisors = who == "agent" and guard is access.export_required
    assert ("This page is for supervisors and admins" in text) == for_supervisors


@pytest.mark.parametrize("guard", GUARDS)
def test_a_guarded_view_keeps_its_name_and_its_mark(guard: Any) -> None:
    """Else a view that uses the network would hold a transaction all the while."""
    view = guard(opened)
    assert (view.__name__, view.short_transactions) == ("opened", True)
