"""The phone on the page: readiness that explains itself, shortcuts, and nothing that axe minds."""

import os
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from voip_crm.tests.test_pages_in_browser import (
    NARROW,
    assert_accessible,
    embedded,
    search_field,
    sign_in,
)

CALLED = "+14155550101"


def readiness(page: Page) -> Any:
    return page.locator("#readiness")


@embedded
@pytest.mark.allow_console("ERR_INTERNET_DISCONNECTED|Failed to load")
def test_readiness_says_what_is_and_follows_what_changes(page: Page) -> None:
    page.add_init_script(
        "window.told = Object.assign(new EventTarget(), {state: 'granted'});"
        "navigator.permissions.query = async () => window.told;"
    )
    sign_in(page)
    summary = readiness(page).locator("summary")
    expect(summary).to_contain_text("Ready")
    summary.focus()
    page.keyboard.press("Enter")  # reachable and opened by keys
    rows = readiness(page).get_by_role("listitem")
    expect(rows.nth(0)).to_contain_text("Microphone Allowed")
    expect(rows.nth(1)).to_contain_text("Connection Live")
    expect(rows.nth(2)).to_contain_text("the sandbox")
    expect(rows.nth(2)).to_contain_text("no real phone rings")
    page.context.set_offline(True)
    expect(summary).to_contain_text("Offline")
    expect(rows.nth(1)).to_contain_text("You’re offline")
    expect(page.locator("[data-ready-said]")).to_have_text("Phone: Offline")
    page.context.set_offline(False)
    expect(summary).to_contain_text("Ready")
    page.evaluate("told.state = 'prompt'; told.dispatchEvent(new Event('change'))")
    expect(rows.nth(0)).to_contain_text("Will be asked")
    page.evaluate("told.state = 'granted'; told.dispatchEvent(new Event('change'))")
    expect(rows.nth(0)).to_contain_text("Allowed")
    # It is there again after moving about.
    page.get_by_role("link", name="Contacts").click()
    page.get_by_role("link", name="Calls").click()
    expect(readiness(page).locator("summary")).to_contain_text("Ready")


@embedded
def test_a_blocked_microphone_is_explained_before_a_call(site: Any, browser: Any) -> None:
    from voip_crm.tests.browsers import CHROME_OPTIONS

    denying = [
        o.replace("fake-ui-for-media-stream", "fake-ui-for-media-stream=deny")
        for o in CHROME_OPTIONS
    ]
    chromium = browser.browser_type.launch(executable_path=os.environ["CHROME_BIN"], args=denying)
    try:
        context = chromium.new_context(base_url=site.url)
        page = context.new_page()
        sign_in(page)
        expect(readiness(page).locator("summary")).not_to_contain_text("Checking")
        page.locator("h1").focus()
        page.keyboard.press("s")
        page.get_by_role("button", name="Test the microphone").click()
        expect(page.locator("#sound_problem")).to_contain_text("Allow it next to the address")
        page.keyboard.press("Escape")
        context.add_init_script(
            "navigator.permissions.query = async () => Object.assign(new EventTarget(),"
            " {state: 'denied'});"
        )
        page.reload()
        expect(readiness(page).locator("summary")).to_contain_text("Microphone blocked")
        readiness(page).locator("summary").click()
        expect(readiness(page)).to_contain_text("Click the icon next to the address")
        assert_accessible(page)
    finally:
        chromium.close()


@embedded
def test_a_browser_without_speaker_choice_says_so(page: Page) -> None:
    page.add_init_script("delete HTMLMediaElement.prototype.setSinkId")
    sign_in(page)
    expect(readiness(page).locator("summary")).to_contain_text("Ready")
    page.locator("h1").focus()
    page.keyboard.press("s")
    expect(page.get_by_text("This browser can’t choose a speaker")).to_be_visible()
    expect(page.get_by_label("Speaker", exact=True)).to_be_hidden()


@embedded
def test_shortcuts_help_and_can_be_switched_off(page: Page) -> None:
    sign_in(page)
    expect(readiness(page).locator("summary")).to_contain_text("Ready")
    page.locator("h1").focus()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    for _ in range(8):  # the focus stays inside
        page.keyboard.press("Tab")
        inside = (
            "document.activeElement === document.body || !!document.activeElement.closest('#help')"
        )
        assert page.evaluate(inside)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("h1")).to_be_focused()

    page.keyboard.press("/")
    expect(search_field(page)).to_be_focused()
    expect(search_field(page)).to_have_value("")
    page.keyboard.type("?m/")  # while typing they are letters
    expect(search_field(page)).to_have_value("?m/")
    expect(dialog).to_be_hidden()
    search_field(page).fill("")

    opener = page.get_by_role("button", name="Keyboard shortcuts")
    opener.click()
    page.get_by_label("Use single-key shortcuts").uncheck()
    page.get_by_role("button", name="Close help").click()
    expect(opener).to_be_focused()
    page.reload()
    page.locator("h1").focus()
    page.keyboard.press("?")
    page.wait_for_timeout(200)
    expect(dialog).to_be_hidden()
    opener.click()
    expect(page.get_by_label("Use single-key shortcuts")).not_to_be_checked()


@embedded
def test_the_dial_pad_takes_digits_from_the_keyboard(page: Page) -> None:
    sign_in(page)
    page.get_by_role("button", name="Dial 1", exact=True).focus()
    page.keyboard.type("+41m5")
    expect(search_field(page)).to_have_value("+415")
    page.keyboard.press("Backspace")
    expect(search_field(page)).to_have_value("+41")
    expect(page.get_by_role("button", name="Dial 1", exact=True)).to_be_focused()


@embedded
@pytest.mark.allow_console("status of 409")
def test_a_call_by_keys_alone_keeps_the_focus_and_tells_each_change(page: Page, site: Any) -> None:
    sign_in(page)
    expect(readiness(page).locator("summary")).to_contain_text("Ready")
    page.evaluate("window.told = []; addEventListener('toast', e => told.push(e.detail.text))")
    page.keyboard.press("/")
    page.keyboard.type(CALLED)
    page.keyboard.press("Enter")
    panel = page.locator("#call_panel")
    expect(panel).to_have_attribute("data-call-state", "active")
    notes = page.locator("#toasts [data-toast]")
    page.wait_for_function("told.includes('Connected')")
    assert page.evaluate("told.filter(text => text === 'Connected').length") == 1
    expect(search_field(page)).to_be_focused()  # news of the call took it from nobody
    page.locator("h1").focus()
    page.keyboard.press("m")
    expect(notes.filter(has_text="Muted")).to_have_count(1)
    page.keyboard.press("m")
    expect(notes.filter(has_text="Unmuted")).to_have_count(1)
    page.keyboard.press("k")
    expect(page.locator("#keypad")).to_be_visible()
    page.keyboard.press("Escape")
    end = page.get_by_role("button", name="End call")
    end.focus()
    page.keyboard.press("Enter")
    expect(panel).to_have_attribute("data-call-state", "ended")
    expect(notes.filter(has_text="Call ended")).to_have_count(1)
    expect(page.get_by_role("button", name="Close", exact=True)).to_be_focused()
    expect(notes).to_have_count(0)  # they leave by themselves
    expect(page.locator("[data-ready-said]")).to_be_empty()  # the panel has told of the call
    expect(page.locator("#toasts")).to_have_attribute("aria-live", "polite")


@embedded
@pytest.mark.allow_console("status of 409")
def test_the_new_states_are_accessible(open_page: Any) -> None:
    page = open_page(**NARROW)
    sign_in(page)
    readiness(page).locator("summary").click()
    assert_accessible(page)
    page.get_by_role("button", name="Test microphone and speaker").click()
    expect(page.get_by_label("Microphone", exact=True)).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    assert_accessible(page)
    page.keyboard.press("Escape")
    search_field(page).fill(CALLED)
    page.get_by_role("button", name="Call", exact=True).click()
    second = page.context.new_page()
    second.goto("/calls")
    panel = second.locator("#call_panel")
    expect(panel).to_have_attribute("data-call-state", "active")
    expect(panel).to_contain_text("Sound is in another tab")
    assert_accessible(second)
    page.close(run_before_unload=False)
    expect(panel).to_have_attribute("data-call-state", "interrupted")
    assert_accessible(second)
    second.get_by_role("button", name="End call").click()
    expect(panel).to_have_attribute("data-call-state", "ended")
    assert_accessible(second)
