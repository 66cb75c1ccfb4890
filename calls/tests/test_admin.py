"""Numbers, calls, legs, events and recordings in the admin."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import get_current_timezone_name

from calls.models import CallEvent, CallLeg, CallLog, PhoneNumber, Recording, UnroutedEvent
from calls.tests.builders import an_outbound_call
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant, User

NUMBERS = "/admin/calls/phonenumber/"
FACTS = ["calllog", "callleg", "callevent", "recording"]


@pytest.fixture
def call(dialled: Any, cast: Any) -> Any:
    """A call with legs, events and a recording; its scene."""
    dialled.hear("call", "ringing", dialled.contact_leg)
    with tenant_transaction(cast.acme.pk):
        Recording.objects.create(
            call=dialled.call, sid="RE" + "1" * 32, account_sid=project.TWILIO_ACCOUNT_SID
        )
    return dialled


def numbers_of(tenant: Any) -> list[tuple[str, str, bool]]:
    with tenant_transaction(tenant.pk):
        rows = PhoneNumber.objects.order_by("number")
        return [(row.number, row.label, row.is_default) for row in rows]


def test_a_number_is_added_and_becomes_the_only_default(staff: Client, cast: Any) -> None:
    given = {"number": "+1 415 555 0177", "label": "Sales", "is_default": "on"}
    assert staff.post(f"{NUMBERS}add/", given).status_code == 302
    assert numbers_of(cast.acme) == [("+14155550177", "Sales", True), ("+14155550199", "", False)]


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("415 555 0177", "neither|country|too short|number"),
        ("+442079460199", "in use already"),  # Borealis has it
        ("+14155550199", "in use already"),
    ],
)
def test_a_number_that_cannot_be_is_refused_at_its_field(
    staff: Client, cast: Any, number: str, says: str
) -> None:
    answer = staff.post(f"{NUMBERS}add/", {"number": number, "label": ""})
    errors = answer.context["adminform"].form.errors
    assert set(errors) == {"number"}
    assert any(word in str(errors["number"]) for word in says.split("|"))
    assert len(numbers_of(cast.acme)) == 1


def test_without_an_account_the_field_says_so(staff: Client, settings: Any) -> None:
    settings.TWILIO_AUTH_TOKEN = ""
    answer = staff.post(f"{NUMBERS}add/", {"number": "+14155550177"})
    assert "twilio_doctor" in str(answer.context["adminform"].form.errors["number"])


def test_a_number_itself_never_changes(staff: Client, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        row = PhoneNumber.objects.get()
    changed = {"number": "+14155550100", "label": "Main", "is_default": "on", "twilio_sid": "x"}
    assert staff.post(f"{NUMBERS}{row.pk}/change/", changed).status_code == 302
    with tenant_transaction(cast.acme.pk):
        after = PhoneNumber.objects.get()
    assert (after.number, after.label, after.twilio_sid) == (row.number, "Main", row.twilio_sid)


def test_the_action_makes_one_number_the_default(staff: Client, cast: Any) -> None:
    staff.post(f"{NUMBERS}add/", {"number": "+14155550177"})
    with tenant_transaction(cast.acme.pk):
        ids = {row.number: str(row.pk) for row in PhoneNumber.objects.all()}
    both = {"action": "use_by_default", "_selected_action": list(ids.values())}
    assert "one number only" in staff.post(NUMBERS, both, follow=True).content.decode()
    one = both | {"_selected_action": [ids["+14155550177"]]}
    staff.post(NUMBERS, one)
    assert [row[2] for row in numbers_of(cast.acme)] == [True, False]


def test_times_are_the_workspaces_and_its_zone_is_named(
    staff: Client, call: Any, cast: Any
) -> None:
    Tenant.objects.filter(pk=cast.acme.pk).update(time_zone="Pacific/Kiritimati")
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.update(started_at=datetime(2026, 11, 22, 23, 30, tzinfo=UTC))
        row = CallLog.objects.get()
    for page in ("", f"{row.pk}/change/"):
        shown = staff.get(f"/admin/calls/calllog/{page}").content.decode()
        assert "Kiribati (Kiritimati) Time" in shown
        assert "Nov. 23, 2026, 1:30 p.m." in shown
    assert get_current_timezone_name() == "UTC"  # in the next request of this thread, too


@pytest.mark.parametrize("table", FACTS)
def test_what_twilio_told_is_looked_at_and_never_edited(
    staff: Client, call: Any, cast: Any, table: str
) -> None:
    model: Any = {
        "calllog": CallLog,
        "callleg": CallLeg,
        "callevent": CallEvent,
        "recording": Recording,
    }[table]
    with tenant_transaction(cast.acme.pk):
        row = model.objects.first()
    page = f"/admin/calls/{table}/{row.pk}/change/"
    shown = staff.get(page)
    assert shown.status_code == 200 and 'name="_save"' not in shown.content.decode()
    assert staff.post(page, {"status": "completed"}).status_code == 403
    assert staff.get(f"/admin/calls/{table}/add/").status_code == 403
    assert staff.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403
    client = Client()
    charlie = cast.charlie.user
    charlie.is_staff = True
    charlie.save()
    charlie.user_permissions.set(Permission.objects.all())
    client.force_login(charlie)
    assert client.get(page).status_code == 302
    assert client.get(f"/admin/calls/{table}/").context["cl"].result_count == 0


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("calllog", "4155550100"),
        ("calllog", "maria acme"),
        ("calllog", "leg's SID"),
        ("callleg", "leg's SID"),
        ("callleg", "+14155550100"),
        ("callevent", "ringing"),
        ("callevent", "leg's SID"),
        ("recording", "RE" + "1" * 32),
        ("recording", "leg's SID"),
        ("recording", "(415) 555-0100"),
    ],
)
def test_each_table_is_searched(staff: Client, call: Any, table: str, text: str) -> None:
    def hits(query: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            found = staff.get(f"/admin/calls/{table}/", {"q": query})
        counts = [sql for query in queries if "COUNT(" in (sql := query["sql"])]
        # Nothing that reads a whole table: a pattern, all values, or a count that has no end.
        assert all("LIMIT 500" in sql for sql in counts), counts
        assert not any(
            word in query["sql"].upper() for word in ("LIKE", "DISTINCT") for query in queries
        )
        return int(found.context["cl"].result_count)

    if text == "leg's SID":
        text = call.contact_leg.call_sid
    assert hits(text) >= 1 and hits("zzz-nothing") == hits("CA" + "0" * 32) == 0
    assert hits("") >= 1


def test_a_list_is_paged_no_further_than_anybody_reads(
    staff: Client, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.people.admin_pages.MOST_ROWS", 2)
    for _ in range(4):
        call.hear("call", "ringing", call.contact_leg)
    assert staff.get("/admin/calls/callevent/").context["cl"].result_count == 2


@pytest.mark.parametrize("table", [*FACTS, "phonenumber"])
def test_lists_cost_the_same_however_long(staff: Client, call: Any, cast: Any, table: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            page = staff.get(f"/admin/calls/{table}/")
        assert page.status_code == 200
        lengths.append(page.context["cl"].result_count)
        return len(queries)

    lengths: list[int] = []
    before = cost()
    with tenant_transaction(cast.acme.pk):
        for serial in range(4):
            more = an_outbound_call(cast.acme, user=cast.bob.user, contact=cast.acme_maria)
            CallLeg.objects.create(conference=call.room, party="agent", user=cast.bob.user)
            Recording.objects.create(
                call=more, sid=f"RE{serial:032x}", account_sid=project.TWILIO_ACCOUNT_SID
            )
            PhoneNumber.objects.create(
                number=f"+1415555015{serial}", account_sid=project.TWILIO_ACCOUNT_SID
            )
    for _ in range(4):
        call.hear("call", "ringing", call.contact_leg)
    assert cost() == before <= 16
    assert lengths[1] > lengths[0]


def test_what_is_bound_to_no_call_is_for_superusers_and_never_another_workspaces(
    staff: Client, cast: Any
) -> None:
    nobody = uuid.uuid4()
    for serial, named in enumerate([cast.acme.pk, cast.borealis.pk, nobody, None]):
        UnroutedEvent.objects.create(
            key=f"{serial}",
            account_sid=project.TWILIO_ACCOUNT_SID,
            call_sid=f"CA{serial:032x}",
            reason="no such leg",
            named_tenant=named,
            payload={"CallStatus": f"event {serial}"},
        )
    rows = "/admin/calls/unroutedevent/"
    pages = {row.key: f"{rows}{row.pk}/change/" for row in UnroutedEvent.objects.order_by("pk")}
    assert staff.get(rows).status_code == 403
    assert {staff.get(page).status_code for page in pages.values()} == {403}

    root = Client()
    root.force_login(User.objects.create_superuser("root@example.com", "a-long-enough-password"))
    root.post("/admin/workspace/", {"workspace": str(cast.acme.pk)})
    said = root.get(rows).content.decode()
    assert [f"CA{serial:032x}" in said for serial in range(4)] == [True, False, True, True]
    assert "no such leg" in said
    shown = {key: root.get(page) for key, page in pages.items()}
    assert [shown[key].status_code for key in "0123"] == [200, 302, 200, 200]
    assert "event 0" in shown["0"].content.decode() and b'name="_save"' not in shown["0"].content
    assert root.post(pages["0"], {"reason": "x"}).status_code == 403
    assert root.post(pages["0"].replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert root.get(f"{rows}add/").status_code == 403
