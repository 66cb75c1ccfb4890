"""The history's filters: each narrows, all can be combined, none can be broken."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from calls import selectors
from calls.models import CallLog, Recording
from calls.selectors import Filters
from calls.tests.builders import an_outbound_call
from contacts.services import create_contact, set_archived
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HTMX = {"HX-Request": "true", "HX-Target": "section#history"}


@pytest.fixture
def log(cast: Any) -> Any:
    """Five calls of Acme by name, oldest first, and one of Borealis."""

    def add(name: str, days: int, **more: Any) -> None:
        fields: dict[str, Any] = {
            "user": cast.bob.user,
            "status": "completed",
            "outcome": "completed",
            "ended_at": NOW,
            "started_at": NOW - timedelta(days=days),
        }
        calls[name] = an_outbound_call(cast.acme, **fields | more)

    calls: dict[str, CallLog] = {}
    with tenant_transaction(cast.acme.pk):
        ada = create_contact(cast.acme, name="Ada", numbers=[("+14085550123", "")])
        add("old", 9, user=cast.alice.user)
        add("maria", 4, contact=cast.acme_maria, outcome="busy")
        add("ada", 3, contact=ada, to_number="+14085550123")
        Recording.objects.create(
            call=calls["ada"], sid="RE" + "0" * 32, account_sid="AC", state="stored"
        )
        add("in", 2, direction="INBOUND", from_number="+12125550111", user=None)
        add("live", 0, status="in-progress", outcome="", ended_at=None)
        set_archived(ada, True, now=NOW)
    cast.calls, cast.ada = calls, ada
    return cast


def names(cast: Any, **filters: Any) -> list[str]:
    by_id = {call.pk: name for name, call in cast.calls.items()}
    with tenant_transaction(cast.acme.pk):
        page = selectors.history(cast.acme, now=NOW, filters=Filters(**filters))
    assert page.total_display == str(len(page.rows))
    return [by_id[row.id] for row in page.rows]


def test_each_filter_narrows_to_its_calls(log: Any) -> None:
    assert names(log) == ["live", "in", "ada", "maria", "old"]
    assert names(log, direction="inbound") == ["in"]
    assert names(log, status="busy") == ["maria"]
    assert names(log, status="live") == ["live"]
    assert names(log, agent=log.alice.user_id) == ["old"]
    assert names(log, contact=log.acme_maria.pk) == ["maria"]
    assert names(log, recorded=True) == ["ada"]
    assert names(log, direction="outbound", status="completed", recorded=True) == ["ada"]


def test_the_search_finds_contacts_by_any_word_archived_ones_too_and_whole_numbers(
    log: Any,
) -> None:
    assert names(log, text="ada") == ["ada"]
    assert names(log, text="sunrise") == ["maria"]
    assert names(log, text="0123") == ["ada"]
    assert names(log, text="(212) 555-0111") == ["in"]
    assert names(log, text="+14155550199") == []  # our own number is not the far side's
    assert names(log, text="nobody") == []
    assert names(log, text="!!") == []


def test_a_search_that_many_contacts_match_still_finds_theirs(
    log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calls.selectors.about._FEW_CONTACTS", 0)
    assert names(log, text="ada") == ["ada"]


def test_days_are_those_of_the_workspace(log: Any) -> None:
    day = (NOW - timedelta(days=3)).date()
    assert names(log, since=day, until=day) == ["ada"]
    log.acme.time_zone = "Pacific/Kiritimati"  # 14 hours ahead: noon UTC is the next day there
    assert names(log, since=day, until=day) == ["maria"]


def test_the_page_says_which_filters_are_on_and_clears_them_at_once(
    log: Any, signed_in: Any
) -> None:
    query = f"?status=completed&agent={log.bob.user_id}&since=2026-11-01&recorded=1&q=ada"
    page = signed_in(log.bob).get(f"/calls{query}").content.decode()
    assert page.count(">Clear filters</a>") == 1
    assert "Filters (4 set)" in page
    assert '<option value="completed" selected>' in page
    assert f"/calls/{log.calls['ada'].pk}" in page
    assert f"/calls/{log.calls['maria'].pk}" not in page
    assert ">Clear filters</a>" not in signed_in(log.bob).get("/calls").content.decode()


def test_an_empty_result_says_so_and_shows_the_way_out(log: Any, signed_in: Any) -> None:
    page = signed_in(log.bob).get("/calls?q=nobody&direction=inbound").content.decode()
    assert "No inbound calls match." in page


def test_show_more_keeps_the_filters(log: Any, signed_in: Any) -> None:
    with tenant_transaction(log.acme.pk):
        for serial in range(30):
            an_outbound_call(
                log.acme,
                contact=log.acme_maria,
                outcome="completed",
                started_at=NOW - timedelta(days=20, seconds=serial),
            )
    client = signed_in(log.bob)
    page = client.get("/calls?q=maria&status=completed")
    more = page.context["more"]
    assert parse_qs(urlsplit(more).query)["status"] == ["completed"]
    rows = [row.id for row in page.context["history"].rows]
    rows += [row.id for row in client.get(more).context["history"].rows]
    assert len(rows) == len(set(rows)) == 30


def test_the_forms_blanks_do_not_stay_in_the_address(log: Any, signed_in: Any) -> None:
    answer = signed_in(log.bob).get("/calls?q=ada&status=&agent=&since=", headers=HTMX)
    assert answer.headers["HX-Replace-Url"] == "/calls?q=ada"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("status=wonderful", "That status is unknown."),
        ("agent=x", "That agent is unknown."),
        ("since=yesterday", "Enter a day like 2026-11-22."),
        ("since=0001-01-01", "No calls on that date."),
        ("until=9999-12-31", "No calls on that date."),
        ("since=2026-11-10&until=2026-11-01", "“To” is before “From”."),
        ("contact=x", "That contact is unknown."),
        ("q=%00", "Null characters"),
    ],
)
def test_a_filter_that_makes_no_sense_is_left_out_and_said(
    log: Any, signed_in: Any, query: str, said: str
) -> None:
    answer = signed_in(log.bob).get(f"/calls?{query}")
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert len(answer.context["history"].rows) == 5


def test_foreign_ids_filter_by_nothing_and_tell_nothing(log: Any, signed_in: Any) -> None:
    client = signed_in(log.charlie)
    for query, said in (
        ({"agent": str(log.bob.user_id)}, "That agent is unknown."),
        ({"contact": str(log.acme_maria.pk)}, "That contact is unknown."),
        ({"agent": str(uuid.uuid4())}, "That agent is unknown."),
        ({"contact": str(uuid.uuid4())}, "That contact is unknown."),
    ):
        answer = client.get("/calls", query)
        page = answer.content.decode()
        assert answer.status_code == 200 and said in page
        assert "Maria of Acme" not in page and "Bob" not in page
        assert answer.context["history"].rows == []
    before = f"{NOW.isoformat()}~{log.calls['old'].pk}"
    assert client.get("/calls", {"before": before}).context["history"].rows == []


ODD = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["inbound", "busy", "live", "2026-11-01", "9999-12-30", "1", str(uuid.UUID(int=1))]
    ),
    st.datetimes().map(lambda moment: f"{moment.isoformat()}+14:00~{uuid.UUID(int=0)}"),
)
NAMES = st.sampled_from(
    ["direction", "status", "agent", "contact", "since", "until", "recorded", "q", "before"]
)


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.dictionaries(NAMES, ODD, max_size=5), htmx=st.booleans())
def test_no_query_string_breaks_the_page(
    log: Any, signed_in: Any, query: dict[str, str], htmx: bool
) -> None:
    answer = signed_in(log.bob).get("/calls", query, headers=HTMX if htmx else {})
    assert answer.status_code == 200


def test_a_page_costs_one_statement_and_two_for_a_search(log: Any) -> None:
    everything = {
        "direction": "outbound",
        "status": "completed",
        "agent": log.bob.user_id,
        "contact": log.ada.pk,
        "since": NOW.date() - timedelta(days=30),
        "until": NOW.date(),
        "recorded": True,
    }
    for filters, cost in ((Filters(), 1), (Filters(**everything), 1), (Filters(text="ada"), 3)):
        with tenant_transaction(log.acme.pk), CaptureQueriesContext(connection) as queries:
            assert selectors.history(log.acme, now=NOW, filters=filters).rows
        assert len(queries) == cost, filters


def test_the_page_costs_as_many_statements_for_many_calls_as_for_one(
    log: Any, signed_in: Any
) -> None:
    client = signed_in(log.bob)
    client.post("/first-steps/close")
    client.get("/calls")
    costs = []
    for query in ("?status=busy", ""):
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/calls{query}")
        costs.append(sum("calls_" in query["sql"] for query in queries))
    assert costs == [3, 3], "the rows, the numbers, and what rings"


def test_each_filter_walks_its_own_index(log: Any) -> None:
    with tenant_transaction(log.acme.pk):
        CallLog.objects.bulk_create(
            CallLog(
                tenant_id=log.acme.pk,
                user_id=log.bob.user_id,
                direction="OUTBOUND",
                from_number="+14155550199",
                to_number="+14155550100",
                outcome="completed",
                started_at=NOW - timedelta(days=30, seconds=serial),
            )
            for serial in range(300)
        )
    expected = {
        "call_history": Filters(since=NOW.date()),
        "call_history_direction": Filters(direction="inbound"),
        "call_history_outcome": Filters(status="busy"),
        "call_history_agent": Filters(agent=log.alice.user_id),
        "call_history_contact": Filters(contact=log.ada.pk),
        "call_history_missed": Filters(direction="missed"),
        "call_to_return_newest": Filters(direction="to-return"),
    }
    for index, filters in expected.items():
        with tenant_transaction(log.acme.pk), connection.cursor() as cursor:
            for way in ("seqscan", "sort", "bitmapscan"):  # which pay on so few rows
                cursor.execute(f"SET LOCAL enable_{way} = off")
            with CaptureQueriesContext(connection) as queries:
                selectors.history(log.acme, now=NOW, filters=filters)
            cursor.execute(f"EXPLAIN {queries[0]['sql']}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert f"using {index} on calls_calllog" in plan, plan


def test_the_history_is_exported_as_it_is_filtered(log: Any, signed_in: Any) -> None:
    def rows(**query: str) -> list[dict[str, str]]:
        response = signed_in(log.alice).get("/calls/export", query)
        assert response.headers["Content-Disposition"].startswith('attachment; filename="acme-c')
        text = b"".join(response).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text)))

    with tenant_transaction(log.acme.pk):
        log.acme_maria.name = "=1+1"
        log.acme_maria.save()
    everything = rows()
    assert [row["contact"] for row in everything] == ["", "", "Ada", "'=1+1", ""]
    assert everything[3]["to"] == "+14155550100"
    assert everything[2]["recorded"] == "yes" and everything[0]["status"] == "In call"
    assert len(rows(q="ada")) == len(rows(direction="inbound")) == 1
    assert len(rows(status="nonsense")) == 5
    with tenant_transaction(log.acme.pk):
        noted = AuditEntry.objects.filter(action="calls_exported").order_by("at")
        assert [entry.details["filters"] for entry in noted][:3] == [
            "",
            "q=ada",
            "direction=inbound",
        ]


def test_a_long_history_is_exported_page_by_page(
    log: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calls.selectors.exporting.PAGE", 2)
    chunks = list(signed_in(log.alice).get("/calls/export"))
    assert len(chunks) == 4
    starts = [row[0] for row in csv.reader(io.StringIO(b"".join(chunks[1:]).decode()))]
    assert starts == sorted(starts, reverse=True) and len({*starts}) == 5


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("", 2), ("2", 2), ("3", 3), ("4", 4), ("9", 4), ("-3", 2), ("three", 2), ("9" * 99, 2)],
)
def test_an_open_page_asks_for_as_many_rows_as_it_shows(
    log: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch, asked: str, shown: int
) -> None:
    monkeypatch.setattr("calls.selectors.PAGE_SIZE", 2)
    monkeypatch.setattr("calls.pages.calls.MOST_ROWS", 4)
    page = signed_in(log.bob).get("/calls", {"rows": asked}, headers=HTMX).content.decode()
    assert page.count('<tr role="row"') == shown
    # It is a matter of this answer only: no link of the page goes on with it.
    assert "rows=" not in page


def test_agents_export_no_calls(log: Any, signed_in: Any) -> None:
    client = signed_in(log.bob)
    assert client.get("/calls/export").status_code == 403
    assert "calls/export" not in client.get("/calls").content.decode()
    assert "calls/export" in signed_in(log.alice).get("/calls").content.decode()
