"""The part of a workspace's settings that is about calls, for its admins."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from calls.forms import CallerIdForm
from calls.models import PhoneNumber
from calls.services import numbers
from contacts.numbers import display
from tenants.access import admin_required
from tenants.http import TenantRequest, see_other


@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def caller_ids(request: TenantRequest) -> HttpResponse:
    """What our numbers are called, and which of them calls are made from."""
    ours = list(PhoneNumber.objects.order_by("number"))
    form = CallerIdForm(request.POST if request.method == "POST" else None, numbers=ours)
    if form.is_bound and form.is_valid():
        for number in ours:
            number.label = form.label_of(number)
            number.save(update_fields=["label"])
            if number.pk == form.cleaned_data["default"]:
                numbers.make_default(number)
        return see_other(request, reverse("caller_ids"), "The caller IDs are saved.")
    rows = [
        {
            "id": number.pk,
            "display": display(number.number, request.tenant.country),
            "label": form[f"label-{number.pk}"],
            "is_chosen": form["default"].value() == str(number.pk),
        }
        for number in ours
    ]
    context = {"form": form, "rows": rows}
    return render(request, "caller_ids.html", context, status=422 if form.is_bound else 200)
