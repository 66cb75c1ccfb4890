"""A member is deactivated in the middle of a call: the page leaves, the contact is not alone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from voip_crm.tests import cast as company
from voip_crm.tests import harness
from voip_crm.tests.test_flow import dial, expect_status, sign_in

# 422 is the question; the page that leaves asks once more what it may not have any more.
pytestmark = pytest.mark.allow_console(r"status of (422|409|403|401)")


@pytest.mark.parametrize("choice", ["Deactivate and end the call", "Deactivate, let them finish"])
def test_the_page_of_a_deactivated_member_leaves(
    open_page: Callable[..., Page],
    committed_cast: Any,
    site: harness.Site,
    eventually: Any,
    choice: str,
) -> None:
    bob, alice = open_page(), open_page()
    sign_in(bob, "bob@acme.example", company.PASSWORD)
    sign_in(alice, "alice@acme.example", company.PASSWORD)
    dial(bob, "+14155550101")
    expect_status(bob, "In call")
    (contact,) = [
        call["sid"]
        for call in site.sandbox.state()["calls"]
        if call["to"] == "+14155550101" and call["status"] == "in-progress"
    ]
    alice.goto("/settings/members")
    alice.get_by_role("button", name="Deactivate Bob").click()
    expect(alice.get_by_role("alert")).to_contain_text("Bob is in a call with")
    alice.get_by_role("button", name=choice).click()
    expect(alice.get_by_text("Bob is deactivated.")).to_be_visible()

    def contact_status() -> str:
        calls = {call["sid"]: call["status"] for call in site.sandbox.state()["calls"]}
        return str(calls[contact])

    if choice.endswith("finish"):
        expect(bob.get_by_text("You have been signed out.")).to_be_visible()
        assert contact_status() == "in-progress"
        bob.get_by_role("button", name="End call").click()
    expect(bob.locator("#call_panel")).to_have_count(0)  # another page
    eventually(lambda: contact_status() == "completed")


@pytest.mark.allow_console("503")
def test_it_asks_first_and_can_be_undone_from_its_toast(
    open_page: Callable[..., Page], committed_cast: Any, site: harness.Site
) -> None:
    cast, alice = committed_cast, open_page()
    sign_in(alice, "alice@acme.example", company.PASSWORD)
    alice.goto("/settings/members")
    bob = alice.locator(f"#member_{cast.bob.pk}")
    bob.get_by_role("button", name="Deactivate Bob").click()
    expect(bob.get_by_role("alert")).to_contain_text("Deactivate Bob?")
    expect(bob.get_by_role("link", name="Cancel")).to_be_focused()
    bob.get_by_role("link", name="Cancel").click()
    expect(bob.get_by_role("alert")).to_have_count(0)
    bob.get_by_role("button", name="Deactivate Bob").click()
    bob.get_by_role("button", name="Deactivate", exact=True).click()
    expect(bob.get_by_text("Deactivated")).to_be_visible()
    toast = alice.locator("#toasts [data-toast]")
    undo = toast.get_by_role("button", name="Undo")
    alice.route("**/settings/members/*", lambda route: route.fulfill(status=503))
    undo.click()
    expect(alice.get_by_text("That didn’t work.")).to_be_visible()
    alice.unroute_all()
    undo.click()  # it is still there
    expect(alice.get_by_text("Bob is reactivated.")).to_be_visible()
    expect(bob.get_by_text("Deactivated")).to_have_count(0)
    expect(toast.get_by_role("button", name="Undo")).to_have_count(0)
    alice.goto(f"/contacts/{cast.acme_maria.pk}")
    alice.get_by_role("button", name="Archive").click()
    expect(alice.get_by_text("Archived:")).to_be_visible()
    toast.get_by_role("button", name="Undo").click()
    expect(alice.get_by_text("Archived:")).to_have_count(0)
