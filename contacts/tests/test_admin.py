"""Contacts in the admin: through the services, searchable, few queries, errors at the field."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact
from contacts.selectors import contact_page
from contacts.services import create_contact
from tenants.fence.context import tenant_transaction

LIST = "/admin/contacts/contact/"


@pytest.fixture
def staff(cast: Any, client: Client) -> Client:
    alice = cast.alice.user
    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(Permission.objects.filter(content_type__app_label="contacts"))
    client.force_login(alice)
    return client


def form(*numbers: dict[str, str], initial: int = 0, **fields: str) -> dict[str, str]:
    data = {"name": "Zoë", "company": "", "email": ""} | fields
    data |= {"numbers-TOTAL_FORMS": str(len(numbers)), "numbers-INITIAL_FORMS": str(initial)}
    for index, row in enumerate(numbers):
        given = {"label": "", "position": str(index)} | row
        data |= {f"numbers-{index}-{name}": value for name, value in given.items()}
    return data


def test_a_contact_is_added_with_its_numbers_and_found(staff: Client, cast: Any) -> None:
    rows = [{"number": "(415) 555-0123", "label": "work"}, {"number": "+44 20 7946 0123"}]
    assert staff.post(f"{LIST}add/", form(*rows)).status_code == 302
    with tenant_transaction(cast.acme.pk):
        (zoe,) = contact_page("5550123").contacts
        assert [n.number for n in zoe.numbers.all()] == ["+14155550123", "+442079460123"]
    for text, found in (("zoe", True), ("0123", True), ("nobody", False)):
        assert ("Zoë" in staff.get(LIST, {"q": text}).content.decode()) == found


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"number": "12"}, "too short"),
        ({"number": "911"}, "Emergency"),
        ({"number": "+14155550111"}, "has that number"),
    ],
)
def test_a_bad_number_is_said_at_its_field(
    staff: Client, cast: Any, row: dict[str, str], says: str
) -> None:
    answer = staff.post(f"{LIST}add/", form({"number": "(415) 555-0111"}, row))
    (formset,) = answer.context["inline_admin_formsets"]
    assert says in str(formset.formset.errors[1]["number"])
    with tenant_transaction(cast.acme.pk):
        assert Contact.objects.count() == 1


def test_numbers_are_changed_swapped_and_removed(staff: Client, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        contact = create_contact(
            cast.acme, name="Z", numbers=[("+14155550111", "a"), ("+14155550112", "b")]
        )
        ids = [str(number.pk) for number in contact.numbers.all()]
    page = f"{LIST}{contact.pk}/change/"
    shared = {"contact": str(contact.pk)}
    swapped = form(
        {"id": ids[0], "number": "+14155550112", "label": "x"} | shared,
        {"id": ids[1], "number": "+14155550111"} | shared,
        initial=2,
        name="Zed",
    )
    assert staff.post(page, swapped).status_code == 302
    with tenant_transaction(cast.acme.pk):
        rows = list(contact.numbers.all())
        assert [(r.number, r.label) for r in rows] == [("+14155550112", "x"), ("+14155550111", "")]
        assert contact_page("zed").contacts
        kept, gone = rows
    removed = form(
        {"id": str(kept.pk), "number": kept.number} | shared,
        {"id": str(gone.pk), "number": gone.number, "DELETE": "on"} | shared,
        initial=2,
    )
    assert staff.post(page, removed).status_code == 302
    with tenant_transaction(cast.acme.pk):
        assert [r.number for r in contact.numbers.all()] == ["+14155550112"]


@pytest.mark.parametrize("action", ["archive", "restore"])
def test_actions_archive_and_restore(staff: Client, cast: Any, action: str) -> None:
    chosen = {"_selected_action": str(cast.acme_maria.pk)}
    if action == "restore":
        staff.post(LIST, {"action": "archive"} | chosen)
    assert staff.post(LIST, {"action": action} | chosen).status_code == 302
    with tenant_transaction(cast.acme.pk):
        assert (Contact.objects.get().archived_at is not None) == (action == "archive")
    shown = staff.get(LIST, {"archived": "yes"}).content.decode()
    assert ("Maria" in shown) == (action == "archive")


def test_an_action_reaches_no_neighbour(staff: Client, cast: Any) -> None:
    staff.post(LIST, {"action": "archive", "_selected_action": str(cast.borealis_maria.pk)})
    with tenant_transaction(cast.borealis.pk):
        assert Contact.objects.get().archived_at is None


def test_a_contact_with_calls_can_be_deleted(staff: Client, cast: Any) -> None:
    page = f"{LIST}{cast.acme_maria.pk}/delete/"
    assert staff.get(page).status_code == 200
    assert staff.post(page, {"post": "yes"}).status_code == 302
    with tenant_transaction(cast.acme.pk):
        assert not Contact.objects.exists()


def test_the_list_costs_the_same_however_long(staff: Client, cast: Any) -> None:
    def cost(**query: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(LIST, query).status_code == 200
        return len(queries)

    before = cost(), cost(q="maria")
    with tenant_transaction(cast.acme.pk):
        for serial in range(5):
            create_contact(cast.acme, name=f"Maria {serial}", numbers=[("+14155550111", "")])
    assert (cost(), cost(q="maria")) == before
    assert max(before) <= 17


def test_selecting_all_is_refused_where_more_are_than_can_be_seen(
    staff: Client, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.people.admin_pages.MOST_ROWS", 2)
    with tenant_transaction(cast.acme.pk):
        for number in range(2):
            create_contact(cast.acme, name=f"Smith {number}", numbers=[])
        one = Contact.objects.get(name="Smith 0")

    def archived(search: str = "") -> tuple[int, str]:
        chosen = {"action": "archive", "select_across": "1", "_selected_action": str(one.pk)}
        answer = staff.post(LIST + search, chosen, follow=True)
        with tenant_transaction(cast.acme.pk):
            there = Contact.objects.exclude(archived_at=None).count()
        return there, answer.content.decode()

    there, says = archived()
    assert there == 0 and "more than 2 of them" in says
    assert archived("?q=smith")[0] == 2
