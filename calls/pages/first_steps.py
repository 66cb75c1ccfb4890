"""The first steps in a workspace, beside the history, until they are done or closed."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from calls.facts.first_steps import Step
from calls.facts.first_steps import first_steps as decide
from calls.gateway.accounts import sid_of
from calls.selectors import first_steps as selectors
from tenants.bricks.access import member_required
from tenants.bricks.http import TenantRequest
from tenants.models import Role


@require_GET
@login_required
@member_required
def first_steps(request: TenantRequest) -> HttpResponse:
    """How far they are; asked by the page after each call."""
    return render(request, "_first_steps.html", {"first_steps": steps(request)})


def steps(request: TenantRequest) -> dict[str, Any] | None:
    """What `_first_steps.html` needs: `steps`, empty once all are done; None when that is noted."""
    member = request.member
    if member.has_started:
        return None
    found = selectors.found(member, account_sid=sid_of(request.tenant.pk))
    left = decide(found, is_admin=member.role == Role.ADMIN)
    asks = left.get(Step.NUMBER) is False and member.role != Role.ADMIN
    return {
        "steps": [(step.value, is_done) for step, is_done in left.items()],
        "admins": selectors.admins() if asks else [],
    }
