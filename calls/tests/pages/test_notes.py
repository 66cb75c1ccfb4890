"""What is written down of a call: by whom, over whose words, and where it is shown."""

import csv
import io
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from calls.facts import states
from calls.facts.notes import LONGEST
from calls.models import CallLog
from calls.services import notes
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import Scene
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry
from tenants.trail.audit import Action

HTMX = {"HX-Request": "true"}
WISH = "Wants an offer for 20 seats.\nCall again on Friday."


@pytest.fixture
def call(cast: Any) -> CallLog:
    return an_outbound_call(cast.acme, contact=cast.acme_maria, user=cast.bob.user)


def seen_in(page: str) -> str:
    (found,) = re.findall(r'<input type="hidden" name="seen" value="([^"]*)">', page)
    return str(found)


def write(client: Client, call: CallLog, text: str, seen: str | list[str] = "") -> Any:
    form = {"notes": text, "seen": seen}
    return client.post(f"/calls/{call.pk}/note", form, headers=HTMX)


def version(call: CallLog) -> str:
    at = kept(call).notes_at
    return at.isoformat() if at else ""


def kept(call: CallLog) -> CallLog:
    with tenant_transaction(call.tenant_id):
        return CallLog.objects.select_related("notes_by").get(pk=call.pk)


def test_a_note_is_kept_and_stands_wherever_its_call_is(
    call: CallLog, cast: Any, signed_in: Any
) -> None:
    bob = signed_in(cast.bob)
    answer = write(bob, call, f" {WISH} \n".replace("\n", "\r\n"))
    assert answer.status_code == 200 and "Saved" in answer.content.decode()
    row = kept(call)
    assert (row.notes, row.notes_by) == (WISH, cast.bob.user)
    assert row.notes_at and seen_in(answer.content.decode()) == row.notes_at.isoformat()
    assert write(bob, call, WISH + "!", version(call)).status_code == 200
    assert write(bob, call, WISH, version(call)).status_code == 200
    with tenant_transaction(cast.acme.pk):
        (entry,) = AuditEntry.objects.filter(action=Action.CALL_NOTED)
    assert entry.object_id == str(call.pk) and WISH[:9] not in f"{entry.details}"
    page = signed_in(cast.alice).get(f"/calls/{call.pk}").content.decode()
    assert f"\n{WISH}</textarea>" in page
    assert "Last changed by Bob, Today" in page
    line = "Wants an offer for 20 seats. Call again on Friday."
    for place in ("/calls", f"/contacts/{cast.acme_maria.pk}"):
        assert line in signed_in(cast.bob).get(place).content.decode()
    file = b"".join(signed_in(cast.alice).get("/calls/export")).decode("utf-8-sig")
    assert next(csv.DictReader(io.StringIO(file)))["notes"] == WISH


def test_a_page_of_before_does_not_write_over_what_came_since(
    call: CallLog, cast: Any, signed_in: Any
) -> None:
    before = seen_in(signed_in(cast.alice).get(f"/calls/{call.pk}").content.decode())
    assert write(signed_in(cast.bob), call, "Bob’s <words>").status_code == 200
    refused = write(signed_in(cast.alice), call, "Alice’s words", before)
    said = refused.content.decode()
    assert refused.status_code == 409 and kept(call).notes == "Bob’s <words>"
    assert "Not saved: Bob has changed this note meanwhile." in said
    assert "Bob’s &lt;words&gt;" in said and seen_in(said) == before
    (latest,) = re.findall(r'<button class="btn" name="seen" value="([^"]+)">Save mine', said)
    # As a browser sends it: the button's after the field's.
    both = write(signed_in(cast.alice), call, "Both", seen=[before, latest])
    assert both.status_code == 200
    assert (kept(call).notes, kept(call).notes_by) == ("Both", cast.alice.user)
    again = write(signed_in(cast.alice), call, "Once more", latest)
    assert "you have changed this note meanwhile. It says now:" in again.content.decode()
    assert write(signed_in(cast.bob), call, "", version(call)).status_code == 200
    assert "It is empty now." in write(signed_in(cast.alice), call, "x", latest).content.decode()


def test_the_same_text_once_more_is_no_change(call: CallLog, cast: Any, signed_in: Any) -> None:
    assert write(signed_in(cast.alice), call, "").status_code == 200
    assert kept(call).notes_at is None, "nothing was written"
    write(signed_in(cast.bob), call, WISH)
    first = kept(call).notes_at
    for seen in ("", str(first)):
        assert write(signed_in(cast.alice), call, WISH, seen).status_code == 200
    assert (kept(call).notes_at, kept(call).notes_by) == (first, cast.bob.user)


def test_of_any_two_that_write_at_once_one_is_told(call: CallLog, cast: Any) -> None:
    now = timezone.now()
    with tenant_transaction(cast.acme.pk):
        notes.write(call.pk, "first", seen=None, by=cast.bob, now=now)
        with pytest.raises(notes.WrittenMeanwhile) as other:
            notes.write(call.pk, "second", seen=None, by=cast.alice, now=now)
        assert other.value.call.notes == "first"


def test_what_cannot_be_kept_says_why_and_nothing_is_lost(
    call: CallLog, cast: Any, signed_in: Any
) -> None:
    bob = signed_in(cast.bob)
    longest = "ä" * LONGEST
    too_long = write(bob, call, f"{longest}ä")
    assert too_long.status_code == 422
    said = "Not saved: a note can have 5,000 characters; this one has 5,001."
    assert said in too_long.content.decode()
    assert write(bob, call, "x", "yesterday").status_code == 422
    plain = bob.post(f"/calls/{call.pk}/note", {"notes": f"{longest}ä", "seen": ""})
    assert plain.status_code == 422
    assert said in plain.content.decode() and f"\n{longest}ä</textarea>" in plain.content.decode()
    assert kept(call).notes == ""
    assert write(bob, call, "a\0b").status_code == 422
    assert write(bob, call, longest).status_code == 200
    assert bob.post(f"/calls/{cast.acme.pk}/note", {"notes": "x"}).status_code == 404
    done = bob.post(f"/calls/{call.pk}/note", {"notes": "Anew", "seen": version(call)})
    assert (done.status_code, done["Location"]) == (303, f"/calls/{call.pk}")


def test_it_can_be_written_during_the_call_and_after(
    dialled: Scene, cast: Any, signed_in: Any
) -> None:
    bob = signed_in(cast.bob)
    where = f"/calls/active?request={dialled.request_id}"
    for name in ("in-progress", "completed"):
        dialled.hear(states.CALL, name, dialled.contact_leg)
        panel = bob.get(where).content.decode()
        assert f'popovertarget="note_{dialled.fresh().pk}"' in panel
        assert write(bob, dialled.fresh(), name, seen_in(panel)).status_code == 200
    assert dialled.fresh().notes == "completed"
