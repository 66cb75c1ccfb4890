"""Pages of contacts: the list, what is filled in, the archive. A contact's own page, which shows
its calls, is in `calls`.
"""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from contacts import selectors, services
from contacts.forms import ContactForm
from contacts.models import Contact
from contacts.numbers import display
from tenants.access import member_required
from tenants.http import TenantRequest, see_other


@require_GET
@login_required
@member_required
def contacts(request: TenantRequest) -> HttpResponse:
    """The contacts page; asked by the list itself, only that."""
    text, country = request.GET.get("q", "")[:100], request.tenant.country
    archived = request.GET.get("archived") == "1"
    page = selectors.contact_page(text, after=request.GET.get("after", ""), archived=archived)
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
    context = {
        "contacts": cards,
        "q": text,
        "archived": archived,
        "next_cursor": page.next_cursor,
    }
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


@require_http_methods(["GET", "POST"])
@login_required
@member_required
def new_contact(request: TenantRequest) -> HttpResponse:
    return _fill_in(request, None)


@require_http_methods(["GET", "POST"])
@login_required
@member_required
def edit_contact(request: TenantRequest, contact_id: UUID) -> HttpResponse:
    return _fill_in(request, _contact(contact_id))


def _fill_in(request: TenantRequest, contact: Contact | None) -> HttpResponse:
    """Show the form, rearrange its rows (`change`), refuse it (422), or save it."""
    change = request.POST.get("change", "")
    form = ContactForm(
        request.POST if request.method == "POST" else None,
        country=request.tenant.country,
        contact=contact,
        change=change,
    )
    if form.is_bound and form.is_valid():
        fields = form.cleaned_data | {"numbers": form.numbers}
        if contact is None:
            contact = services.create_contact(request.tenant, **fields)
            said = f"{contact.name} is in your contacts now."
        else:
            services.update_contact(contact, **fields)
            said = f"{contact.name} is saved."
        return see_other(request, reverse("contact", args=[contact.pk]), said)
    context = {"form": form, "contact": contact}
    return render(request, "contact_form.html", context, status=422 if form.is_bound else 200)


@require_POST
@login_required
@member_required
def archive_contact(request: TenantRequest, contact_id: UUID) -> HttpResponse:
    """Archive the contact, or with `undo` put it back."""
    contact = _contact(contact_id)
    archived = not request.POST.get("undo")
    services.set_archived(contact, archived, now=timezone.now())
    said = f"{contact.name} is archived." if archived else f"{contact.name} is back in the list."
    return see_other(request, reverse("contact", args=[contact.pk]), said)


def _contact(contact_id: UUID) -> Contact:
    contact = selectors.contact_with_numbers(contact_id)
    if contact is None:
        raise Http404
    return contact
