"""An agent's own phone, on their account's pages: set up by a code, rung or not, removed."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from calls import tasks
from calls.facts.refusals import Refusal
from calls.pages.forms import OwnPhoneForm
from calls.services import own_phones
from calls.services.inbound import phones
from contacts.numbers import display
from tenants.bricks.access import member_required
from tenants.bricks.http import TenantRequest, see_other
from tenants.fence.context import tenant_transaction
from tenants.middleware import short_transactions


@short_transactions
@require_http_methods(["GET", "POST"])
@login_required
@member_required
def my_phone(request: TenantRequest) -> HttpResponse:
    """Shown, and changed by what its buttons `do`. Twilio is asked: no transaction is open
    meanwhile.
    """
    form = OwnPhoneForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        try:
            said = _DO[given["do"]](request, given)
        except Refusal as refusal:
            form.add_error("code" if given["do"] == "confirm" else "number", refusal.message)
        else:
            return see_other(request, reverse("my_phone"), said)
    with tenant_transaction(request.tenant.pk):
        own = own_phones.of_member(request.member)
    country = request.tenant.country
    context = {
        "form": form,
        "own": own,
        "number": display(own.number, country) if own else "",
        "wanted": display(own.wanted, country) if own and own.called_at else "",
    }
    return render(request, "my_phone.html", context, status=422 if form.errors else 200)


def _call(request: TenantRequest, given: dict[str, Any]) -> str:
    own_phones.call_with_code(request.member, given["number"], now=timezone.now())
    return "We’re calling your phone. Enter the code that you hear."


def _confirm(request: TenantRequest, given: dict[str, Any]) -> str:
    own_phones.confirm(request.member, given["code"], now=timezone.now())
    _tend(request)
    return "Your phone is set up. Calls ring there, too, while you’re Available."


def _rings(request: TenantRequest, given: dict[str, Any]) -> str:
    rings = given["do"] == "on"
    own_phones.set_rings(request.member, rings)
    _tend(request)
    return "Calls ring on your phone, too." if rings else "Calls don’t ring on your phone any more."


def _forget(request: TenantRequest, given: dict[str, Any]) -> str:
    own_phones.forget(request.member)
    return ""


def _remove(request: TenantRequest, given: dict[str, Any]) -> str:
    own_phones.remove(request.member)
    _tend(request)
    return "Your phone is removed."


_DO = {
    "call": _call,
    "confirm": _confirm,
    "forget": _forget,
    "on": _rings,
    "off": _rings,
    "remove": _remove,
}


def _tend(request: TenantRequest) -> None:
    """Whether the agent can be rung has changed, and what rings there."""
    tenant_id, user_id = request.tenant.pk, request.member.user_id
    with tenant_transaction(tenant_id):
        tasks.tend_phones(tenant_id, phones.of_agent(user_id))
        tasks.tend_agent(tenant_id, user_id)
