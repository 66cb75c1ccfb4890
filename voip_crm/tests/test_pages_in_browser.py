"""The pages in Chromium: accessible by axe, light and dark, wide and narrow, and by keys alone."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from voip_crm import demo
from voip_crm.tests import harness

FILES = Path(__file__).resolve().parents[2] / "contacts" / "tests" / "files"
AXE = Path(__file__).resolve().parents[2] / "static" / "vendor" / "axe-core-4.14.1.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = [(1280, "light"), (390, "dark")]  # each width and each scheme once
WIDE = {"viewport": {"width": 1280, "height": 844}, "color_scheme": "light"}
NARROW = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
# Pixels. 320 by 256 are what is left at 400 % of a screen of 1280 by 1024.
TABLET, NARROWEST, LOWEST = 820, 320, 256

embedded = pytest.mark.parametrize("site", ["embedded"], indirect=True)

LOOKS_SO = """([width, scheme]) =>
  innerWidth === width && matchMedia(`(prefers-color-scheme: ${scheme})`).matches"""

# What is wider than its place, and can be seen but not scrolled.
CUT_OFF = """() => [...document.querySelectorAll("body *")].filter((one) =>
  one.clientWidth > 2 && one.scrollWidth > one.clientWidth + 1
  && !one.closest("svg, input, .visually-hidden, .skip-link")
  && one.checkVisibility({ visibilityProperty: true })
  && ["hidden", "clip"].includes(getComputedStyle(one).overflowX)
).map((one) => `${one.tagName}.${one.className}: ${one.textContent.trim().slice(0, 60)}`)"""
TOAST = """document.body.dispatchEvent(
  new CustomEvent("toast", { detail: { text: "Done." }, bubbles: true }))"""

# The demo's sessions, by site and e-mail: the form is slow on purpose, so once for all tests.
sessions: dict[tuple[str, str], Any] = {}


def sign_in(page: Page, email: str = "alice@acme.example") -> None:
    """To the page of calls; by the form only whom no test has signed in before."""
    who = (page.request.get("/healthz").url, email)
    if who not in sessions:
        sign_in_by_form(page, email)
        sessions[who] = page.context.cookies()
        return
    page.context.add_cookies(sessions[who])
    page.goto("/calls")
    expect(page.get_by_role("heading", name="Calls", level=1)).to_be_visible()


def sign_in_by_form(page: Page, email: str = "alice@acme.example") -> None:
    if not page.url.endswith("/sign-in"):
        page.goto("/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(demo.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    calls_are_shown(page)


def calls_are_shown(page: Page) -> None:
    """After a navigation that is not awaited: also the scripts are there, by which links change
    the document instead of leaving it.
    """
    expect(page.get_by_role("heading", name="Calls", level=1)).to_be_visible()
    page.wait_for_load_state()


def forget_session(page: Page) -> None:
    """Leaves first: what an open page still asks without its session is refused (403)."""
    page.goto("about:blank")
    page.context.clear_cookies()


def assert_accessible(page: Page) -> None:
    """As it is, wide and narrow, light and dark; and nothing is wider than the window."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    size = page.viewport_size
    assert size is not None
    was_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.emulate_media(reduced_motion="reduce")  # what would fade in has its full colours at once
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": size["height"]})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two words
        page.wait_for_function(LOOKS_SO, arg=[width, scheme])
        found = page.evaluate(
            "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", TAGS
        )["violations"]
        wrong = [(v["id"], [n["target"] for n in v["nodes"]]) for v in found]
        assert not wrong, (width, scheme, wrong)
        assert_fits(page)
    for width, height in ((TABLET, size["height"]), (NARROWEST, LOWEST)):
        page.set_viewport_size({"width": width, "height": height})
        assert_fits(page)
    assert not (cut := page.evaluate(CUT_OFF)), cut
    page.set_viewport_size(size)
    page.emulate_media(color_scheme="dark" if was_dark else "light")


def assert_fits(page: Page) -> None:
    wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wider <= 0, f"the page is {wider} px wider than the window"


def overlap(one: Any, other: Any) -> bool:
    """Whether two boxes of Playwright's lie on each other."""
    return all(
        one[start] < other[start] + other[length] and other[start] < one[start] + one[length]
        for start, length in (("x", "width"), ("y", "height"))
    )


def search_field(page: Page) -> Any:
    return page.get_by_role("combobox", name="Search contacts or enter a number")


@embedded
@pytest.mark.allow_console("422|404")
def test_every_page_is_accessible_wide_and_narrow_light_and_dark(
    open_page: Any, site: harness.Site
) -> None:
    page = open_page(**NARROW)
    page.goto("/sign-in")
    assert_accessible(page)
    sign_in_by_form(page)
    assert_accessible(page)
    search_field(page).press_sequentially("a", delay=20)
    expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert_accessible(page)
    search_field(page).fill("not a number")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("number")
    assert_accessible(page)
    page.get_by_role("link", name="Contacts").click()
    expect(page.get_by_role("heading", name="Contacts", level=1)).to_be_focused()
    assert_accessible(page)
    page.goto("/nothing-here")
    assert_accessible(page)
    page.goto("/calls")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Call in from a telephone").click()
    telephone = opened.value
    telephone.set_viewport_size(NARROW["viewport"])
    expect(telephone.get_by_text("Ready")).to_be_visible()
    assert telephone.url.startswith(site.sandbox.url)
    assert_accessible(telephone)


@embedded
def test_what_floats_leaves_free_what_it_is_about_and_every_edge_can_be_seen(page: Page) -> None:
    sign_in(page)
    page.emulate_media(forced_colors="active")
    for button in (
        page.get_by_role("button", name="Call", exact=True),
        page.locator("#history_rows .call-button").first,
        page.get_by_role("button", name="Sign out"),
    ):
        assert button.evaluate("it => parseFloat(getComputedStyle(it).borderTopWidth)") >= 1
    page.emulate_media(forced_colors="none")
    # As many as are suggested at most.
    search_field(page).press_sequentially("a", delay=20)
    expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()
    call = page.get_by_role("button", name="Call", exact=True)
    for width, height in ((1366, 657), (390, 844), (NARROWEST, 568)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(
            "document.querySelector('#suggestions').append(...[...Array(6)].map(() =>"
            " document.querySelector('#suggestions [role=option]').cloneNode(true)))"
        )
        assert not overlap(page.locator("#suggestions").bounding_box(), call.bounding_box())
    # A message comes where there is room: here what was pressed lies where it comes by itself.
    page.set_viewport_size({"width": 390, "height": 844})
    sign_out = page.get_by_role("button", name="Sign out")
    sign_out.evaluate("it => it.addEventListener('click', (event) => event.preventDefault())")
    sign_out.click()
    page.evaluate(TOAST)
    toasts = page.locator("#toasts")
    assert not overlap(toasts.bounding_box(), sign_out.bounding_box())
    page.get_by_role("button", name="Dismiss", exact=True).click()
    page.get_by_role("heading", name="Calls", level=1).click()
    page.evaluate(TOAST)
    assert overlap(toasts.bounding_box(), sign_out.bounding_box())


@embedded
@pytest.mark.allow_console("422|403")
def test_the_pages_behind_the_lists_are_accessible_too(open_page: Any) -> None:
    page = open_page(**WIDE)
    sign_in(page)
    page.goto("/calls?status=completed&agent=nobody&since=2026-01-01")
    expect(page.get_by_text("That agent is unknown.")).to_be_visible()
    assert_accessible(page)
    page.goto("/calls?q=nobody-at-all")
    assert_accessible(page)
    page.goto("/calls")
    page.locator("#history_rows a.who").first.click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    assert_accessible(page)
    page.goto("/contacts")
    page.locator("#contacts_rows h2 a").first.click()
    expect(page.get_by_role("heading", name="Numbers")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Number", exact=True)).to_be_visible()
    assert_accessible(page)
    page.goto("/contacts/new")
    page.get_by_role("button", name="Save contact").click()
    expect(page.get_by_label("Name")).to_be_focused()
    assert_accessible(page)
    for path in (
        *("/contacts?archived=1", "/contacts/import", "/settings", "/settings/caller-ids"),
        "/settings/telephone-account",
        *("/settings/calling-limits", "/account", "/api/docs"),
        *("/settings/audit-trail", "/settings/audit-trail?day=never", "/settings/members"),
    ):
        page.goto(path)
        assert_accessible(page)
    page.get_by_label("Email").fill("dora@acme.example")
    page.get_by_label("Name").fill("Dora")
    page.get_by_role("button", name="Invite").click()
    link = page.get_by_role("textbox", name="Link for Dora").input_value()
    assert_accessible(page)
    forget_session(page)
    page.goto("/mails")
    assert_accessible(page)
    page.goto(urlsplit(link).path)
    expect(page.get_by_role("heading", name="Set your password")).to_be_visible()
    assert_accessible(page)
    sign_in(page, "bob@acme.example")
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    page.goto("/settings")
    expect(page.get_by_role("heading", name="This page is for admins")).to_be_visible()
    assert_accessible(page)


@embedded
def test_filters_narrow_as_one_types_and_keep_the_focus_and_the_address(page: Page) -> None:
    sign_in(page)
    rows = page.locator("#history_rows > tr")
    field = page.get_by_role("searchbox", name="Search calls by contact or number")
    field.press_sequentially("maria", delay=40)
    expect(page).to_have_url("/calls?q=maria")
    expect(rows.filter(has_not_text="Maria Gonzalez")).to_have_count(0)
    expect(field).to_be_focused()
    expect(field).to_have_value("maria")
    expect(page.locator("#history_said")).to_have_text(re.compile(r"^\d+ calls$"))
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Status").select_option("No answer")
    expect(page).to_have_url("/calls?status=no-answer&q=maria")
    expect(page.get_by_text("Filters (1 set)")).to_be_visible()
    expect(page.get_by_label("Status")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(page).to_have_url("/calls")
    expect(field).to_have_value("")
    assert rows.count() > 20


@embedded
def test_what_is_typed_while_an_answer_comes_is_searched_too(page: Page) -> None:
    held: list[Any] = []
    beginning = re.compile(r"[?&]q=mar(&|$)")
    page.route(beginning, lambda route: held.append(route))
    sign_in(page)
    field = page.get_by_role("searchbox", name="Search calls by contact or number")
    with page.expect_request(beginning):
        field.fill("mar")
    with page.expect_response(beginning):
        field.press("i")
        field.press("a")
        held[0].continue_()
    expect(page).to_have_url("/calls?q=maria")
    expect(field).to_have_value("maria")


@embedded
@pytest.mark.allow_console("422")
def test_a_contact_is_made_called_and_archived_without_leaving_the_page(page: Page) -> None:
    sign_in(page)
    page.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="Contacts").click()
    page.get_by_role("link", name="New contact").click()
    page.get_by_label("Name").fill("Grace Hopper")
    page.get_by_label("Number", exact=True).fill("12")
    page.get_by_role("button", name="Add a number").click()
    page.get_by_label("Number 2", exact=True).fill("(415) 555-0100")
    page.keyboard.press("Enter")
    expect(page.get_by_text("too short")).to_be_visible()
    expect(page.get_by_label("Number", exact=True)).to_be_focused()
    expect(page.get_by_label("Name")).to_have_value("Grace Hopper")
    page.get_by_role("button", name="Remove number 1").click()
    expect(page.get_by_label("Number", exact=True)).to_have_value("(415) 555-0100")
    page.get_by_role("button", name="Save contact").click()
    expect(page.get_by_role("heading", name="Grace Hopper", level=1)).to_be_focused()
    expect(page.get_by_text("Grace Hopper was added.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/contacts/[0-9a-f-]{36}$"))
    expect(page.get_by_role("button", name="Call Grace Hopper")).to_be_enabled()
    archive = page.get_by_role("button", name="Archive")
    pressed = archive.bounding_box()
    archive.click()
    expect(page.get_by_text("Grace Hopper is archived.")).to_be_visible()
    expect(page.get_by_role("button", name="Restore")).to_be_visible()
    assert not overlap(page.locator("#toasts").bounding_box(), pressed)
    page.go_back()
    assert page.evaluate("window.sameDocument") is True


@embedded
@pytest.mark.allow_console("422")
def test_contacts_come_in_and_go_out_as_files_and_the_trail_tells(page: Page) -> None:
    sign_in(page)
    page.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="Contacts").click()
    page.get_by_role("link", name="Import", exact=True).click()
    expect(page.get_by_role("heading", name="Import contacts", level=1)).to_be_visible()
    field = page.get_by_label("Choose a file, or drop it here")
    other = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"%PDF-1.7"}
    field.set_input_files(other)  # type: ignore[arg-type]
    expect(page.get_by_text("This is a PDF.")).to_be_visible()
    expect(field).to_be_focused()
    rows = b"name,email,phone\nAda Import,ada@import.example,\nNobody,x,\nPaul,,+14155550100\n"
    people = {"name": "people.csv", "mimeType": "text/csv", "buffer": rows}
    field.set_input_files(people)  # type: ignore[arg-type]
    preview = page.locator("#import-preview")
    expect(preview).to_contain_text("2 added, 0 completed, 0 unchanged, 1 skipped")
    assert_accessible(page)
    # Maria has Paul's number; what is said of it changes what would happen, at once.
    page.get_by_label("The same people: fill in what’s missing").check()
    expect(preview).to_contain_text("1 added, 0 completed, 1 unchanged, 1 skipped")
    page.get_by_label("email").focus()
    page.get_by_label("email").select_option("Leave out")
    expect(preview).to_contain_text("2 added, 0 completed, 1 unchanged, 0 skipped")
    expect(page.get_by_label("email")).to_be_focused()
    page.get_by_label("The first row names the columns").uncheck()
    expect(page.get_by_label("Column 2")).to_be_visible()
    page.get_by_label("The first row names the columns").check()
    page.get_by_label("email").select_option("Email")
    expect(preview).to_contain_text("1 added, 0 completed, 1 unchanged, 1 skipped")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    expect(page.get_by_text("1 added, 0 completed, 1 unchanged, 1 skipped.")).to_be_visible()
    expect(page.get_by_text("Line 3")).to_be_visible()
    expect(page.get_by_role("link", name="Ada Import")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert_accessible(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("What this file added has been removed.")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Contacts").first.click()
    with page.expect_popup():
        page.get_by_role("link", name="Export as CSV").click()
    assert page.evaluate("window.sameDocument") is True
    page.goto("/settings/audit-trail")
    rows_of_trail = page.locator("#trail_rows > li")
    expect(rows_of_trail.filter(has_text="Exported contacts")).to_have_count(1)
    page.get_by_label("Action").select_option("Imported contacts")
    expect(page).to_have_url(re.compile(r"action=contacts_imported"))
    expect(rows_of_trail).to_have_count(1)
    expect(rows_of_trail).to_contain_text("people.csv")


@embedded
def test_enter_takes_the_first_who_matches_a_name_and_the_same_name_is_found_again(
    page: Page,
) -> None:
    sign_in(page)
    field, first = search_field(page), page.get_by_role("listbox").get_by_role("option").first
    for _ in range(2):
        field.press_sequentially("gonz", delay=20)
        expect(first).to_be_visible()
        field.press("Escape")
        field.fill("")
        expect(first).to_be_hidden()
    field.press_sequentially("gonz", delay=20)
    expect(first).to_be_visible()
    field.press("Enter")
    expect(field).to_have_value("Maria Gonzalez")
    expect(page.locator("#dial_chosen_number")).to_have_text("(415) 555-0100")
    # A number stays what was typed.
    field.fill("4155550100")
    expect(first).to_be_visible()
    expect(field).to_have_value("4155550100")


@embedded
def test_a_number_that_somebody_has_is_noticed_while_it_is_typed(page: Page) -> None:
    sign_in(page)
    page.goto("/contacts/new")
    page.get_by_role("textbox", name="Name").fill("Maria Again")
    page.get_by_role("button", name="Add a number").click()
    field = page.get_by_role("textbox", name="Number 2")
    field.press_sequentially("415 555 0100", delay=20)
    alike = page.get_by_role("status").filter(has_text="already has this number.")
    expect(alike).to_be_visible()
    expect(alike.get_by_role("link", name="Maria Gonzalez")).to_have_attribute("target", "_blank")
    assert_accessible(page)
    field.press("Backspace")
    expect(alike).to_have_count(0)
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Maria Again")


@embedded
def test_files_of_each_kind_come_in_through_the_page(page: Page) -> None:
    """All that people have: contacts/tests/imports/test_jobs.py. How Chromium sends the bytes of a
    text in UTF-16, a workbook and a card is the same for all of a kind.
    """
    sign_in(page)
    for name in ("excel-fr.txt", "people.xlsx", "cards.vcf"):
        page.goto("/contacts/import")
        page.get_by_label("Choose a file, or drop it here").set_input_files(FILES / name)
        page.get_by_role("button", name="Import").click()
        expect(page.get_by_role("heading", name="Imported")).to_be_visible()
        # That of a spreadsheet holds numbers of another country, as people write them at home.
        came = "skipped" if name.startswith("excel-") else "(added|completed)"
        expect(page.locator("#import")).to_contain_text(re.compile(f"[1-9] {came}"))
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("heading", name="Undone")).to_be_visible()


@embedded
def test_without_scripts_the_forms_do_the_same(open_page: Any) -> None:
    page = open_page(java_script_enabled=False)
    sign_in_by_form(page)
    page.get_by_role("searchbox", name="Search calls by contact or number").fill("maria")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#history_rows > tr").first).to_contain_text("Maria")
    page.goto("/contacts/new")
    page.get_by_label("Name").fill("Scriptless Sam")
    page.get_by_role("button", name="Add a number").click()
    expect(page.get_by_label("Name")).to_have_value("Scriptless Sam")
    page.get_by_label("Number 2", exact=True).fill("4155550100")
    page.get_by_role("button", name="Save contact").click()
    expect(page.get_by_text("Scriptless Sam was added.")).to_be_visible()
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("Scriptless Sam is archived.")).to_be_visible()


@embedded
def test_a_contact_is_found_and_chosen_by_keys_alone(page: Page) -> None:
    sign_in(page)
    field = search_field(page)
    field.fill("maria")  # at once, so that no second list comes and takes the choice away
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    option = page.get_by_role("listbox").get_by_role("option", selected=True)
    expect(option).to_contain_text("Maria")
    expect(field).to_have_attribute("aria-activedescendant", option.get_attribute("id") or "")
    page.keyboard.press("Escape")
    expect(field).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value("Maria Gonzalez")
    expect(page.locator("#dial_contact_id")).not_to_have_value("")
    field.press("Backspace")
    expect(page.locator("#dial_contact_id")).to_have_value("")


@embedded
def test_moving_about_keeps_one_page_and_the_way_back(page: Page) -> None:
    sign_in(page)
    page.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="Contacts").click()
    expect(page.get_by_role("heading", name="Contacts", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Contacts")).to_have_attribute("aria-current", "page")
    expect(page).to_have_title("Contacts · Acme")
    page.go_back()
    expect(page.get_by_role("heading", name="Calls", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Calls")).to_have_attribute("aria-current", "page")
    page.go_forward()
    expect(page.get_by_role("heading", name="Contacts", level=1)).to_be_visible()
    assert page.evaluate("window.sameDocument") is True


@embedded
def test_show_more_adds_older_calls_and_a_filter_starts_anew(page: Page) -> None:
    sign_in(page)
    rows = page.locator("#history_rows > tr")
    first = 25
    expect(rows).to_have_count(first)
    page.get_by_role("link", name="Show more").click()
    expect(rows).not_to_have_count(first)
    ids = rows.evaluate_all("rows => rows.map(row => row.id)")
    assert len(ids) == len(set(ids)) > first
    page.get_by_role("link", name="Outbound").click()
    expect(page).to_have_url("/calls?direction=outbound")
    expect(page.get_by_role("link", name="Outbound")).to_be_focused()
    expect(rows).to_have_count(first)


@embedded
@pytest.mark.allow_console("422")
def test_a_refused_call_keeps_what_was_typed_and_the_focus(page: Page) -> None:
    sign_in(page)
    field = search_field(page)
    field.fill("911")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Emergency")
    expect(field).to_have_value("911")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
