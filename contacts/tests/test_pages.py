"""Filling in a contact, its archive, and what strangers get."""

import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts import selectors
from contacts.models import Contact, ContactNumber
from contacts.services import create_contact
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry
from tenants.tests import database
from tenants.trail.audit import Action

BOOK = {"name": "Zoë Müller", "company": "Optik", "email": "zoe@optik.example"}


def fields(**more: Any) -> dict[str, Any]:
    return BOOK | {"number": ["(408) 555-0123", "+49 30 231250100"], "label": ["work", ""]} | more


def numbers_of(contact: Contact) -> list[tuple[str, str]]:
    found = contact.numbers.order_by("position")
    return [(number.number, number.label) for number in found]


def contents(cast: Any) -> list[Any]:
    """Every contact and number of both workspaces."""
    return [database.rows(model) for model in (Contact, ContactNumber)]


def test_a_contact_is_created_with_its_numbers_in_order(cast: Any, signed_in: Any) -> None:
    answer = signed_in(cast.bob).post("/contacts/new", fields(), follow=True)
    assert answer.status_code == 200
    assert "Zoë Müller was added." in answer.content.decode()
    with tenant_transaction(cast.acme.pk):
        contact = Contact.objects.get(name="Zoë Müller")
        assert numbers_of(contact) == [("+14085550123", "work"), ("+4930231250100", "")]
        assert selectors.contact_page("zoe 0123").contacts == [contact]
        assert selectors.contact_page("5550123").contacts == [contact]


def test_htmx_is_sent_to_the_new_page_and_says_so_in_a_toast(cast: Any, signed_in: Any) -> None:
    answer = signed_in(cast.bob).post(
        "/contacts/new", fields(), headers={"HX-Request": "true", "HX-Target": "main#main"}
    )
    assert answer.status_code == 204
    assert '"target": "#main"' in answer.headers["HX-Location"]
    assert "was added" in answer.headers["HX-Trigger"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"name": " "}, "Enter a name."),
        ({"email": "zoe"}, "Enter an address like"),
        ({"number": ["12"], "label": ["short"]}, "too short"),
        ({"number": ["911"], "label": [""]}, "Emergency numbers"),
        ({"number": ["hello"], "label": [""]}, "neither a contact nor a phone number"),
        ({"number": ["4085550123", "+1 408 555 0123"], "label": ["", "x"]}, "listed twice"),
        ({"number": ["4085550123"], "label": ["x" * 41]}, "at most 40"),
        ({"name": "a\x00b"}, "Null characters"),
    ],
)
def test_a_refusal_stands_at_its_field_and_nothing_typed_is_lost(
    cast: Any, signed_in: Any, change: dict[str, Any], error: str
) -> None:
    before = contents(cast)
    sent = fields(**change)
    answer = signed_in(cast.bob).post("/contacts/new", sent)
    page = answer.content.decode()
    assert answer.status_code == 422
    (note,) = re.findall(r'<p [^>]*class="field-error"[^>]*>([^<]*)</p>|$', page)[:1]
    assert error in note
    assert 'aria-invalid="true"' in page
    for value in (sent["company"], *sent["number"], *sent["label"]):
        assert f'value="{value}"' in page
    assert contents(cast) == before


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        ("add", ["1", "2", ""]),
        ("remove-0", ["2"]),
        ("up-1", ["2", "1"]),
        ("up-0", ["1", "2"]),
        ("remove-99999999999", ["1", "2"]),
        ("up-²", ["1", "2"]),
        ("nonsense", ["1", "2"]),
    ],
)
def test_rows_are_rearranged_without_scripts_and_without_judging(
    cast: Any, signed_in: Any, change: str, rows: list[str]
) -> None:
    sent = {"name": "", "number": ["1", "2"], "label": ["", ""], "change": change}
    answer = signed_in(cast.bob).post("/contacts/new", sent)
    page = answer.content.decode()
    assert answer.status_code == 200 and "field-error" not in page
    found = re.findall(r'name="number" value="([^"]*)"', page)
    assert found == rows


def test_an_edit_replaces_words_and_numbers_and_the_search_follows(
    cast: Any, signed_in: Any
) -> None:
    contact = cast.acme_maria
    client = signed_in(cast.bob)
    form = client.get(f"/contacts/{contact.pk}/edit").content.decode()
    assert 'value="(415) 555-0100"' in form and "field-error" not in form
    answer = client.post(f"/contacts/{contact.pk}/edit", fields(name="Mary"))
    assert answer.status_code == 303
    with tenant_transaction(cast.acme.pk):
        contact.refresh_from_db()
        assert contact.name == "Mary" and contact.sort_name == "mary"
        assert numbers_of(contact) == [("+14085550123", "work"), ("+4930231250100", "")]
        assert selectors.contact_page("maria").contacts == []


def test_emptied_numbers_are_removed_and_the_call_button_says_why_it_is_off(
    cast: Any, signed_in: Any
) -> None:
    client = signed_in(cast.bob)
    path = f"/contacts/{cast.acme_maria.pk}"
    client.post(f"{path}/edit", {"name": "Maria", "number": [""], "label": ["work"]})
    for page in (client.get(path), client.get("/contacts")):
        html = page.content.decode()
        assert 'aria-label="Call Maria" title="No number to call" disabled' in html
        assert "No number" in html


def test_an_archived_contact_leaves_list_and_search_and_comes_back(
    cast: Any, signed_in: Any
) -> None:
    client = signed_in(cast.bob)
    path = f"/contacts/{cast.acme_maria.pk}"
    assert "is archived" in client.post(f"{path}/archive", follow=True).content.decode()
    for listed in ("/contacts", "/contacts?q=maria", "/contacts/suggest?q=maria"):
        assert f"{cast.acme_maria.pk}" not in client.get(listed).content.decode(), listed
    assert f"{cast.acme_maria.pk}" in client.get("/contacts?archived=1&q=maria").content.decode()
    assert "Archived:" in client.get(path).content.decode()
    client.post(f"{path}/archive", {"undo": "1"})
    assert f"{cast.acme_maria.pk}" in client.get("/contacts").content.decode()
    assert f"{cast.acme_maria.pk}" not in client.get("/contacts?archived=1").content.decode()


def test_undo_is_offered_to_whoever_archived_it(cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.bob)
    path, htmx = f"/contacts/{cast.acme_maria.pk}/archive", {"HX-Request": "true"}
    first, second = (client.post(path, headers=htmx).headers["HX-Trigger"] for _ in range(2))
    assert "undo" in first and "undo" not in second
    with tenant_transaction(cast.acme.pk):
        assert AuditEntry.objects.filter(action=Action.CONTACT_ARCHIVED).count() == 1


@pytest.mark.parametrize("path", ["", "/edit", "/archive"])
def test_another_workspaces_contact_is_as_absent_as_none(
    cast: Any, signed_in: Any, path: str
) -> None:
    client, before = signed_in(cast.charlie), contents(cast)
    for contact_id in (cast.acme_maria.pk, uuid.uuid4()):
        url = f"/contacts/{contact_id}{path}"
        if path != "/archive":
            assert client.get(url).status_code == 404
        if path:
            assert client.post(url, fields()).status_code == 404
    assert contents(cast) == before


@pytest.mark.parametrize("path", ["/contacts/new", "/contacts/{}", "/contacts/{}/edit"])
def test_strangers_sign_in_first(cast: Any, client: Any, path: str) -> None:
    answer = client.get(path.format(cast.acme_maria.pk))
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in")


def test_a_write_needs_a_token_against_forgery(cast: Any) -> None:
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.bob.user)
    assert client.post("/contacts/new", fields()).status_code == 403


@pytest.mark.parametrize("after", ["x", "\x00", f"{uuid.uuid4()} a\x00b", "~" * 500])
def test_a_made_up_cursor_harms_nobody(cast: Any, signed_in: Any, after: str) -> None:
    assert signed_in(cast.bob).get("/contacts", {"after": after}).status_code == 200
    assert signed_in(cast.bob).get("/contacts", {"q": after}).status_code == 200


def test_the_list_costs_two_statements_for_however_many_contacts(cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.bob)
    with tenant_transaction(cast.acme.pk):
        for serial in range(30):
            create_contact(cast.acme, name=f"C{serial}", numbers=[(f"+1415555{2000 + serial}", "")])
    with CaptureQueriesContext(connection) as queries:
        client.get("/contacts")
    assert sum('FROM "contacts_' in query["sql"] for query in queries) == 2
