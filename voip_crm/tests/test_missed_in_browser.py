"""Calls that came in, in Chromium: what is to be returned counts down in every open page."""

import io
import wave
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from calls.models import BlockedCaller, Recording
from calls.tests.builders import a_missed_call, a_voicemail
from tenants.fence.context import tenant_transaction
from voip_crm.tests.cast import ACME_MARIA, PASSWORD
from voip_crm.tests.harness import wait_until
from voip_crm.tests.test_flow import sign_in
from voip_crm.tests.test_pages_in_browser import assert_accessible

STRANGER = "+14155550142"


def sound() -> bytes:
    """Two seconds of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(8000)
        made.writeframes(bytes(32000))
    return file.getvalue()


@pytest.fixture
def two(open_page: Callable[..., Page], committed_cast: Any) -> tuple[Page, Page]:
    """Bob's and Alice's calls pages, on which three calls are to be returned."""
    cast = committed_cast
    for ago in (3, 9):
        a_missed_call(cast.acme, from_number=STRANGER, ago=ago)
    a_missed_call(cast.acme, from_number=ACME_MARIA, contact=cast.acme_maria)
    a_missed_call(cast.acme, from_number="anonymous", ago=7)
    bob, alice = open_page(), open_page()
    sign_in(bob, "bob@acme.example", PASSWORD)
    sign_in(alice, "alice@acme.example", PASSWORD)
    return bob, alice


def test_what_is_done_counts_down_in_every_open_page(two: tuple[Page, Page]) -> None:
    bob, alice = two
    alice.get_by_role("link", name="Outbound", exact=True).click()
    expect(alice.locator("#to_return")).to_have_text("4 to return")
    bob.get_by_role("link", name="Missed", exact=True).click()
    expect(bob.locator("#history_rows tr")).to_have_count(4)
    expect(bob.get_by_text("Hidden number")).to_be_visible()
    assert_accessible(bob)
    bob.get_by_role("link", name="4 to return").click()
    # The list of missed calls has the same buttons, and goes with the answer.
    expect(bob.locator("#to_return")).to_have_attribute("aria-current", "true")
    bob.get_by_role("button", name="Mark as done: (415) 555-0142").first.focus()
    bob.keyboard.press("Enter")
    expect(bob.get_by_text("2 missed calls marked as done.")).to_be_visible()
    bob.get_by_role("button", name="Undo").hover()  # the message waits for who is about to press
    expect(bob.locator("#history_rows tr")).to_have_count(2)
    for page in (bob, alice):
        expect(page.locator("#to_return")).to_have_text("2 to return")
    bob.get_by_role("button", name="Undo").click()
    expect(bob.locator("#history_rows tr")).to_have_count(4)
    expect(alice.locator("#to_return")).to_have_text("4 to return")


@pytest.mark.allow_console(r"status of 409")  # the shim asks again until the agent is in the room
def test_who_is_called_back_is_returned(two: tuple[Page, Page]) -> None:
    bob, alice = two
    alice.get_by_role("link", name="4 to return").click()
    expect(alice.locator("#history_rows tr")).to_have_count(4)
    bob.get_by_role("button", name="Call back Maria of Acme").click()
    expect(alice.locator("#to_return")).to_have_text("3 to return")
    expect(alice.get_by_role("button", name="Call back Maria of Acme")).to_have_count(0)
    expect(bob.locator("#to_return")).to_have_text("3 to return")


def test_a_voicemail_is_new_until_it_sounds(
    open_page: Callable[..., Page], committed_cast: Any
) -> None:
    cast = committed_cast
    message = a_voicemail(cast.acme, audio=sound(), from_number=STRANGER)
    bob, alice = open_page(), open_page()
    sign_in(bob, "bob@acme.example", PASSWORD)
    sign_in(alice, "alice@acme.example", PASSWORD)
    alice.goto(f"/calls/{message.call_id}")
    expect(alice.get_by_text("Not heard yet")).to_be_visible()
    assert_accessible(alice)
    row = bob.locator(f"#call_{message.call_id}")
    expect(row.get_by_text("Not heard yet")).to_be_visible()

    def heard() -> Any:
        with tenant_transaction(cast.acme.pk):
            return Recording.objects.get(pk=message.pk).heard_by_id

    assert heard() is None
    row.get_by_role("button", name="Play voicemail").click()
    wait_until(lambda: heard() == cast.bob.user_id)
    expect(row.get_by_text("Not heard yet")).to_have_count(0)
    expect(row.locator("audio")).to_have_attribute("aria-label", "Voicemail from (415) 555-0142")
    expect(alice.get_by_text("First heard by Bob")).to_be_visible()
    assert_accessible(bob)


def test_a_caller_is_blocked_and_unblocked(two: tuple[Page, Page], committed_cast: Any) -> None:
    bob, alice = two
    bob.locator(".who", has_text="(415) 555-0142").first.click()
    bob.locator("summary", has_text="Block this number").click()
    bob.get_by_label("Reason").fill("spam")
    assert_accessible(bob)
    bob.get_by_role("button", name="Block this number").click()
    expect(bob.get_by_text("This number is blocked")).to_be_visible()
    alice.goto("/settings/blocked-callers")
    assert_accessible(alice)
    alice.get_by_role("button", name="Unblock (415) 555-0142").click()
    expect(alice.get_by_text("No blocked numbers.")).to_be_visible()
    with tenant_transaction(committed_cast.acme.pk):
        assert not BlockedCaller.objects.exists()


def test_an_unknown_caller_becomes_a_contact(two: tuple[Page, Page]) -> None:
    bob, alice = two
    bob.get_by_role("link", name="Add as contact: (415) 555-0142").first.click()
    bob.get_by_label("Name", exact=True).fill("Nora")
    bob.get_by_label("Owner").select_option(label="Bob")
    assert_accessible(bob)
    bob.get_by_role("button", name="Save contact").click()
    expect(bob.get_by_role("heading", level=3, name="Owner")).to_be_visible()
    expect(alice.locator(".who", has_text="Nora")).to_have_count(2)
