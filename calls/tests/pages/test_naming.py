"""A number that nobody knew becomes a contact, and its calls are that contact's."""

from typing import Any

from calls.facts import states
from calls.models import CallLog
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import Scene
from contacts.models import Contact
from tenants.fence.context import tenant_transaction

NUMBER = "+14155550166"
LINK = "/contacts/new?number=%2B14155550166"


def test_it_can_be_added_from_the_history_and_the_call(cast: Any, signed_in: Any) -> None:
    bob = signed_in(cast.bob)
    call = an_outbound_call(cast.acme, to_number=NUMBER, user=cast.bob.user)
    known = an_outbound_call(cast.acme, contact=cast.acme_maria)
    odd = an_outbound_call(cast.acme, to_number="client:x")
    assert bob.get("/calls").content.decode().count("/contacts/new?number=") == 1
    assert LINK in bob.get("/calls").content.decode()
    assert LINK in bob.get(f"/calls/{call.pk}").content.decode()
    for other in (known, odd):
        assert "/contacts/new?number=" not in bob.get(f"/calls/{other.pk}").content.decode()
    assert 'value="(415) 555-0166"' in bob.get(LINK).content.decode()
    assert 'value="&lt;b&gt;"' in bob.get("/contacts/new?number=<b>").content.decode()


def test_from_the_panel_too_and_the_call_becomes_the_contacts(
    dialled: Scene, cast: Any, signed_in: Any
) -> None:
    bob = signed_in(cast.bob)
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.update(contact=None, to_number=NUMBER, extension="12")
    dialled.hear(states.CALL, "in-progress", dialled.contact_leg)
    where = f"/calls/active?request={dialled.request_id}"
    assert f"{LINK}%3Bext%3D12" in bob.get(where).content.decode()
    with tenant_transaction(cast.acme.pk):
        unknown = an_outbound_call(cast.acme, to_number="+14155550167")
        inbound = an_outbound_call(
            cast.acme, direction="INBOUND", from_number=NUMBER, to_number="+14155550199"
        )
        of_maria = an_outbound_call(cast.acme, to_number=NUMBER, contact=cast.acme_maria)
    theirs = an_outbound_call(cast.borealis, to_number=NUMBER)
    form = {"name": "Ann", "company": "", "email": "", "number": "415-555-0166 x12", "label": ""}
    assert bob.post("/contacts/new", form).status_code == 303
    with tenant_transaction(cast.acme.pk):
        ann = Contact.objects.get(name="Ann")
        assert {*ann.calls.values_list("pk", flat=True)} == {dialled.fresh().pk, inbound.pk}
        of_maria.refresh_from_db()
        unknown.refresh_from_db()
        assert of_maria.contact_id == cast.acme_maria.pk and unknown.contact_id is None
    with tenant_transaction(cast.borealis.pk):
        theirs.refresh_from_db()
        assert theirs.contact_id is None
    panel = bob.get(where).content.decode()
    assert f"/contacts/{ann.pk}" in panel and "Open contact" in panel
    form["number"] = "415-555-0167"
    assert bob.post(f"/contacts/{ann.pk}/edit", form).status_code == 303
    with tenant_transaction(cast.acme.pk):
        unknown.refresh_from_db()
        assert unknown.contact_id == ann.pk


def test_who_has_it_already_is_said_while_it_is_typed(cast: Any, signed_in: Any) -> None:
    bob = signed_in(cast.bob)

    def said(**asked: str) -> str:
        return str(bob.get("/contacts/alike", asked).content.decode())

    assert "Maria of Acme</a> already has this number." in said(number="(415) 555-0100 x7")
    with tenant_transaction(cast.acme.pk):
        Contact.objects.filter(name="Maria of Acme").update(folded_email="m@x.example")
    assert "already has this email." in said(email=" M@x.example ")
    assert not said(number="(415) 555-0100", of=str(cast.acme_maria.pk)).strip()
    for nothing in ({}, {"number": "415"}, {"number": "+442079460100"}, {"email": ""}):
        assert not said(**nothing).strip()
    assert "Maria" in said(number="(415) 555-0100", of="nonsense")
