"""Two people at one form, in every form that people share: the later save takes nothing back."""

import html
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from calls.models import PhoneNumber
from calls.selectors import limits
from calls.services.setup.numbers import make_default
from contacts import selectors
from contacts.numbers import MOST_NUMBERS
from contacts.services import update_contact
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, Membership, Role, Tenant
from tenants.people.services import add_member
from tenants.tests import database

LIMITS = {
    "agent_calls_per_minute": "10",
    "calls_per_minute": "30",
    "agent_calls_at_once": "3",
    "calls_at_once": "20",
    "agent_daily_spend": "40",
    "daily_spend": "200",
    "longest_minutes": "120",
    "countries": ["CA", "DE"],
}
ACME = {"name": "Acme", "country": "US", "time_zone": "America/Los_Angeles", "records_calls": "1"}


def made_of(answer: Any) -> dict[str, str]:
    """The page's hidden field, to be sent along."""
    (found,) = re.findall(r'name="made_of" value="([^"]*)"', answer.content.decode())
    return {"made_of": html.unescape(found)}


@pytest.fixture
def two(cast: Any) -> tuple[Client, Client]:
    """Alice and Ada, both admins."""
    ada, _ = add_member(cast.acme, email="ada@acme.example", name="Ada", role=Role.ADMIN)
    clients = Client(), Client()
    for client, member in zip(clients, (cast.alice, ada), strict=True):
        client.force_login(member.user)
    return clients


def facts(cast: Any) -> tuple[str, str, str, list[tuple[str, str]]]:
    with tenant_transaction(cast.acme.pk):
        contact = selectors.contact_with_numbers(cast.acme_maria.pk)
        assert contact is not None
        numbers = [(row.full, row.label) for row in contact.numbers.all()]
        return contact.name, contact.company, contact.email, numbers


def told(answer: Any) -> str:
    assert answer.status_code == 422
    page = html.unescape(answer.content.decode())
    assert "Not saved." in page
    return page


def test_a_contacts_fields_that_only_one_changed_are_merged(cast: Any, two: Any) -> None:
    name, company, email, numbers = facts(cast)
    (number, label), path = numbers[0], f"/contacts/{cast.acme_maria.pk}/edit"
    alice, ada = two
    shown = made_of(alice.get(path)) | {"name": name, "company": company, "email": email}
    rows = {"number": [number], "label": [label]}
    first = shown | {"company": "Ada's word", "number": [number, "+14155550177"]}
    assert ada.post(path, first | {"label": [label, "home"]}).status_code == 303
    second = shown | {"email": "new@example.com", "number": ["+14155550188", number]}
    assert alice.post(path, second | {"label": ["mobile", label]}).status_code == 303
    assert facts(cast) == (
        name,
        "Ada's word",
        "new@example.com",
        [("+14155550188", "mobile"), (number, label), ("+14155550177", "home")],
    )
    with tenant_transaction(cast.acme.pk):
        entries = AuditEntry.objects.filter(action="contact_changed").order_by("at")
        noted = [(entry.name, entry.details["fields"]) for entry in entries]
    assert noted == [("Ada", "company, numbers"), ("Alice", "email, numbers")]
    before = facts(cast)
    assert ada.post(path, shown | rows).status_code == 303, "untouched, it changes nothing"
    assert facts(cast) == before
    del shown["made_of"]
    assert ada.post(path, shown | rows).status_code == 303
    assert facts(cast) == (name, company, email, [(number, label)]), "a program's word is whole"


def test_what_both_changed_of_a_contact_is_asked_and_nothing_typed_is_lost(
    cast: Any, two: Any
) -> None:
    name, _, email, numbers = facts(cast)
    (number, _), path = numbers[0], f"/contacts/{cast.acme_maria.pk}/edit"
    alice, ada = two
    shown = made_of(alice.get(path)) | {"name": name, "email": email, "number": [number]}
    ada.post(path, shown | {"company": "Hers", "email": "her@example.com", "label": ["mobile"]})
    after = facts(cast)
    mine = shown | {"company": "Mine", "label": ["home"]}
    answer = alice.post(path, mine)
    page = told(answer)
    assert page.count("in the meantime. Save again to keep yours.") == 2
    assert "Someone changed this to “Hers” in" in page and "“mobile”" in page
    assert 'value="Mine"' in page and 'value="home"' in page and 'value="her@example.com"' in page
    assert facts(cast) == after
    again = mine | {"name": name, "email": "her@example.com"} | made_of(answer)
    assert alice.post(path, again).status_code == 303
    assert facts(cast) == (name, "Mine", "her@example.com", [(number, "home")])


def test_a_number_that_one_removes_and_the_other_names_is_asked(cast: Any, two: Any) -> None:
    name, company, email, numbers = facts(cast)
    (number, label), path = numbers[0], f"/contacts/{cast.acme_maria.pk}/edit"
    alice, ada = two
    shown = made_of(alice.get(path)) | {"name": name, "company": company, "email": email}
    with_it = shown | {"number": [number], "label": ["named anew"]}
    without: dict[str, Any] = shown | {"number": [], "label": []}
    ada.post(path, with_it)
    page = told(alice.post(path, without))
    assert "to “named anew” in the meantime. Save again to remove this number." in page
    assert facts(cast)[3] == [(number, "named anew")]
    with tenant_transaction(cast.acme.pk):
        cast.acme_maria.numbers.all().delete()
    page = told(ada.post(path, shown | {"number": [number], "label": [label + "!"]}))
    assert "Someone removed this number in the meantime. Save again to keep it." in page
    assert f'value="{label}!"' in page and facts(cast)[3] == []


def test_two_who_add_numbers_stay_within_what_a_contact_holds(cast: Any, two: Any) -> None:
    name, company, email, numbers = facts(cast)
    (number, label), path = numbers[0], f"/contacts/{cast.acme_maria.pk}/edit"
    shown = made_of(two[0].get(path)) | {"name": name, "company": company, "email": email}
    full = [(f"+141555501{serial:02}", "") for serial in range(10, 10 + MOST_NUMBERS)]
    with tenant_transaction(cast.acme.pk):
        cast.acme_maria.refresh_from_db()
        update_contact(cast.acme_maria, name=name, company=company, email=email, numbers=full)
    sent = shown | {"number": [number, "+14155550199"], "label": [label, ""]}
    assert f"at most {MOST_NUMBERS} numbers" in told(two[0].post(path, sent))
    assert facts(cast)[3] == full


def test_one_person_changes_every_number_of_a_full_contact(cast: Any, two: Any) -> None:
    name, company, email, _ = facts(cast)
    path = f"/contacts/{cast.acme_maria.pk}/edit"
    fields = {"name": name, "company": company, "email": email}

    def save(first: int) -> int:
        shown = made_of(two[0].get(path)) | fields
        numbers = [f"+141555501{serial:02}" for serial in range(first, first + MOST_NUMBERS)]
        sent = shown | {"number": numbers, "label": [""] * MOST_NUMBERS}
        return int(two[0].post(path, sent).status_code)

    assert [save(10), save(11), save(50)] == [303] * 3
    assert facts(cast)[3][0] == ("+14155550150", "")


def test_a_number_that_both_replaced_is_asked(cast: Any, two: Any) -> None:
    name, company, email, _ = facts(cast)
    path, (alice, ada) = f"/contacts/{cast.acme_maria.pk}/edit", two
    shown = made_of(alice.get(path)) | {"name": name, "company": company, "email": email}
    ada.post(path, shown | {"number": ["+14155550177"], "label": ["home"]})
    answer = alice.post(path, shown | {"number": ["+14155550188"], "label": [""]})
    assert "Someone put this in place of the number that you replaced." in told(answer)
    assert [number for number, _ in facts(cast)[3]] == ["+14155550177"]
    again = shown | {"number": ["+14155550188", "+14155550177"], "label": ["", "home"]}
    assert alice.post(path, again | made_of(answer)).status_code == 303
    assert facts(cast)[3] == [("+14155550188", ""), ("+14155550177", "home")]


def test_a_workspaces_settings(cast: Any, two: Any) -> None:
    alice, ada = two
    alice.post("/settings", ACME)
    shown = ACME | made_of(alice.get("/settings"))
    ada.post("/settings", shown | {"country": "DE", "time_zone": "UTC"})
    alice.post("/settings", shown | {"name": "Acme Inc", "records_calls": ""})
    acme = Tenant.objects.get(pk=cast.acme.pk)
    assert (acme.name, acme.country, acme.records_calls) == ("Acme Inc", "DE", False)
    page = told(answer := alice.post("/settings", shown | {"country": "FR"}))
    assert "Someone changed this to “Germany” in the meantime." in page
    assert Tenant.objects.get(pk=cast.acme.pk).country == "DE"
    assert 'value="UTC" selected' in page and 'value="FR" selected' in page
    again = shown | {"name": "Acme Inc", "records_calls": "", "country": "FR"} | made_of(answer)
    assert alice.post("/settings", again).status_code == 303
    assert Tenant.objects.get(pk=cast.acme.pk).country == "FR"


def test_caller_ids(cast: Any, two: Any) -> None:
    path, (alice, ada) = "/settings/caller-ids", two
    with tenant_transaction(cast.acme.pk):
        for number in ("+12025550101", "+19175550198"):
            PhoneNumber.objects.create(number=number, account_sid=settings.TWILIO_ACCOUNT_SID)
        first, default, last = PhoneNumber.objects.order_by("number")
        make_default(default)
    labels = {f"label-{number.pk}": "" for number in (first, default, last)}
    shown = made_of(page := alice.get(path)) | labels | {"default": str(default.pk)}
    assert f'value="{default.pk}" checked' in page.content.decode(), "not the first of the list"
    ada.post(path, shown | {f"label-{first.pk}": "Hers", "default": str(last.pk)})
    alice.post(path, shown | {f"label-{last.pk}": "Mine"})
    with tenant_transaction(cast.acme.pk):
        found = PhoneNumber.objects.order_by("number").values_list("label", "is_default")
        assert list(found) == [("Hers", False), ("", False), ("Mine", True)]
    page = told(alice.post(path, shown | {"default": str(first.pk), f"label-{first.pk}": "Mine"}))
    assert "Someone changed this to “Hers”" in page and "555-0198” in the meantime" in page
    assert f'value="{first.pk}" checked' in page
    shown = made_of(alice.get(path)) | {f"label-{first.pk}": "Ours", "default": str(last.pk)}
    shown |= {f"label-{default.pk}": "", f"label-{last.pk}": "Mine"}
    with tenant_transaction(cast.acme.pk):
        new = PhoneNumber.objects.create(
            number="+13105550101", label="New", account_sid=settings.TWILIO_ACCOUNT_SID
        )
    assert alice.post(path, shown).status_code == 303
    with tenant_transaction(cast.acme.pk):
        new.refresh_from_db()
    assert new.label == "New", "of a number that was not there yet the form says nothing"


def test_calling_limits(cast: Any, two: Any) -> None:
    path, (alice, ada) = "/settings/calling-limits", two
    alice.post(path, LIMITS)
    shown = LIMITS | made_of(alice.get(path))
    ada.post(path, shown | {"countries": ["CA", "FR"], "daily_spend": "100.5"})
    alice.post(path, shown | {"countries": ["DE", "IT"], "calls_at_once": "7"})
    with tenant_transaction(cast.acme.pk):
        chosen = limits.chosen()
    assert chosen.countries == ["FR", "IT"], "each removed one and added one"
    assert (str(chosen.daily_spend), chosen.calls_at_once) == ("100.50", 7)
    before = database.rows(type(chosen))
    page = told(alice.post(path, shown | {"daily_spend": "150"}))
    assert "Someone changed this to “100.5” in the meantime." in page and 'value="150"' in page
    assert 'value="FR" checked' in page and 'value="DE" checked' not in page
    assert database.rows(type(chosen)) == before


def test_a_members_role(cast: Any, two: Any) -> None:
    alice, ada = two
    path = f"/settings/members/{cast.bob.pk}"
    shown = {"do": "role", "was": "agent"}
    ada.post(path, shown | {"role": "supervisor"})
    answer = alice.post(path, shown | {"role": "admin"})
    assert answer.status_code == 422
    assert "Someone made this member Supervisor in the meantime." in answer.content.decode()
    assert 'name="was" value="supervisor"' in answer.content.decode()
    with tenant_transaction(cast.acme.pk):
        assert Membership.objects.get(pk=cast.bob.pk).role == "supervisor"
    assert alice.post(path, shown | {"role": "supervisor"}).status_code == 303, "both want it"
    assert alice.post(path, {"do": "role", "role": "agent"}).status_code == 303
