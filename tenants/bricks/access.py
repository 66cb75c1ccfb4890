"""Guards of views."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http.response import HttpResponseBase
from django.shortcuts import render

from tenants.bricks.http import TenantRequest
from tenants.models import Membership, Role


def member_required(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Only for people with a workspace; others are told so."""

    @wraps(view)
    def guarded(request: TenantRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.tenant is None:
            return render(request, "no_workspace.html", status=403)
        return view(request, *args, **kwargs)

    return guarded


def export_required(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Only for admins and supervisors: all contacts or calls leave the product. Agents see each of
    them, but a file of all goes with whoever leaves the company.
    """

    @wraps(view)
    @member_required
    def guarded(request: TenantRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_export(request.member):
            return render(request, "not_allowed.html", {"for_supervisors": True}, status=403)
        return view(request, *args, **kwargs)

    return guarded


def may_export(member: Membership) -> bool:
    return member.role in (Role.ADMIN, Role.SUPERVISOR)


def admin_required(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Only for the workspace's admins. The page is its other members' own workspace's, so they are
    told (403) that it is not for them; whose workspace it is not never gets here.
    """

    @wraps(view)
    @member_required
    def guarded(request: TenantRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.member.role != Role.ADMIN:
            return render(request, "not_allowed.html", status=403)
        return view(request, *args, **kwargs)

    return guarded
