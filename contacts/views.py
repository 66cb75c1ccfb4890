"""Pages of contacts."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from contacts import selectors
from contacts.numbers import display
from tenants.access import member_required
from tenants.http import TenantRequest


@require_GET
@login_required
@member_required
def contacts(request: TenantRequest) -> HttpResponse:
    """The contacts page; asked by the list itself, only that."""
    text, country = request.GET.get("q", ""), request.tenant.country
    page = selectors.contact_page(text, after=request.GET.get("after", ""))
    cards = [
        {
            "id": contact.pk,
            "name": contact.name,
            "company": contact.company,
            "email": contact.email,
            "numbers": [
                {
                    "number": number.number,
                    "display": display(number.number, country),
                    "label": number.label,
                }
                for number in contact.numbers.all()
            ],
        }
        for contact in page.contacts
    ]
    context = {"contacts": cards, "q": text, "next_cursor": page.next_cursor}
    wants_list = request.htmx and "contacts" in (request.htmx.target or "")
    return render(request, "_contacts.html" if wants_list else "contacts.html", context)


@require_GET
@login_required
@member_required
def suggest(request: TenantRequest) -> HttpResponse:
    """Contacts that match what is being typed into the dialer."""
    text, country = request.GET.get("q", ""), request.tenant.country
    suggestions = [
        {
            "contact_id": contact.pk,
            "name": contact.name,
            "company": contact.company,
            "number": number.number,
            "number_display": display(number.number, country),
        }
        for contact in selectors.suggest(text)
        for number in contact.numbers.all()
    ]
    return render(request, "_suggestions.html", {"suggestions": suggestions, "q": text})
