"""Signing in by two steps, as people do it in Chromium: wide and narrow, light and dark."""

import re
from base64 import b32decode
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tenants.fence.context import tenant_transaction
from tenants.people import services
from tenants.tests.signing_in.second_factors import code_for, code_of, give
from voip_crm.tests.cast import PASSWORD
from voip_crm.tests.test_pages_in_browser import (
    NARROW,
    WIDE,
    assert_accessible,
    calls_are_shown,
    forget_session,
)


def password_step(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.allow_console("422|429")
def test_a_second_factor_is_set_up_used_and_turned_off(open_page: Any, committed_cast: Any) -> None:
    page = open_page(**NARROW)
    password_step(page, "charlie@borealis.example")
    calls_are_shown(page)
    page.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="Charlie").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Turn on").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    secret = b32decode((page.locator(".secret").text_content() or "").replace(" ", ""))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("alert")).to_contain_text("Wrong code")
    expect(page.get_by_label("Code")).to_be_focused()
    assert_accessible(page)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Code").fill(code_for(secret, seconds=5))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Your backup codes")).to_be_visible()
    backup = page.locator(".backup-codes li").all_text_contents()
    assert_accessible(page)
    page.get_by_role("link", name="I’ve saved them").click()
    expect(page.get_by_text("10 backup codes left")).to_be_visible()
    assert page.evaluate("window.sameDocument") is True  # a call would have gone on
    page.get_by_role("button", name="Sign out").click()

    password_step(page, "charlie@borealis.example")
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    expect(page.get_by_label("Code")).to_be_focused()
    assert_accessible(page)
    page.goto("/contacts")  # not yet
    expect(page).to_have_url(re.compile("/sign-in/code"))
    page.get_by_label("Code").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Wrong code")
    assert_accessible(page)
    page.get_by_label("Code").fill(code_for(secret, 1, seconds=5))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Contacts", level=1)).to_be_visible()

    page.goto("/account")
    page.get_by_label("Password").fill("wrong")
    page.get_by_label("Code").fill(backup[0])
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("alert")).to_contain_text("Wrong password")
    assert_accessible(page)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Code").fill(backup[0])
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("Two-factor sign-in is off.", exact=True)).to_be_visible()


@pytest.mark.allow_console("429")
def test_a_workspace_leads_its_members_to_the_set_up_and_too_many_failures_wait(
    open_page: Any, committed_cast: Any
) -> None:
    acme = committed_cast.acme
    acme.requires_second_factor = True
    acme.save()
    page = open_page(**WIDE)
    password_step(page, "bob@acme.example")
    expect(page.get_by_role("heading", name="Set up two-factor sign-in")).to_be_visible()
    assert_accessible(page)
    secret = b32decode((page.locator(".secret").text_content() or "").replace(" ", ""))
    page.get_by_label("Code").fill(code_for(secret, seconds=5))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Your backup codes")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="I’ve saved them").click()
    calls_are_shown(page)
    forget_session(page)
    for _ in range(5):
        password_step(page, "bob@acme.example", "wrong")
        expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Try again in 15 minutes.")
    assert_accessible(page)


@pytest.mark.allow_console("403")
def test_the_page_of_a_removed_member_leaves_by_itself(open_page: Any, committed_cast: Any) -> None:
    bob, alice = open_page(), open_page()
    for page, email in ((bob, "bob@acme.example"), (alice, "alice@acme.example")):
        password_step(page, email)
        calls_are_shown(page)
        connection = page.locator("[data-ready=connection] [data-ready-word]")
        expect(connection).to_have_text("Live")  # its stream is open
    alice.evaluate("window.sameDocument = true")
    with tenant_transaction(committed_cast.acme.pk):
        services.set_active(committed_cast.bob, False)
    expect(bob.get_by_role("heading", name="You’re not in a workspace yet")).to_be_visible()
    committed_cast.alice.user.is_active = False
    committed_cast.alice.user.save()
    expect(alice.get_by_role("heading", name="Sign in")).to_be_visible()
    assert alice.evaluate("window.sameDocument") is None


def test_a_session_is_ended_from_another_browser_and_its_page_leaves(
    open_page: Any, committed_cast: Any
) -> None:
    desk, phone = open_page(**NARROW), open_page(user_agent="Firefox/127.0 (Android 14; Mobile)")
    for page in (desk, phone):
        password_step(page, "bob@acme.example")
        calls_are_shown(page)
        connection = page.locator("[data-ready=connection] [data-ready-word]")
        expect(connection).to_have_text("Live")  # its stream is open
    desk.get_by_role("link", name="Bob").click()
    desk.evaluate("window.sameDocument = true")
    session = desk.get_by_role("listitem").filter(has_text="Firefox on Android")
    expect(session).to_contain_text("Last used: Today")
    assert_accessible(desk)
    session.get_by_role("button", name="End session").click()
    expect(desk.get_by_text("Firefox on Android is signed out.")).to_be_visible()
    expect(session).to_have_count(0)
    expect(phone.get_by_role("heading", name="Sign in")).to_be_visible()
    assert desk.evaluate("window.sameDocument") is True  # a call would have gone on


def test_the_step_after_the_password_serves_the_admin_too(page: Page, committed_cast: Any) -> None:
    alice = committed_cast.alice.user
    alice.is_staff = True
    alice.save()
    give(alice)
    page.goto("/admin/")
    page.get_by_label("Email").fill("alice@acme.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code").fill(code_of(alice))
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Tables")).to_be_visible()
