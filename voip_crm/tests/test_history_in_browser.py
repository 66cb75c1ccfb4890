"""The history of an open page shows what a fresh look would show, however long it was asleep."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, expect

from calls.models import CallLog
from calls.tests.builders import an_outbound_call
from tenants.fence.context import tenant_transaction
from voip_crm.tests import cast as company
from voip_crm.tests.test_flow import sign_in

PAGE = 25
NEWS = "document.body.dispatchEvent(new CustomEvent('live:resync'))"


@pytest.fixture
def cast(committed_cast: Any) -> Any:
    return committed_cast


@pytest.fixture
def calls(cast: Any) -> Callable[..., None]:
    """`calls(count)`: as many more, each younger than all before."""
    count = 0

    def make(more: int, **state: Any) -> None:
        nonlocal count
        for _ in range(more):
            count += 1
            at = datetime.now(UTC) - timedelta(days=1) + timedelta(seconds=count)
            ended = {"status": "completed", "outcome": "completed", "ended_at": at}
            an_outbound_call(cast.acme, started_at=at, user=cast.bob.user, **(ended | state))

    return make


def newest(cast: Any, count: int) -> list[str]:
    with tenant_transaction(cast.acme.pk):
        found = CallLog.objects.order_by("-started_at", "-id").values_list("pk", flat=True)
        return [f"call_{pk}" for pk in found[:count]]


def shown(page: Page) -> list[str]:
    return page.locator("#history_rows > tr").evaluate_all("rows => rows.map(row => row.id)")


def wait_for_rows(page: Page, ids: list[str]) -> None:
    page.evaluate(NEWS)
    page.wait_for_function(
        "ids => JSON.stringify([...document.querySelectorAll('#history_rows > tr')]"
        ".map(row => row.id)) === JSON.stringify(ids)",
        arg=ids,
    )


def test_after_a_sleep_no_call_is_missing(page: Page, cast: Any, calls: Any) -> None:
    """Sixty calls are more than the newest page: nothing of it touches what stood there."""
    calls(30)
    sign_in(page, "bob@acme.example", company.PASSWORD)
    assert shown(page) == newest(cast, PAGE)
    calls(60)
    wait_for_rows(page, newest(cast, PAGE))
    page.get_by_role("link", name="Show more").click()
    expect(page.locator("#history_rows > tr")).to_have_count(2 * PAGE)
    assert shown(page) == newest(cast, 2 * PAGE)


def test_what_a_filter_finds_no_more_is_taken_away(page: Page, cast: Any, calls: Any) -> None:
    calls(2)
    calls(1, status="in-progress", outcome="", ended_at=None)
    sign_in(page, "bob@acme.example", company.PASSWORD)
    page.goto("/calls?status=live")
    rows = page.locator("#history_rows > tr")
    expect(rows).to_have_count(1)
    with tenant_transaction(cast.acme.pk):
        live = CallLog.objects.filter(ended_at=None)
        live.update(status="completed", outcome="completed", ended_at=datetime.now(UTC))
    page.evaluate(NEWS)
    expect(rows).to_have_count(0)
    expect(page.locator("#history_total")).to_have_text("0 calls")
    expect(page.get_by_text("No calls match.")).to_be_visible()


def test_a_page_open_all_day_keeps_one_page_and_goes_on_behind_it(
    page: Page, cast: Any, calls: Any
) -> None:
    calls(40)
    sign_in(page, "bob@acme.example", company.PASSWORD)
    for _ in range(4):
        calls(10)
        wait_for_rows(page, newest(cast, PAGE))
    page.get_by_role("link", name="Show more").click()
    expect(page.locator("#history_rows > tr")).to_have_count(2 * PAGE)
    assert shown(page) == newest(cast, 2 * PAGE)
    calls(5)
    wait_for_rows(page, newest(cast, 2 * PAGE))  # who has asked for more keeps more


def test_news_reach_every_row_that_is_shown(page: Page, cast: Any, calls: Any) -> None:
    """Not only the newest page, and nothing is taken away that comes after what was asked for."""
    calls(5)
    calls(1, status="in-progress", outcome="", ended_at=None)
    calls(60)
    sign_in(page, "bob@acme.example", company.PASSWORD)
    live = CallLog.objects.filter(ended_at=None)
    with tenant_transaction(cast.acme.pk):
        row = page.locator(f"#call_{live.get().pk}")
    for count in (2, 3):
        page.get_by_role("link", name="Show more").click()
        expect(page.locator("#history_rows > tr")).to_have_count(min(count * PAGE, 66))
    expect(row).to_contain_text("In call")
    with tenant_transaction(cast.acme.pk):
        live.update(status="completed", outcome="completed", ended_at=datetime.now(UTC))
    page.evaluate(NEWS)
    expect(row).to_contain_text("Completed")
    assert shown(page) == newest(cast, 66)
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.order_by("started_at")[0].delete()
    wait_for_rows(page, newest(cast, 65))


def test_nothing_is_taken_from_under_somebodys_hands(page: Page, cast: Any, calls: Any) -> None:
    calls(30)
    sign_in(page, "bob@acme.example", company.PASSWORD)
    before = shown(page)
    held = page.locator("#history_rows > tr").last
    held.get_by_role("link").first.focus()
    calls(10)
    wait_for_rows(page, newest(cast, 10) + before)
    calls(60)  # a gap, which is not filled over the row that is held
    page.evaluate(NEWS)
    expect(page.locator("#history_total")).to_have_text("100 calls")
    assert shown(page)[-1] == before[-1]
    expect(held.get_by_role("link").first).to_be_focused()
    page.get_by_role("combobox", name="Search contacts or enter a number").focus()
    wait_for_rows(page, newest(cast, PAGE))


def test_the_button_of_each_row_calls_whom_the_row_names(page: Page, cast: Any, calls: Any) -> None:
    """By the one form of them all, also where news have brought the row."""
    calls(1, contact=cast.acme_maria)
    sign_in(page, "bob@acme.example", company.PASSWORD)
    calls(1, to_number="+14155550123", extension="7")
    wait_for_rows(page, newest(cast, 2))
    expect(page.locator("[data-ready=summary]")).to_contain_text("Ready")
    page.route("**/calls/dial", lambda route: route.fulfill(status=200))
    sent = []
    for button in page.locator("#history_rows .call-button").all():
        with page.expect_request("**/calls/dial") as asked:
            button.click()
        expect(button).not_to_have_attribute("aria-busy", "true")
        sent.append(parse_qs(asked.value.post_data or "", keep_blank_values=True))
    new, old = sent
    assert (new["contact_id"], new["q"]) == ([""], ["+14155550123;ext=7"])
    assert (old["contact_id"], old["to"]) == ([str(cast.acme_maria.pk)], [company.ACME_MARIA])
