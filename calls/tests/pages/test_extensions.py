"""An extension: kept with the contact and the call, sent once, by the browser with the sound."""

import uuid
from typing import Any

import pytest
from django.test import Client

from calls.facts import states
from calls.models import CallLog
from calls.services.dialing import choose_target
from calls.services.whose import Target
from calls.tests.conftest import Scene
from contacts.models import Contact
from contacts.services import create_contact, update_contact
from tenants.fence.context import tenant_transaction

MAIN = "+14155550160"


@pytest.fixture
def ann(cast: Any) -> Contact:
    with tenant_transaction(cast.acme.pk):
        return create_contact(
            cast.acme, name="Ann", numbers=[(f"{MAIN};ext=12", "desk"), (f"{MAIN};ext=13", "lab")]
        )


@pytest.mark.parametrize(
    ("to", "chosen", "extension"),
    [
        ("", True, "12"),
        (f"{MAIN};ext=13", True, "13"),
        ("415-555-0160 x 14", True, "14"),
        ("(415) 555-0160", True, ""),
        ("(415) 555-0160 ext. 15", False, "15"),
        (MAIN, False, ""),
    ],
)
def test_whom_to_call_has_an_extension(
    cast: Any, ann: Contact, to: str, chosen: bool, extension: str
) -> None:
    with tenant_transaction(cast.acme.pk):
        target = choose_target(cast.acme, to=to, contact_id=ann.pk if chosen else None)
    assert target == Target(MAIN, extension, ann)


def test_a_contact_has_one_number_with_several_extensions(cast: Any, ann: Contact) -> None:
    with tenant_transaction(cast.acme.pk):
        kept = ann.numbers.get(extension="13")
        update_contact(
            ann, name="Ann", company="", email="", numbers=[(f"{MAIN};ext=13", "lab"), (MAIN, "")]
        )
        rows = [(row.full, row.position) for row in ann.numbers.order_by("position")]
        assert rows == [(f"{MAIN};ext=13", 0), (MAIN, 1)]
        assert ann.numbers.get(extension="13").pk == kept.pk


def test_pages_show_and_dial_it(cast: Any, ann: Contact, signed_in: Any) -> None:
    bob = signed_in(cast.bob)
    for path in ("/contacts?q=ann", f"/contacts/{ann.pk}", "/contacts/suggest?q=ann"):
        page = bob.get(path).content.decode()
        assert "(415) 555-0160 x12" in page and f"{MAIN};ext=12" in page, path
    form = bob.get(f"/contacts/{ann.pk}/edit").content.decode()
    assert 'value="(415) 555-0160 x12"' in form
    for text in ("5550160", "415-555-0160"):
        assert "Ann" in bob.get("/contacts", {"q": text}).content.decode()


@pytest.fixture
def talking(dialled: Scene, cast: Any) -> Scene:
    """Bob's call to Maria's extension 12 has been answered."""
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.update(extension="12")
    dialled.hear(states.CALL, "in-progress", dialled.contact_leg)
    return dialled


def ask(client: Client, request_id: uuid.UUID) -> str:
    answer = client.post("/calls/extension", {"request": str(request_id)})
    assert answer.status_code == 200
    return str(answer.json()["digits"])


def panel(client: Client, request_id: uuid.UUID) -> str:
    return str(client.get("/calls/active", {"request": str(request_id)}).content.decode())


def test_it_is_sent_once(talking: Scene, cast: Any, signed_in: Any) -> None:
    bob = signed_in(cast.bob)
    before = panel(bob, talking.request_id)
    assert "data-extension-due" in before and "Extension 12" in before
    assert "(415) 555-0100 x12" in before
    assert ask(bob, talking.request_id) == "wwww12"
    assert ask(bob, talking.request_id) == ""
    after = panel(bob, talking.request_id)
    assert "data-extension-due" not in after and 'data-digit="12"' in after
    assert "(415) 555-0100 x12" in bob.get(f"/calls/{talking.fresh().pk}").content.decode()


def test_it_is_not_sent_before_the_answer_nor_after_the_end(
    dialled: Scene, cast: Any, signed_in: Any
) -> None:
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.update(extension="12")
    bob = signed_in(cast.bob)
    dialled.hear(states.CALL, "ringing", dialled.contact_leg)
    assert "data-extension-due" not in panel(bob, dialled.request_id)
    assert ask(bob, dialled.request_id) == ""
    dialled.hear(states.CALL, "in-progress", dialled.contact_leg)
    dialled.hear(states.CALL, "completed", dialled.contact_leg, duration=1)
    assert ask(bob, dialled.request_id) == ""


def test_nobody_else_is_told_of_it(talking: Scene, cast: Any, signed_in: Any) -> None:
    assert ask(signed_in(cast.alice), talking.request_id) == ""
    assert ask(signed_in(cast.charlie), talking.request_id) == ""
    assert signed_in(cast.bob).post("/calls/extension", {"request": "x"}).status_code == 404
    assert ask(signed_in(cast.bob), talking.request_id) == "wwww12"


def test_a_call_without_one_has_nothing_to_send(dialled: Scene, cast: Any, signed_in: Any) -> None:
    dialled.hear(states.CALL, "in-progress", dialled.contact_leg)
    bob = signed_in(cast.bob)
    assert "xtension" not in panel(bob, dialled.request_id)
    assert ask(bob, dialled.request_id) == ""


def test_a_repeated_request_is_for_the_same_extension(
    talking: Scene, cast: Any, signed_in: Any
) -> None:
    bob = signed_in(cast.bob)
    body = {"clientRequestId": str(talking.request_id), "to": "+14155550100"}
    answers = [
        bob.post("/api/twilio/make-call", body | {"to": to}, content_type="application/json")
        for to in ("+14155550100", "+14155550100 x12")
    ]
    assert [answer.status_code for answer in answers] == [422, 200]
    listed = bob.get("/api/twilio/call-logs").json()
    assert [call["extension"] for call in listed["data"]] == ["12"]
