"""What an open history asks for: only what has changed, drawn once for everybody who sees it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from calls.models import CallLog, Recording
from calls.pages import history_rows
from calls.pages.history_rows import Drawn
from calls.tests.builders import an_outbound_call
from contacts.services import update_contact
from tenants.fence.context import tenant_transaction

PART = {"HX-Request": "true", "HX-Target": "tbody#history_rows"}
ROW = re.compile(r'<tr role="row" id="call_([\w-]+)" data-v="([\w-]{8})">.*?</tr>', re.S)
OWN = re.compile(r'<tr data-seen="(\d+) (\d+)"></tr>')


@pytest.fixture
def log(cast: Any) -> Any:
    """Ten calls of Acme's Maria, the newest of them under way."""
    at = timezone.now() - timedelta(hours=1)
    ended = {"status": "completed", "outcome": "completed", "ended_at": at}
    cast.calls = [
        an_outbound_call(
            cast.acme,
            user=cast.bob.user,
            contact=cast.acme_maria,
            started_at=at - timedelta(minutes=age),
            **(ended if age else {"status": "ringing"}),
        )
        for age in range(10)
    ]
    return cast


class Page:
    """An open calls page, as history.js keeps it: versions of rows in their order, and a total."""

    def __init__(self, client: Any, query: str = "") -> None:
        self.client, self.query = client, query
        page = client.get(f"/calls?{query}").content.decode()
        self.rows = dict(ROW.findall(page))
        self.total = self.total_of(page)

    @staticmethod
    def total_of(page: str) -> str:
        (total,) = re.findall(r'id="history_total">([^<]*)<', page)
        return total

    def ask(self) -> Any:
        seen = ".".join(self.rows.values())
        given = f"/calls?{self.query}&rows=25&seen={seen}&total={self.total}"
        return self.client.get(given, headers=PART)

    def catch_up(self) -> list[str]:
        """The ids of the rows that came."""
        text = self.ask().content.decode()
        before, self.rows, came = list(self.rows.items()), {}, []
        for found in re.finditer(f"{OWN.pattern}|{ROW.pattern}", text, re.S):
            start, stop, pk, version = found.groups()
            if pk:
                came.append(pk)
            self.rows |= {pk: version} if pk else dict(before[int(start) : int(stop)])
        self.total = self.total_of(text)
        return came


def change(call: CallLog, **values: Any) -> None:
    with tenant_transaction(call.tenant_id):
        CallLog.objects.filter(pk=call.pk).update(**values)


OVER = {"status": "completed", "outcome": "completed", "ended_at": timezone.now()}


def test_nothing_comes_when_nothing_has_changed(log: Any, signed_in: Any) -> None:
    bob = signed_in(log.bob)
    for query in ("", "status=busy", "q=maria&direction=outbound"):
        answer = Page(bob, query).ask()
        assert (answer.status_code, answer.content) == (204, b""), query
    page = bob.get(f"/contacts/{log.acme_maria.pk}").content.decode()
    seen = ".".join(version for _, version in ROW.findall(page))
    given = {"rows": 25, "seen": seen, "total": "10 calls"}
    path = f"/contacts/{log.acme_maria.pk}"
    assert bob.get(path, given, headers=PART).status_code == 204


def test_of_one_changed_row_one_row_comes_and_what_it_costs(log: Any, signed_in: Any) -> None:
    page = Page(signed_in(log.bob))
    change(log.calls[0], status="in-progress")
    with CaptureQueriesContext(connection) as queries:
        answer = page.ask()
    assert sum("calls_" in query["sql"] for query in queries) == 1
    assert len(answer.content) < 2500, len(answer.content)
    assert "<form" not in answer.content.decode() and "<option" not in answer.content.decode()
    assert page.catch_up() == [str(log.calls[0].pk)] and len(page.rows) == 10
    assert page.ask().status_code == 204


def test_new_rows_come_and_those_that_a_filter_finds_no_more_go(log: Any, signed_in: Any) -> None:
    client = signed_in(log.bob)
    everything, live = Page(client), Page(client, "status=live")
    assert len(live.rows) == 1
    change(log.calls[0], **OVER)
    assert live.catch_up() == [] and live.rows == {} and live.total == "0 calls"
    assert live.ask().status_code == 204
    assert everything.catch_up() == [str(log.calls[0].pk)]
    new = an_outbound_call(log.acme, contact=log.acme_maria)
    assert everything.catch_up() == [str(new.pk)] == [next(iter(everything.rows))]
    assert live.catch_up() == [str(new.pk)]
    assert (everything.total, live.total) == ("11 calls", "1 call")
    with tenant_transaction(log.acme.pk):
        log.calls[4].delete()
    assert everything.catch_up() == [] and everything.total == "10 calls"
    assert list(everything.rows) == list(Page(client).rows)


def test_whatever_a_row_says_is_in_its_version(log: Any, signed_in: Any) -> None:
    """A name, a colleague's, a day that begins, a zone: not only what the call's own row has."""
    page = Page(signed_in(log.bob))
    with tenant_transaction(log.acme.pk):
        update_contact(log.acme_maria, name="Mary", company="", email="", numbers=[])
    assert len(page.catch_up()) == 10
    log.bob.user.name = "Robert"
    log.bob.user.save()
    assert len(page.catch_up()) == 10
    log.acme.time_zone = "Pacific/Kiritimati"
    log.acme.save()
    assert len(page.catch_up()) == 10
    log.acme.country = "GB"
    log.acme.save()
    assert len(page.catch_up()) == 10
    assert page.ask().status_code == 204


def test_a_row_is_drawn_once_for_everybody_and_anew_when_it_changes(
    log: Any, signed_in: Any
) -> None:
    def drawn() -> int:
        return history_rows._draw.cache_info().misses

    client, before = signed_in(log.bob), drawn()
    bobs = client.get("/calls").content.decode()
    assert drawn() - before == 10
    alices = signed_in(log.alice).get("/calls").content.decode()
    assert drawn() - before == 10 and ROW.findall(alices) == ROW.findall(bobs)
    change(log.calls[0], **OVER)
    signed_in(log.alice).get("/calls")
    assert drawn() - before == 11
    charlies = signed_in(log.charlie).get("/calls").content.decode()
    assert not ROW.findall(charlies) and drawn() - before == 11


def test_anothers_versions_tell_a_stranger_nothing(log: Any, signed_in: Any) -> None:
    acmes = Page(signed_in(log.bob))
    stranger = Page(signed_in(log.charlie))
    stranger.rows = dict(acmes.rows)
    text = stranger.ask().content.decode()
    assert not ROW.findall(text) and not OWN.findall(text) and "0 calls" in text


def test_a_page_says_whether_more_will_be_heard_of_its_calls(log: Any, signed_in: Any) -> None:
    """So that it looks once more when its stream is there."""
    client = signed_in(log.bob)
    assert "data-moving" in client.get("/calls").content.decode()
    change(log.calls[0], **OVER)
    assert "data-moving" not in client.get("/calls").content.decode()
    recording = {"sid": "RE" + "0" * 32, "account_sid": "AC"}
    with tenant_transaction(log.acme.pk):
        Recording.objects.create(call=log.calls[5], state="waiting", **recording)
    assert "data-moving" in client.get("/calls").content.decode()


def test_more_rows_cost_one_statement_and_no_filter_is_drawn(log: Any, signed_in: Any) -> None:
    client = signed_in(log.bob)
    before = f"{log.calls[3].started_at.isoformat()}~{log.calls[3].pk}"
    client.get("/calls")
    with CaptureQueriesContext(connection) as queries:
        text = client.get("/calls", {"before": before}, headers=PART).content.decode()
    assert sum("calls_" in query["sql"] for query in queries) == 1
    assert [pk for pk, _ in ROW.findall(text)] == [str(call.pk) for call in log.calls[4:]]
    assert "<option" not in text and "That’s all" in text


def test_the_page_asks_the_database_four_times_beside_who_is_asking(
    log: Any, signed_in: Any
) -> None:
    """The rows and how many calls there are, the agents that can be chosen, the numbers; and, as on
    each page, what the agent has chosen to be and whether something rings.
    """
    client = signed_in(log.bob)
    client.post("/first-steps/close")
    costs = []
    for ask in (lambda: client.post("/calls/live-ticket"), lambda: client.get("/calls")):
        ask()
        with CaptureQueriesContext(connection) as queries:
            ask()
        costs.append(len(queries))
    assert costs[1] - costs[0] == 4, queries.captured_queries


VERSIONS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


@given(found=VERSIONS, seen=VERSIONS)
def test_a_page_can_make_its_rows_of_what_comes(found: list[str], seen: list[str]) -> None:
    rows = [Drawn(f"<tr>{version}</tr>", version) for version in found]
    news = history_rows.news(rows, seen)
    made: list[str] = []
    for start, stop, version in re.findall(f"{OWN.pattern}|<tr>(.)</tr>", news):
        made += [version] if version else seen[int(start) : int(stop)]
    assert made == found
    assert not set(seen) & set(re.findall("<tr>(.)</tr>", news))
    assert (news == history_rows.same(seen)) == (found == seen)
