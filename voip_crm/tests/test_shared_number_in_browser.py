"""A number of several contacts in Chromium: who it was is said in the history, and seen at once."""

import uuid
from collections.abc import Callable
from typing import Any

from django.utils import timezone
from playwright.sync_api import Page, expect

from calls.models import Conference
from calls.services import whose
from calls.tests.builders import an_outbound_call
from contacts.numbers import Number
from contacts.services import create_contact
from tenants.fence.context import tenant_transaction
from voip_crm.tests.cast import PASSWORD
from voip_crm.tests.test_flow import sign_in
from voip_crm.tests.test_pages_in_browser import assert_accessible

NUMBER = "+14155550177"


def test_who_it_was_is_chosen_by_keyboard_and_shown_in_every_open_page(
    open_page: Callable[..., Page], committed_cast: Any
) -> None:
    cast = committed_cast
    with tenant_transaction(cast.acme.pk):
        for name in ("Ana Ruiz", "Juan Perez"):
            create_contact(cast.acme, name=name, company="Sunrise", numbers=[(NUMBER, "")])
        target = whose.target_of(Number(NUMBER, ""))
        room = Conference.objects.create(agent=cast.bob.user, client_request_id=uuid.uuid4())
    call = an_outbound_call(
        cast.acme,
        to_number=NUMBER,
        meant=2,
        user=cast.bob.user,
        conference=room,
        status="completed",
        outcome="completed",
        ended_at=timezone.now(),
    )
    with tenant_transaction(cast.acme.pk):
        whose.note_possible(call, target.possible)
    bob, alice = open_page(), open_page()
    sign_in(bob, "bob@acme.example", PASSWORD)
    sign_in(alice, "alice@acme.example", PASSWORD)
    alice.goto(f"/calls/{call.pk}")
    expect(alice.get_by_role("heading", level=1)).to_have_text("Ana Ruiz or Juan Perez")
    alice.get_by_text("Who is it?").click()
    assert_accessible(alice)
    row = bob.locator(f"#call_{call.pk}")
    row.get_by_text("Who is it?").focus()
    bob.keyboard.press("Enter")
    assert_accessible(bob)
    # What is open stays so when news come.
    bob.evaluate("document.body.dispatchEvent(new CustomEvent('live:resync'))")
    row.get_by_role("button", name="Juan Perez Sunrise").focus()
    bob.keyboard.press("Enter")
    expect(bob.get_by_text("This call is with Juan Perez.")).to_be_visible()
    bob.get_by_role("button", name="Undo").hover()  # the message waits for who is about to press
    expect(row.locator(".who")).to_have_text("Juan Perez")
    expect(row.get_by_text("Who is it?")).to_have_count(0)
    expect(alice.get_by_role("heading", level=1)).to_have_text("Juan Perez")
    bob.get_by_role("button", name="Undo").click()
    expect(row.locator(".who")).to_have_text("Ana Ruiz or Juan Perez")
    row.get_by_text("Who is it?").click()
    row.get_by_role("button", name="Ana Ruiz Sunrise").click()
    row.get_by_role("link", name="View contact").click()
    expect(bob.get_by_role("heading", level=1)).to_have_text("Ana Ruiz")
