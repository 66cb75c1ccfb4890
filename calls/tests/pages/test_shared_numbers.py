"""A number that several contacts have: all of them are shown until somebody says who it is."""

import csv
import io
import json
import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from calls import selectors
from calls.facts import states
from calls.models import CallLog, PossibleContact
from calls.selectors import Filters, presentation
from calls.services import whose
from calls.services.dialing import choose_target
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import Scene
from contacts.holders import MOST_HOLDERS
from contacts.models import Contact
from contacts.numbers import Number
from contacts.services import create_contact, set_archived, update_contact
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry

NUMBER = "+14155550177"
BOTH = "Ana Ruiz or Juan Perez"
HTMX = {"HX-Request": "true"}
names = st.lists(st.text("abc", min_size=1, max_size=3), max_size=8)


@given(names, st.integers(2, MOST_HOLDERS + 1))
def test_several_are_never_said_as_one(named: list[str], count: int) -> None:
    said = presentation.either(named[:count], count)
    assert bool(said) == bool(named)
    if not named:
        return
    assert said != named[0] and all(name in said for name in named[:2])
    counted = [int(each) for each in re.findall(r"(\d+) other", said)]
    told = len(named[:2])
    if count == 2:
        assert " or " in said and not counted
    else:
        assert counted == ([count - told] if count < MOST_HOLDERS else [])


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (2, "Ann or Bob"),
        (3, "Ann, Bob and 1 other"),
        (5, "Ann, Bob and 3 others"),
        (MOST_HOLDERS, "Ann, Bob and many others"),
    ],
)
def test_how_several_are_said(count: int, said: str) -> None:
    assert presentation.either(["Ann", "Bob", "Cem"][:count], count) == said
    assert presentation.either(["Ann"], 2) == "Ann or someone else"


@pytest.fixture
def two(cast: Any) -> Any:
    """Ana and Juan of Sunrise have one number."""
    with tenant_transaction(cast.acme.pk):
        cast.ana, cast.juan = (
            create_contact(cast.acme, name=name, company="Sunrise", numbers=[(NUMBER, "")])
            for name in ("Ana Ruiz", "Juan Perez")
        )
    return cast


def in_doubt(tenant: Any, *contacts: Contact, meant: int = 0, **more: Any) -> CallLog:
    """A call with their number, as dialling writes it."""
    call = an_outbound_call(tenant, to_number=NUMBER, meant=meant or len(contacts), **more)
    with tenant_transaction(tenant.pk):
        whose.note_possible(call, contacts)
    return call


@pytest.fixture
def call(two: Any) -> CallLog:
    return in_doubt(two.acme, two.ana, two.juan, user=two.bob.user)


def contact_of(call: CallLog) -> Any:
    with tenant_transaction(call.tenant_id):
        return CallLog.objects.get(pk=call.pk).contact_id


def choose(client: Client, call: CallLog, contact: Any, seen: Any = None, **headers: Any) -> Any:
    form = {"contact": contact.pk if contact else "", "seen": seen.pk if seen else ""}
    return client.post(f"/calls/{call.pk}/contact", form, headers=headers)


def toast(answer: Any) -> Any:
    return json.loads(answer.headers["HX-Trigger"])["toast"]


def test_a_typed_number_means_all_who_have_it_a_chosen_contact_is_chosen(two: Any) -> None:
    with tenant_transaction(two.acme.pk):
        typed = choose_target(two.acme, to="(415) 555-0177")
        chosen = choose_target(two.acme, to=NUMBER, contact_id=two.juan.pk)
        set_archived(two.ana, True, now=timezone.now())
        left = choose_target(two.acme, to=NUMBER)
    assert (typed.contact, [*typed.possible]) == (None, [two.ana, two.juan])
    assert typed.name == BOTH
    assert (chosen.contact, chosen.possible) == (two.juan, ())
    assert (left.contact, left.possible) == (two.juan, ())
    with tenant_transaction(two.borealis.pk):
        assert choose_target(two.borealis, to=NUMBER).name == ""


def test_the_dialer_says_both_before_there_is_a_call(two: Any, signed_in: Any) -> None:
    bob = signed_in(two.bob)
    wish = json.loads(bob.post("/calls/dial", {"q": NUMBER}).headers["HX-Trigger"])["phone:dial"]
    assert (wish["name"], wish["contactId"]) == (BOTH, None)
    panel = bob.get("/calls/active", {"request": wish["clientRequestId"]}).content.decode()
    assert BOTH in panel and "Who is it?" not in panel
    page = bob.get("/contacts/suggest", {"q": NUMBER}).content.decode()
    assert "Ana Ruiz" in page and "Juan Perez" in page


def test_history_page_and_panel_show_all_and_ask(
    dialled: Scene, two: Any, call: CallLog, signed_in: Any
) -> None:
    bob = signed_in(two.bob)
    with tenant_transaction(two.acme.pk):
        CallLog.objects.filter(pk=call.pk).delete()
        live = dialled.fresh()
        CallLog.objects.update(contact=None, to_number=NUMBER, meant=2)
        whose.note_possible(live, [two.ana, two.juan])
    dialled.hear(states.CALL, "in-progress", dialled.contact_leg)
    for path in ("/calls", f"/calls/{live.pk}", f"/calls/active?request={dialled.request_id}"):
        page = bob.get(path).content.decode()
        assert BOTH in page and "Who is it?" in page, path
        assert str(two.ana.pk) in page and str(two.juan.pk) in page and "Sunrise" in page
        assert "Add as contact" not in page and "/contacts/new?number" not in page
    # In sentences about one person stands the number.
    page = bob.get(f"/calls/{live.pk}").content.decode()
    assert "(415) 555-0177 answered" in page and f"{BOTH} answered" not in page
    rejoined = bob.post("/calls/rejoin", {"request": str(dialled.request_id)})
    assert json.loads(rejoined.headers["HX-Trigger"])["phone:dial"]["name"] == BOTH
    answer = choose(bob, live, two.juan, **HTMX)
    assert answer.status_code == 204 and "live:resync" in answer.headers["HX-Trigger"]
    for path in ("/calls", f"/calls/active?request={dialled.request_id}"):
        page = bob.get(path).content.decode()
        assert "Juan Perez" in page and BOTH not in page and "Who is it?" not in page
    assert f"/contacts/{two.juan.pk}" in page and "Open contact" in page


def test_many_are_counted_and_the_call_page_finds_them(two: Any, signed_in: Any) -> None:
    bob = signed_in(two.bob)
    with tenant_transaction(two.acme.pk):
        for serial in range(11):
            create_contact(two.acme, name=f"Clerk {serial}", numbers=[(NUMBER, "")])
        target = choose_target(two.acme, to=NUMBER)
        last = Contact.objects.get(name="Clerk 10")
    call = in_doubt(two.acme, *target.possible, meant=len(target.possible))
    said = "Ana Ruiz, Juan Perez and 11 others"
    assert said in bob.get("/calls").content.decode()
    page = bob.get(f"/calls/{call.pk}").content.decode()
    assert said in page and "Clerk 5" in page and "Clerk 10" not in page
    page = bob.get(f"/calls/{call.pk}", {"who": "clerk 10"}).content.decode()
    assert str(last.pk) in page and "Clerk 5" not in page
    nobody = bob.get(f"/calls/{call.pk}", {"who": "maria"}).content.decode()
    assert "No contact with this number matches." in nobody
    assert choose(bob, call, last).status_code == 303
    assert contact_of(call) == last.pk


def test_a_choice_is_kept_told_and_can_be_changed(two: Any, call: CallLog, signed_in: Any) -> None:
    bob = signed_in(two.bob)
    answer = choose(bob, call, two.juan)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/calls/{call.pk}")
    page = bob.get(f"/calls/{call.pk}").content.decode()
    assert "This call is with Juan Perez." in page and "Change who it was" in page
    with tenant_transaction(two.acme.pk):
        entry = AuditEntry.objects.get(action="call_contact_chosen")
        after = CallLog.objects.get(pk=call.pk)
    assert (entry.object_id, entry.details) == (str(call.pk), {"contact": ["", "Juan Perez"]})
    assert entry.person == two.bob.user_id and after.updated_at > call.updated_at
    # Changed, then taken back by the toast, then unknown again.
    undo = toast(choose(bob, call, two.ana, two.juan, **HTMX))["undo"]
    assert contact_of(call) == two.ana.pk
    assert bob.post(undo["path"], undo["form"], headers=HTMX).status_code == 204
    assert contact_of(call) == two.juan.pk
    assert choose(bob, call, None, two.juan).status_code == 303
    assert contact_of(call) is None
    assert "Who is it?" in bob.get("/calls").content.decode()


def test_the_page_of_a_call_that_is_over_hears_of_a_choice(
    two: Any, call: CallLog, signed_in: Any
) -> None:
    with tenant_transaction(two.acme.pk):
        CallLog.objects.update(status="canceled", outcome="canceled", ended_at=timezone.now())
    page = signed_in(two.bob).get(f"/calls/{call.pk}").content.decode()
    assert re.search(
        r'<div id="call_page" hx-get="[^"]*" data-call="[^"]*" hx-trigger="[^"]*live:news', page
    )
    assert "every 15s" not in page


def test_of_two_people_who_choose_the_second_is_told(
    two: Any, call: CallLog, signed_in: Any
) -> None:
    assert choose(signed_in(two.alice), call, two.juan).status_code == 303
    bob = signed_in(two.bob)
    told = toast(choose(bob, call, two.ana, **HTMX))
    assert "Someone has just chosen Juan Perez." in told["text"] and "undo" not in told
    assert contact_of(call) == two.juan.pk
    assert "is with Juan" in toast(choose(bob, call, two.juan, **HTMX))["text"]  # they agree
    assert choose(bob, call, None, two.juan).status_code == 303
    late = choose(bob, call, two.ana, two.juan, **HTMX)
    assert "isn’t known" in toast(late)["text"] and contact_of(call) is None
    with tenant_transaction(two.acme.pk):
        assert AuditEntry.objects.filter(action="call_contact_chosen").count() == 2


def test_only_those_who_have_the_number_can_be_chosen_and_only_here(
    two: Any, call: CallLog, signed_in: Any
) -> None:
    bob, charlie = signed_in(two.bob), None
    sure = an_outbound_call(two.acme, contact=two.acme_maria)
    for wrong in (two.acme_maria, two.borealis_maria):
        assert choose(bob, call, wrong).status_code == 404
    path = f"/calls/{call.pk}/contact"
    for form in ({"contact": str(uuid.uuid4())}, {"contact": "x"}):
        assert bob.post(path, form).status_code == 404
    assert bob.get(path).status_code == 405
    assert choose(bob, sure, two.acme_maria, two.acme_maria).status_code == 404
    assert bob.post(f"/calls/{uuid.uuid4()}/contact", {}).status_code == 404
    charlie = signed_in(two.charlie)
    assert choose(charlie, call, two.ana).status_code == 404
    assert choose(charlie, call, two.borealis_maria).status_code == 404
    assert contact_of(call) is None


def test_what_becomes_of_the_contacts_changes_no_past_call(
    two: Any, call: CallLog, signed_in: Any
) -> None:
    bob = signed_in(two.bob)

    def said() -> str:
        with tenant_transaction(two.acme.pk):
            (row,) = selectors.history(two.acme, now=timezone.now()).rows
        return row.name

    with tenant_transaction(two.acme.pk):
        set_archived(two.juan, True, now=timezone.now())
        update_contact(two.ana, name="Ana Luz", company="", email="", numbers=[(NUMBER, "")])
    assert said() == "Ana Luz or Juan Perez" and contact_of(call) is None
    with tenant_transaction(two.acme.pk):
        update_contact(two.juan, name="Juan Perez", company="", email="", numbers=[])
        create_contact(two.acme, name="New", numbers=[(NUMBER, "")])
    assert said() == "Ana Luz or Juan Perez" and contact_of(call) is None
    with tenant_transaction(two.acme.pk):
        two.ana.delete()
    assert said() == "Juan Perez or someone else"
    # Who no longer has the number can still have been it.
    assert choose(bob, call, two.juan).status_code == 303 and said() == "Juan Perez"
    with tenant_transaction(two.acme.pk):
        two.juan.delete()
    assert said() == "(415) 555-0177" and contact_of(call) is None


def test_a_number_that_another_has_too_names_no_calls_of_before(two: Any) -> None:
    unknown = an_outbound_call(two.acme, to_number=NUMBER)
    with tenant_transaction(two.acme.pk):
        update_contact(two.ana, name="Ana", company="", email="", numbers=[(NUMBER, "")])
    assert contact_of(unknown) is None


def test_searching_finds_what_may_be_theirs(two: Any, call: CallLog, signed_in: Any) -> None:
    bob = signed_in(two.bob)
    an_outbound_call(two.acme, contact=two.acme_maria)
    for text in ("juan", "ruiz"):
        with tenant_transaction(two.acme.pk):
            found = selectors.history(two.acme, now=timezone.now(), filters=Filters(text=text)).rows
        assert [row.id for row in found] == [call.pk]
        answer = bob.get("/api/twilio/call-logs", {"q": text}).json()
        assert [each["id"] for each in answer["data"]] == [str(call.pk)]
    choose(bob, call, two.ana)
    assert bob.get("/api/twilio/call-logs", {"q": "juan"}).json()["total"] == 0
    with tenant_transaction(two.acme.pk):
        found = selectors.history(two.acme, now=timezone.now(), filters=Filters(text="juan")).rows
    assert not found


def test_the_api_and_the_export_say_so(two: Any, call: CallLog, signed_in: Any) -> None:
    bob = signed_in(two.bob)
    listed = bob.get("/api/twilio/call-logs").json()["data"][0]
    for answer in (listed, bob.get(f"/api/twilio/call-logs/{call.pk}").json()):
        assert answer["contact"] is answer["contactId"] is None
        possible = [{"id": str(one.pk), "name": one.name} for one in (two.ana, two.juan)]
        assert answer["possibleContacts"] == possible
    text = b"".join(signed_in(two.alice).get("/calls/export")).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["contact"], row["company"]) == (BOTH, "")
    choose(bob, call, two.ana)
    (answer,) = bob.get("/api/twilio/call-logs").json()["data"]
    assert answer["contact"]["name"] == "Ana Ruiz" and answer["possibleContacts"] == []


def test_a_page_of_calls_in_doubt_costs_one_statement_more(two: Any, signed_in: Any) -> None:
    for _ in range(30):
        in_doubt(two.acme, two.ana, two.juan)
    with tenant_transaction(two.acme.pk), CaptureQueriesContext(connection) as queries:
        page = selectors.history(two.acme, now=timezone.now())
    assert {row.name for row in page.rows} == {BOTH} and len(queries) == 2
    bob = signed_in(two.bob)
    bob.get("/calls")
    with CaptureQueriesContext(connection) as queries:
        bob.get("/api/twilio/call-logs?limit=30")
    assert sum("calls_possiblecontact" in query["sql"] for query in queries) == 1
    with tenant_transaction(two.acme.pk), CaptureQueriesContext(connection) as queries:
        selectors.call_page(two.acme, page.rows[0].id, now=timezone.now())
    assert len(queries) == 5


def test_what_is_dialled_is_kept_with_the_call(two: Any) -> None:
    with tenant_transaction(two.acme.pk):
        target = whose.target_of(Number(NUMBER, ""))
        for serial in range(whose.MOST_POSSIBLE):
            create_contact(two.acme, name=f"Clerk {serial}", numbers=[(NUMBER, "")])
        many = whose.target_of(Number(NUMBER, ""))
    assert len(target.possible) == 2 and len(many.possible) == 2 + whose.MOST_POSSIBLE
    call = in_doubt(two.acme, *many.possible)
    with tenant_transaction(two.acme.pk):
        assert PossibleContact.objects.filter(call=call).count() == whose.MOST_POSSIBLE
