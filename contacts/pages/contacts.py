"""Pages of contacts: the list, what is filled in, the archive. A contact's own page, which shows
its calls, is in `calls`.
"""

from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from contacts import selectors, services
from contacts.exporting import contacts_table
from contacts.models import Contact
from contacts.numbers import MOST_NUMBERS, TOO_MANY_NUMBERS, NumberError, display, parse
from contacts.pages.contact_forms import ContactForm, facts_of, replaced_twice
from tenants.bricks import merging
from tenants.bricks.access import export_required, may_export, member_required
from tenants.bricks.http import TenantRequest, see_other
from tenants.bricks.ids import read_uuid
from tenants.bricks.places import countries
from tenants.trail import audit, exports
from tenants.trail.audit import Action


@require_GET
@login_required
@member_required
def contacts(request: TenantRequest) -> HttpResponse:
    """The contacts page; asked by the list itself, only that."""
    text, country = request.GET.get("q", "")[:100], request.tenant.country
    archived = request.GET.get("archived") == "1"
    is_mine, mine = _mine(request)
    page = selectors.contact_page(
        text, after=request.GET.get("after", ""), archived=archived, owner_id=mine
    )
    context = {
        "contacts": [_card(contact, country) for contact in page.contacts],
        "q": text,
        "archived": archived,
        "is_mine": is_mine,
        "next_cursor": page.next_cursor,
        "may_export": may_export(request.member),
    }
    wants_list = request.htmx and "contacts" in (request.htmx.target or "")
    return render(request, "_contacts.html" if wants_list else "contacts.html", context)


def _mine(request: TenantRequest) -> tuple[bool, UUID | None]:
    """(whether the list is of one's own contacts, whose it then is); a search is of everyone's."""
    is_mine = request.GET.get("mine") == "1" and not request.GET.get("q", "").strip()
    return is_mine, request.member.user_id if is_mine else None


class CardNumber(NamedTuple):
    number: str  # E.164, with its extension
    display: str
    label: str


class Card(NamedTuple):
    """A contact in the list: what is drawn of it once (`{% kept %}`)."""

    id: UUID
    name: str
    company: str
    email: str
    numbers: tuple[CardNumber, ...]


def _card(contact: Contact, country: str) -> Card:
    numbers = [
        CardNumber(number.full, display(number.full, country), number.label)
        for number in contact.numbers.all()
    ]
    return Card(contact.pk, contact.name, contact.company, contact.email, tuple(numbers))


@require_GET
@login_required
@export_required
def export_contacts(request: TenantRequest) -> HttpResponseBase:
    """The contacts that the list shows, as a file that can be imported again."""
    if refusal := exports.refused(request):
        return refusal
    text, archived = request.GET.get("q", "")[:100], request.GET.get("archived") == "1"
    is_mine, mine = _mine(request)
    whose: dict[str, Any] = {"mine": "yes"} if is_mine else {}
    said = "yes" if archived else "no"
    audit.record(Action.CONTACTS_EXPORTED, search=text, archived=said, **whose)
    header, pages = contacts_table(text, archived=archived, owner_id=mine)
    return exports.download(request, name="contacts", header=header, pages=pages)


@require_GET
@login_required
@member_required
def suggest(request: TenantRequest) -> HttpResponse:
    """Contacts that match what is being typed into the dialer."""
    text, country = request.GET.get("q", ""), request.tenant.country
    suggestions = [
        {
            "contact_id": one.contact_id,
            "name": one.name,
            "company": one.company,
            "number": one.full,
            "number_display": display(one.full, country),
        }
        for one in selectors.suggest(text)
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
    contact = _contact(contact_id, lock=request.method == "POST")
    if request.method == "GET":
        audit.record_look(Action.CONTACT_VIEWED, on=contact)
    return _fill_in(request, contact)


def _fill_in(request: TenantRequest, contact: Contact | None) -> HttpResponse:
    """Show the form, rearrange its rows (`change`), refuse it (422), or save it. Of a `contact`
    only what was changed here is saved (`merging`).
    """
    change, country = request.POST.get("change", ""), request.tenant.country
    theirs = facts_of(contact) if contact else {}
    made_of = request.POST.get("made_of", "") or merging.written(theirs)
    owners = selectors.possible_owners(contact)
    form = ContactForm(
        request.POST if request.method == "POST" else None,
        country=country,
        owners=owners,
        contact=contact,
        number=request.GET.get("number", ""),
        change=change,
    )
    if form.is_bound and form.is_valid():
        if contact is None:
            fields = dict(form.cleaned_data)
            owner_id = read_uuid(fields.pop("owner"))
            contact = services.create_contact(
                request.tenant, **fields, owner_id=owner_id, numbers=form.numbers
            )
            audit.record(Action.CONTACT_CREATED, on=contact)
            said = f"{contact.name} was added."
            return see_other(request, reverse("contact", args=[contact.pk]), said)
        before = merging.read(made_of, theirs)
        merge = merging.merge(before, theirs, form.facts())
        replaced = replaced_twice(before, theirs, form.facts())
        if len(_parted(merge.values)[1]) > MOST_NUMBERS:
            form.add_error(None, f"Someone added numbers in the meantime. {TOO_MANY_NUMBERS}")
        elif not (merge.clashes or replaced):
            _change(contact, theirs, merge.values)
            said = f"{contact.name} is saved."
            return see_other(request, reverse("contact", args=[contact.pk]), said)
        else:
            form = ContactForm.asking(merge, theirs, replaced, country=country, owners=owners)
            made_of = merging.written(theirs)
    context = {
        "form": form,
        "contact": contact,
        "made_of": made_of,
        "country_name": dict(countries()).get(country, country),
    }
    return render(request, "contact_form.html", context, status=422 if form.is_bound else 200)


@require_GET
@login_required
@member_required
def alike(request: TenantRequest) -> HttpResponse:
    """Who has the number or the e-mail already that is being typed into the form."""
    typed, email = request.GET.get("number", ""), request.GET.get("email", "").strip()
    number = ""
    with suppress(NumberError):
        number = parse(typed, request.tenant.country, by_hand=True).number if typed else ""
    but = read_uuid(request.GET.get("of", ""))
    found = selectors.alike(number=number, email=email, but=but) if number or email else []
    return render(request, "_alike.html", {"alike": found, "is_number": bool(number)})


@require_POST
@login_required
@member_required
def archive_contact(request: TenantRequest, contact_id: UUID) -> HttpResponse:
    """Archive the contact, or with `undo` put it back."""
    contact = _contact(contact_id)
    archived = not request.POST.get("undo")
    is_changed = services.set_archived(contact, archived, now=timezone.now())
    if is_changed:
        audit.record(Action.CONTACT_ARCHIVED if archived else Action.CONTACT_RESTORED, on=contact)
    said = f"{contact.name} is archived." if archived else f"{contact.name} is restored."
    undo = (request.path, {"undo": "1"}) if archived and is_changed else None
    return see_other(request, reverse("contact", args=[contact.pk]), said, undo=undo)


def _change(contact: Contact, before: merging.Facts, after: merging.Facts) -> None:
    (fields, were), (wanted, numbers) = _parted(before), _parted(after)
    changed = [name for name in fields if fields[name] != wanted[name]]
    owner_id = read_uuid(wanted.pop("owner"))
    services.update_contact(contact, **wanted, numbers=numbers)
    if "owner" in changed:
        services.set_owner(contact, owner_id)
    if changed := changed + ["numbers"] * (were != numbers):
        audit.record(Action.CONTACT_CHANGED, on=contact, fields=", ".join(changed))


def _parted(facts: merging.Facts) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """(the fields, the numbers with their labels) of `facts_of`."""
    names = ContactForm.base_fields
    fields = {name: str(facts[name]) for name in names}
    numbers = [(full, str(facts[full])) for full in facts if full not in names]
    return fields, [(full, label) for full, label in numbers if facts[full] is not None]


def _contact(contact_id: UUID, *, lock: bool = False) -> Contact:
    contact = selectors.contact_with_numbers(contact_id, lock=lock)
    if contact is None:
        raise Http404
    return contact
