"""What a member closes on the pages stays closed for them."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from tenants.bricks.access import member_required
from tenants.bricks.http import TenantRequest
from tenants.models import Membership


@require_POST
@login_required
@member_required
def notice(request: TenantRequest) -> HttpResponse:
    """The workspace's notice; `text` is the one that was shown. Another has come: it stays."""
    if request.POST.get("text", "") == request.tenant.notice:
        _note(request, closed_notice=request.tenant.notice)
    return _closed(request)


@require_POST
@login_required
@member_required
def first_steps(request: TenantRequest) -> HttpResponse:
    """The list of first steps, by the person or, once all are done, by the page itself."""
    _note(request, has_started=True)
    return _closed(request)


def _note(request: TenantRequest, **columns: Any) -> None:
    # Not saved, which would end the person's live channel: it opens no door.
    Membership.objects.filter(pk=request.member.pk).update(**columns)


def _closed(request: TenantRequest) -> HttpResponse:
    # The page takes it away itself, and keeps what is typed there.
    return HttpResponse() if request.htmx else redirect("calls")
