"""Numbers are searched and bought, by admins. Twilio is asked: no transaction is open meanwhile."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from calls import gateway
from calls.facts.numbers import KINDS, Price
from calls.gateway.accounts import TwilioAccount, account_of
from calls.pages.asking import AWAY, Trouble, asking
from calls.pages.number_forms import BuyForm, ChosenNumberForm, NumberSearchForm
from calls.pages.numbers import shown
from calls.services.setup import buying
from tenants.bricks.access import admin_required
from tenants.bricks.http import TenantRequest, see_other
from tenants.bricks.places import countries
from tenants.middleware import short_transactions


@short_transactions
@require_GET
@login_required
@admin_required
def search_numbers(request: TenantRequest) -> HttpResponse:
    """Numbers that can be bought: by country, kind, area code and what they contain."""
    is_asked = "country" in request.GET
    initial = {"country": request.tenant.country, "kind": "local"}
    form = NumberSearchForm(request.GET if is_asked else None, initial=initial)
    context: dict[str, Any] = {"form": form, "is_asked": is_asked}
    if is_asked and form.is_valid():
        given = form.cleaned_data
        kind, country = given["kind"], given["country"]
        wanted = {"area_code": given["area_code"], "contains": given["digits"]}
        try:
            account = asking(lambda: account_of(request.tenant.pk))
            found = asking(
                lambda: gateway.search_numbers(account, country=country, kind=kind, **wanted)
            )
            context["price"] = _price(account, country, kind) if found else None
        except Trouble as trouble:
            form.add_error(None, str(trouble))
        except gateway.OutcomeUnknown:
            form.add_error(None, AWAY)
        else:
            context["offers"] = [
                {"offer": each, "display": shown(request, each.number)} for each in found or ()
            ]
            context["none_at_all"] = found is None
            context["kind"] = KINDS[kind][2]
            context["place"] = dict(countries())[country]
    return render(request, "number_search.html", context, status=422 if form.errors else 200)


def _price(account: TwilioAccount, country: str, kind: str) -> Price | None:
    """None when Twilio does not tell: it is shown, and decides nothing."""
    try:
        return asking(lambda: gateway.monthly_prices(account, country)).get(kind)
    except (Trouble, gateway.OutcomeUnknown):
        return None


@short_transactions
@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def buy_number(request: TenantRequest) -> HttpResponse:
    """Asks once more, with the price, and buys."""
    tenant = request.tenant
    chosen = ChosenNumberForm(request.POST if request.method == "POST" else request.GET)
    if not chosen.is_valid():
        raise Http404
    number, country = chosen.cleaned_data["number"], chosen.cleaned_data["country"]
    form = BuyForm(request.POST if request.method == "POST" else None)
    needs_documents, title = False, shown(request, number)
    account = None
    try:
        account = asking(lambda: account_of(tenant.pk))
        if form.is_bound and form.is_valid():
            given = {name: form.cleaned_data[name] for name in ("label", *_documents(account))}
            asking(lambda: buying.buy(tenant, number=number, account=account, **given))
            done = f"{title} is yours. Callers reach this workspace."
            return see_other(request, reverse("numbers"), done)
    except buying.BeingBought:
        done = f"{title} is being bought already. It appears here in a moment."
        return see_other(request, reverse("numbers"), done)
    except gateway.OutcomeUnknown:
        done = f"Twilio’s answer about {title} was lost. We’re looking for it."
        return see_other(request, reverse("numbers"), done)
    except buying.NotBought as refused:
        form.add_error(None, refused.message)
        needs_documents = refused.needs_documents
    except Trouble as trouble:
        form.add_error(None, str(trouble)) if form.is_bound else None
    is_own = account is not None and account.tenant_id is not None
    context = {
        "form": form,
        "chosen": chosen.cleaned_data,
        "display": title,
        "price": _price(account, country, chosen.cleaned_data["kind"]) if account else None,
        "is_own": is_own,
        "asks_documents": is_own
        and (needs_documents or bool(form.data.get("address_sid") or form.data.get("bundle_sid"))),
        "needs_operator": needs_documents and not is_own,
    }
    return render(request, "number_buy.html", context, status=422 if form.errors else 200)


def _documents(account: TwilioAccount) -> tuple[str, ...]:
    """Those of the shared account are not this workspace's to use."""
    return ("address_sid", "bundle_sid") if account.tenant_id is not None else ()
