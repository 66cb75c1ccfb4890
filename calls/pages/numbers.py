"""The workspace's numbers, for its admins: which there are, whom their callers reach, and how one
is taken or given back. Twilio is asked, so no transaction is open meanwhile.
"""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from calls import gateway
from calls.facts.numbers import Leads
from calls.gateway.accounts import account_of
from calls.models import Line, NumberOrder, PhoneNumber
from calls.pages.asking import AWAY, Trouble, asking
from calls.pages.number_forms import ReleaseForm
from calls.services.caller_ids import usable
from calls.services.setup import holding
from calls.services.setup.holding import Ours, Survey
from calls.services.setup.numbers import NumberNotOwned, NumberTaken
from contacts.numbers import display
from tenants.bricks.access import admin_required
from tenants.bricks.http import TenantRequest, see_other
from tenants.bricks.ids import read_uuid
from tenants.fence.context import tenant_transaction
from tenants.middleware import short_transactions


def shown(request: TenantRequest, number: str) -> str:
    return display(number, request.tenant.country)


@short_transactions
@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def numbers(request: TenantRequest) -> HttpResponse:
    """All of them; one of ours is pointed here, or one that the account has is taken."""
    wrong = ""
    if request.method == "POST":
        try:
            number = asking(lambda: _do(request))
        except (NumberNotOwned, NumberTaken):
            wrong = "This number is no longer in the account, or no longer free."
        except Trouble as trouble:
            wrong = str(trouble)
        except gateway.OutcomeUnknown:
            wrong = "Twilio’s answer was lost. Look below, and repeat it if needed."
        else:
            done = f"Callers of {shown(request, number.number)} reach this workspace."
            return see_other(request, reverse("numbers"), done)
    return _list(request, wrong)


def _do(request: TenantRequest) -> PhoneNumber:
    tenant, sent = request.tenant, request.POST.get("number", "")
    if request.POST.get("do") == "take":
        return holding.take(tenant, number=sent, account=account_of(tenant.pk))
    if request.POST.get("do") != "point" or (number_id := read_uuid(sent)) is None:
        raise Http404
    try:
        return holding.point(tenant, number_id=number_id)
    except PhoneNumber.DoesNotExist:
        raise Http404 from None


def _list(request: TenantRequest, wrong: str) -> HttpResponse:
    tenant, found, account = request.tenant, None, None
    away = ""
    try:
        account = asking(lambda: account_of(tenant.pk))
        found = asking(lambda: holding.survey(tenant, account=account))
    except Trouble as trouble:
        away = str(trouble)
    except gateway.OutcomeUnknown:
        away = AWAY
    found = found or _known(request)
    with tenant_transaction(tenant.pk):
        lines = dict(Line.objects.values_list("number", "pk"))
    context = {
        "rows": [
            _row(request, ours, away=away) | {"line_id": lines.get(ours.row.pk)}
            for ours in found.ours
        ],
        "free": [
            {"number": each.number, "display": shown(request, each.number), "now": each.target}
            for each in found.free
        ],
        "ordered": [shown(request, each.number) for each in found.ordered],
        "is_own": account is not None and account.tenant_id is not None,
        "wrong": wrong,
        "away": away,
    }
    return render(request, "numbers.html", context, status=422 if wrong else 200)


def _known(request: TenantRequest) -> Survey:
    """What we know without Twilio."""
    with tenant_transaction(request.tenant.pk):
        rows = list(usable(request.tenant))
        return Survey([Ours(row, None, None) for row in rows], [], list(NumberOrder.objects.all()))


_LEADS = {
    Leads.HERE: "Callers reach this workspace.",
    Leads.PARTLY: "Callers reach this workspace, but not while this site is away.",
    Leads.NOWHERE: "Callers reach no one.",
    Leads.ANOTHER: "Callers reach another workspace.",
}


def _row(request: TenantRequest, ours: Ours, *, away: str) -> dict[str, Any]:
    row, found, leads = ours
    if away:
        says = ""
    elif found is None or leads is None:
        says = "Twilio no longer has this number: calls from it fail. Release it here."
    else:
        says = _LEADS.get(leads) or f"Callers reach {found.target}."
    return {
        "id": row.pk,
        "display": shown(request, row.number),
        "label": row.label,
        "is_default": row.is_default,
        "says": says,
        "is_right": leads is Leads.HERE,
        "can_point": leads not in (None, Leads.HERE),
    }


# --- giving back -------------------------------------------------------------------------------


@short_transactions
@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def release_number(request: TenantRequest, number_id: UUID) -> HttpResponse:
    """Says what comes of it, asks for the last digits, and gives the number back."""
    tenant = request.tenant
    with tenant_transaction(tenant.pk):
        row = usable(tenant).filter(pk=number_id).first()
        if row is None:
            raise Http404
        follows = holding.follows(tenant, row)
        has_plan = Line.objects.filter(number=row).exists()
    title = shown(request, row.number)
    form = ReleaseForm(request.POST if request.method == "POST" else None, number=row.number)
    if form.is_bound and form.is_valid():
        try:
            asking(lambda: holding.release(tenant, number_id=number_id))
        except PhoneNumber.DoesNotExist:
            return see_other(request, reverse("numbers"), f"{title} was released already.")
        except Trouble as trouble:
            form.add_error(None, str(trouble))
        except gateway.OutcomeUnknown:
            lost = "Twilio’s answer was lost, so it may be released or not. Press the button again."
            form.add_error(None, lost)
        else:
            return see_other(request, reverse("numbers"), f"{title} is released.")
    following = follows.next_default
    context = {
        "form": form,
        "row": row,
        "display": title,
        "last_digits": row.number[-4:],
        "has_plan": has_plan,
        "is_last": follows.is_last,
        "next_default": shown(request, following.number) if following else "",
    }
    return render(request, "number_release.html", context, status=422 if form.errors else 200)
