"""A call's note in Chromium: kept as it is typed, whatever comes meanwhile and whoever writes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from calls.facts import states
from calls.models import CallLog
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import dial, scene_of
from tenants.fence.context import tenant_transaction
from voip_crm.tests.cast import PASSWORD
from voip_crm.tests.test_flow import harness_wait, sign_in
from voip_crm.tests.test_pages_in_browser import NARROW, assert_accessible


def note(page: Page) -> Any:
    return page.get_by_role("textbox", name="Note")


def kept(call: CallLog) -> str:
    with tenant_transaction(call.tenant_id):
        return str(CallLog.objects.get(pk=call.pk).notes)


@pytest.mark.parametrize("narrow", [False, True])
def test_it_is_typed_during_the_call_and_stays_when_the_call_moves_on(
    open_page: Callable[..., Page], committed_cast: Any, narrow: bool
) -> None:
    scene = dial(scene_of(committed_cast.bob), committed_cast)
    call = scene.fresh()
    bob = open_page(**(NARROW if narrow else {}))
    sign_in(bob, "bob@acme.example", PASSWORD)
    panel = bob.get_by_role("region", name="Active call")
    panel.get_by_role("button", name="Note").click()
    expect(note(bob)).to_be_focused()
    assert_accessible(bob)
    bob.keyboard.type("Wants an offer")
    scene.hear(states.CALL, "in-progress", scene.contact_leg)
    expect(panel.get_by_role("status").first).to_have_text("In call")
    expect(note(bob)).to_be_focused()
    bob.keyboard.type(" for 20 seats")
    harness_wait(bob, lambda: kept(call) == "Wants an offer for 20 seats")
    saved = bob.get_by_text("Saved", exact=True)
    expect(saved).to_be_visible()
    bob.keyboard.type(",")
    expect(saved).to_have_count(0)
    bob.keyboard.press("Backspace")
    expect(saved).to_be_visible()
    scene.hear(states.CALL, "completed", scene.contact_leg)
    expect(panel.get_by_role("button", name="Close")).to_be_visible()
    bob.keyboard.type(".")
    # Nobody waits for it to be kept: to leave the field is enough.
    panel.get_by_role("button", name="Close").click()
    harness_wait(bob, lambda: kept(call) == "Wants an offer for 20 seats.")
    row = bob.locator(f"#call_{call.pk}")
    expect(row).to_contain_text("Wants an offer for 20 seats.")
    row.locator(".who").click()
    expect(note(bob)).to_have_value("Wants an offer for 20 seats.")
    expect(bob.get_by_text("Last changed by Bob, Today")).to_be_visible()
    assert_accessible(bob)


@pytest.mark.allow_console(r"status of 409")
def test_two_who_write_at_once_lose_nothing(
    open_page: Callable[..., Page], committed_cast: Any
) -> None:
    call = an_outbound_call(committed_cast.acme, contact=committed_cast.acme_maria)
    alice, bob = open_page(), open_page()
    for page, name in ((alice, "alice"), (bob, "bob")):
        sign_in(page, f"{name}@acme.example", PASSWORD)
        page.goto(f"/calls/{call.pk}")
    note(bob).fill("Bob’s words")
    expect(bob.get_by_text("Saved", exact=True)).to_be_visible()
    note(alice).fill("Alice’s words")
    told = alice.get_by_text("Not saved: Bob has changed this note meanwhile. It says now:")
    expect(told).to_be_visible()
    expect(alice.locator(".note-theirs")).to_have_text("Bob’s words")
    assert_accessible(alice)
    assert kept(call) == "Bob’s words"
    # What is typed last goes along with the press that leaves the field.
    note(alice).press_sequentially(", and Bob’s")
    alice.get_by_role("button", name="Save mine instead").click()
    harness_wait(alice, lambda: kept(call) == "Alice’s words, and Bob’s")
    expect(alice.get_by_text("Saved", exact=True)).to_be_visible()
    expect(told).to_have_count(0)
    note(alice).press_sequentially(".")
    harness_wait(alice, lambda: kept(call) == "Alice’s words, and Bob’s.")


@pytest.mark.allow_console("ERR_INTERNET_DISCONNECTED|Failed to fetch")
def test_what_finds_no_way_is_not_called_saved_and_is_sent_again(
    open_page: Callable[..., Page], committed_cast: Any
) -> None:
    call = an_outbound_call(committed_cast.acme)
    page = open_page()
    sign_in(page, "bob@acme.example", PASSWORD)
    page.goto(f"/calls/{call.pk}")
    note(page).fill("Call again")
    saved = page.get_by_text("Saved", exact=True)
    expect(saved).to_be_visible()
    page.context.set_offline(True)
    note(page).press_sequentially(" on Friday")
    expect(saved).to_have_count(0)
    expect(page.get_by_text("Not saved yet. Trying again.")).to_be_visible()
    page.context.set_offline(False)
    expect(saved).to_be_visible()
    expect(page.get_by_text("Not saved yet.")).to_have_count(0)
    assert kept(call) == "Call again on Friday"
    # A page that is left at once takes its last words along.
    note(page).press_sequentially(" at ten")
    page.goto("about:blank")
    harness_wait(page, lambda: kept(call) == "Call again on Friday at ten")


def test_without_scripts_it_has_a_button(
    open_page: Callable[..., Page], committed_cast: Any
) -> None:
    call = an_outbound_call(committed_cast.acme, started_at=timezone.now())
    page = open_page(java_script_enabled=False)
    sign_in(page, "bob@acme.example", PASSWORD)
    page.goto(f"/calls/{call.pk}")
    note(page).fill("Call again")
    form = page.get_by_role("region", name="Note")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Note saved.")).to_be_visible()
    expect(note(page)).to_have_value("Call again")
