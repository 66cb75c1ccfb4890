"""Who takes care of a contact: chosen among the active members, and kept when they leave."""

import html
import re
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from contacts import selectors
from contacts.models import Contact
from contacts.services import create_contact, set_owner
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry
from tenants.people.services import set_active
from tenants.trail.audit import Action

BOOK = {"name": "Zoë Müller", "company": "Optik", "email": "zoe@optik.example"}


def sent(contact: Contact, **more: Any) -> dict[str, Any]:
    with tenant_transaction(contact.tenant_id):
        numbers = list(contact.numbers.values_list("number", "label"))
    fields = {"name": contact.name, "company": contact.company, "email": contact.email}
    of_numbers = {"number": [n for n, _ in numbers], "label": [label for _, label in numbers]}
    return fields | of_numbers | more


def made_of(answer: Any) -> dict[str, str]:
    (found,) = re.findall('name="made_of" value="([^"]*)"', answer.content.decode())
    return {"made_of": html.unescape(found)}


def owner_of(contact: Contact) -> Any:
    with tenant_transaction(contact.tenant_id):
        return Contact.objects.get(pk=contact.pk).owner_id


def test_an_owner_is_chosen_shown_and_taken_away_again(cast: Any, signed_in: Any) -> None:
    bob, maria = signed_in(cast.bob), cast.acme_maria
    answer = bob.post("/contacts/new", BOOK | {"owner": str(cast.alice.user_id)}, follow=True)
    assert "<h3>Owner</h3>" in (page := answer.content.decode()) and "Alice" in page
    path = f"/contacts/{maria.pk}/edit"
    assert "<h3>Owner</h3>" not in bob.get(f"/contacts/{maria.pk}").content.decode()
    shown = made_of(bob.get(path))
    assert bob.post(path, sent(maria, owner=str(cast.bob.user_id)) | shown).status_code == 303
    assert owner_of(maria) == cast.bob.user_id
    with tenant_transaction(cast.acme.pk):
        entry = AuditEntry.objects.filter(action=Action.CONTACT_CHANGED).latest("pk")
    assert entry.details == {"fields": "owner"}
    shown = made_of(page := bob.get(path))
    assert f'value="{cast.bob.user_id}" selected' in page.content.decode()
    assert bob.post(path, sent(maria, owner="") | shown).status_code == 303
    assert owner_of(maria) is None


@pytest.mark.parametrize("whose", ["charlie", "nobody"])
def test_only_an_active_member_is_chosen(cast: Any, signed_in: Any, whose: str) -> None:
    with tenant_transaction(cast.acme.pk):
        set_active(cast.bob, False)
    wrong = {"charlie": str(cast.charlie.user_id), "nobody": "x"}[whose]
    for owner in (wrong, str(cast.bob.user_id)):
        answer = signed_in(cast.alice).post("/contacts/new", BOOK | {"owner": owner})
        assert answer.status_code == 422
        assert "Choose an active member." in answer.content.decode()


def test_the_database_itself_takes_no_owner_of_elsewhere(committed_cast: Any) -> None:
    cast = committed_cast
    with pytest.raises(IntegrityError), transaction.atomic(), tenant_transaction(cast.acme.pk):
        set_owner(cast.acme_maria, cast.charlie.user_id)
        connection.check_constraints()


def test_who_is_deactivated_stays_the_owner_and_is_said_to_be(cast: Any, signed_in: Any) -> None:
    maria, alice = cast.acme_maria, signed_in(cast.alice)
    with tenant_transaction(cast.acme.pk):
        set_owner(maria, cast.bob.user_id)
        set_active(cast.bob, False)
    assert "Bob (deactivated)" in alice.get(f"/contacts/{maria.pk}").content.decode()
    page = alice.get(path := f"/contacts/{maria.pk}/edit")
    assert "Bob (deactivated)</option>" in page.content.decode()
    fields = sent(maria, owner=str(cast.bob.user_id)) | made_of(page) | {"company": "Moon"}
    assert alice.post(path, fields).status_code == 303
    assert owner_of(maria) == cast.bob.user_id
    assert "Bob" not in alice.get("/contacts/new").content.decode()


def test_two_who_choose_are_asked(cast: Any, signed_in: Any) -> None:
    maria, path = cast.acme_maria, f"/contacts/{cast.acme_maria.pk}/edit"
    shown = made_of(signed_in(cast.alice).get(path))
    signed_in(cast.bob).post(path, sent(maria, owner=str(cast.bob.user_id)) | shown)
    alice = signed_in(cast.alice)
    answer = alice.post(path, sent(maria, owner=str(cast.alice.user_id)) | shown)
    assert answer.status_code == 422
    assert "Someone changed this to “Bob” in the meantime." in answer.content.decode()
    assert owner_of(maria) == cast.bob.user_id
    again = sent(maria, owner=str(cast.alice.user_id)) | made_of(answer)
    assert alice.post(path, again).status_code == 303
    assert owner_of(maria) == cast.alice.user_id


def test_my_contacts_are_a_list_of_their_own(cast: Any, signed_in: Any) -> None:
    bob = signed_in(cast.bob)
    assert "No contacts of yours yet." in bob.get("/contacts?mine=1").content.decode()
    with tenant_transaction(cast.acme.pk):
        create_contact(cast.acme, name="Hers", owner_id=cast.alice.user_id)
        mine = [
            create_contact(cast.acme, name=f"Mine {n:02}", owner_id=cast.bob.user_id)
            for n in range(selectors.PAGE_SIZE + 1)
        ]
        page = selectors.contact_page(owner_id=cast.bob.user_id)
        rest = selectors.contact_page(owner_id=cast.bob.user_id, after=page.next_cursor)
        assert [*page.contacts, *rest.contacts] == mine
    page = bob.get("/contacts?mine=1").content.decode()
    assert "Mine 00" in page and "Hers" not in page and "Maria" not in page
    assert "&amp;mine=1" in page, "the rest of the list is of them, too"
    assert "Hers" in bob.get("/contacts?mine=1&q=hers").content.decode(), "a search is of all"
    file = b"".join(signed_in(cast.alice).get("/contacts/export?mine=1").streaming_content)
    assert b"Hers" in file and b"Mine" not in file
