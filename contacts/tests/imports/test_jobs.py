"""A file that an admin gives us: taken, brought in by a worker come what may, and told of."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from contacts import tasks
from contacts.imports import jobs as imports
from contacts.imports.rows import BadRow, ContactFile, Row
from contacts.models import Contact, ContactImport
from tenants.fence import roles
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry
from tenants.tests.database import giving_up_on_locks
from tenants.tests.fence.test_row_level_security import session_of
from tenants.trail import audit

GOOD = b"name,email\nAnn,ann@x.example\nBea,bea@x.example\nCid,cid@x.example\nDan,dan@x.example\n"


@pytest.fixture
def alice(cast: Any, signed_in: Callable[[Any], Client]) -> Client:
    return signed_in(cast.alice)


def posted(alice: Client, data: bytes, name: str = "contacts.csv", kind: str = "text/csv") -> Any:
    upload = SimpleUploadedFile(name, data, content_type=kind)
    return alice.post("/contacts/import", {"file": upload})


def brought_in(alice: Client, cast: Any, data: bytes) -> Any:
    """The page of a file that has been posted and worked off."""
    answer = posted(alice, data)
    assert answer.status_code == 303
    work_off(cast)
    return alice.get(answer.headers["Location"])


def work_off(cast: Any) -> None:
    tasks.work_off_import(str(cast.acme.pk), str(latest(cast).pk))


def latest(cast: Any) -> ContactImport:
    with tenant_transaction(cast.acme.pk):
        return ContactImport.objects.order_by("begun_at").last()


def change(cast: Any, **values: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        ContactImport.objects.update(**values)


def names(cast: Any) -> list[str]:
    with tenant_transaction(cast.acme.pk):
        return sorted(Contact.objects.filter(email__contains="@x.").values_list("name", flat=True))


@pytest.mark.parametrize("claimed", ["text/csv", "application/octet-stream"])
def test_rows_are_imported_and_refused_ones_named(cast: Any, alice: Client, claimed: str) -> None:
    rows = "name;email;phone;age\nÄnne;a@x.example;;\nNo number;;12;\n\nBob;b@x.example;;\n"
    taken = posted(alice, rows.encode(), "people <b>.csv", claimed)
    where = taken.headers["Location"]
    page = alice.get(where).content.decode()
    assert "Importing" in page and f'hx-get="{where}"' in page and names(cast) == []
    work_off(cast)
    htmx = {"HX-Request": "true", "HX-Target": "section#import"}
    page = alice.get(where, headers=htmx).content.decode()
    assert page.startswith("<section") and "hx-get" not in page
    assert "2 created, 0 completed, 0 unchanged, 1 refused." in page
    assert "<b>Line 3</b>" in page and "were left out: age." in page
    assert names(cast) == ["Bob", "Änne"]
    assert latest(cast).content == ""
    assert "people &lt;b&gt;.csv" in alice.get("/contacts/import").content.decode()
    with tenant_transaction(cast.acme.pk):
        (entry,) = AuditEntry.objects.filter(action=audit.Action.CONTACTS_IMPORTED)
    assert entry.details == {"file": "people <b>.csv"}


def test_a_worker_that_dies_between_two_batches_costs_no_row_and_doubles_none(
    cast: Any, alice: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr("contacts.imports.storing.BATCH", 1)
    posted(alice, b"name,email\nAnn,ann@x.example\nNobody,\nBea,bea@x.example\nCid,c@x.example\n")
    monkeypatch.setattr("contacts.imports.storing._store", die_after(3))
    with pytest.raises(SystemExit):
        work_off(cast)
    interrupted = latest(cast)
    assert interrupted.finished_at is None and interrupted.rows == 2
    monkeypatch.undo()
    work_off(cast)
    assert latest(cast).rows == 2  # for its worker may be slow, not dead
    change(cast, taken_until=timezone.now() - timedelta(seconds=1))
    work_off(cast)
    done = latest(cast)
    assert (done.created, done.unchanged, done.refused) == (3, 0, 1)
    assert [line for line, _ in done.reasons] == [3]
    assert names(cast) == ["Ann", "Bea", "Cid"]


def die_after(calls: int) -> Callable[..., None]:
    from contacts.imports.storing import _store

    left = iter(range(calls - 1))

    def store(*given: Any) -> None:
        if next(left, None) is None:
            raise SystemExit
        _store(*given)

    return store


def test_a_worker_that_was_overtaken_stops_and_counts_nothing_twice(
    cast: Any, alice: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr("contacts.imports.storing.BATCH", 1)
    posted(alice, GOOD)
    overtaking: list[int] = []

    class Slow(ContactFile):
        def __iter__(self) -> Iterator[Row | BadRow]:
            for number, row in enumerate(super().__iter__()):
                if number == 1 and not overtaking:  # the lease is over, somebody else takes it up
                    overtaking.append(number)
                    change(cast, taken_until=timezone.now() - timedelta(seconds=1))
                    work_off(cast)
                yield row

    monkeypatch.setattr("contacts.imports.jobs.ContactFile", Slow)
    work_off(cast)
    assert overtaking == [1]
    done = latest(cast)
    assert (done.created, done.unchanged) == (4, 0) and done.finished_at
    assert names(cast) == ["Ann", "Bea", "Cid", "Dan"]


def test_what_fails_is_tried_again_and_in_the_end_said_to_have_broken_off(
    cast: Any, alice: Client, monkeypatch: Any
) -> None:
    where = posted(alice, GOOD).headers["Location"]
    monkeypatch.setattr("contacts.imports.storing._store", Mock(side_effect=ZeroDivisionError))
    queued: list[float] = []
    monkeypatch.setattr("contacts.tasks.queue", lambda *_, countdown: queued.append(countdown))
    for _ in range(imports.MOST_FAILURES):
        assert "Importing" in alice.get(where).content.decode()
        work_off(cast)
        change(cast, taken_until=None)
    assert queued == [2.0**n for n in range(1, imports.MOST_FAILURES)]
    page = alice.get(where).content.decode()
    assert "The import broke off after 0 rows" in page and "every 1s" not in page
    assert names(cast) == [] and latest(cast).content == ""


@pytest.mark.skipif(not roles.application_role(), reason="SQLite locks the whole database")
def test_an_import_waits_for_a_table_that_is_locked(
    committed_cast: Any, signed_in: Callable[[Any], Client]
) -> None:
    posted(signed_in(committed_cast.alice), GOOD)
    with session_of(roles.application_role()) as theirs, giving_up_on_locks():
        theirs.execute("BEGIN; LOCK TABLE contacts_contact IN SHARE MODE")
        work_off(committed_cast)
    assert latest(committed_cast).failures == 1
    change(committed_cast, taken_until=None)
    work_off(committed_cast)
    assert latest(committed_cast).created == 4


def test_a_file_whose_task_was_lost_is_taken_up_again(
    cast: Any, alice: Client, monkeypatch: Any
) -> None:
    posted(alice, GOOD)
    queued: list[Any] = []
    monkeypatch.setattr("contacts.tasks.queue", lambda *given: queued.append(given[1:]))
    tasks.take_up_imports(cast.acme.pk)
    file = latest(cast)
    assert queued == [(cast.acme.pk, file.pk)]
    change(cast, taken_until=timezone.now() + timedelta(seconds=60))
    tasks.take_up_imports(cast.acme.pk)
    assert len(queued) == 1


def test_a_workspace_has_a_few_files_under_way_and_no_more(cast: Any, alice: Client) -> None:
    for _ in range(imports.MOST_UNDER_WAY):
        assert posted(alice, GOOD).status_code == 303
    answer = posted(alice, GOOD)
    assert answer.status_code == 422
    assert "on their way already" in answer.context["form"].errors["file"][0]
    work_off(cast)
    assert posted(alice, GOOD).status_code == 303


def test_a_long_file_is_brought_in_bit_by_bit_and_one_after_the_other(
    cast: Any, alice: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr("contacts.imports.jobs.AT_A_TIME", -1.0)  # a row each time
    queued: list[Any] = []

    def queue(task: Any, *given: Any, countdown: float = 0) -> None:
        queued.append((*map(str, given), countdown))

    monkeypatch.setattr("contacts.tasks.queue", queue)
    posted(alice, GOOD)
    first = latest(cast)
    ids = str(cast.acme.pk), str(first.pk)
    for rows in range(1, 5):
        tasks.work_off_import(*ids)
        with tenant_transaction(cast.acme.pk):
            first.refresh_from_db()
        assert (first.rows, first.finished_at, queued.pop()) == (rows, None, (*ids, 0.0))
    posted(alice, GOOD)
    second = latest(cast)
    with tenant_transaction(cast.acme.pk):
        ContactImport.objects.filter(pk=first.pk).update(
            taken_until=timezone.now() + timedelta(seconds=60)
        )
    tasks.work_off_import(ids[0], str(second.pk))
    assert queued.pop() == (ids[0], str(second.pk), imports.IN_TURN)
    with tenant_transaction(cast.acme.pk):
        ContactImport.objects.filter(pk=first.pk).update(taken_until=None)
    tasks.work_off_import(*ids)
    with tenant_transaction(cast.acme.pk):
        first.refresh_from_db()
    assert first.finished_at and (first.created, first.unchanged) == (4, 0) and not queued


def test_what_became_of_a_file_is_told_for_a_month(cast: Any, alice: Client) -> None:
    page = brought_in(alice, cast, GOOD).request["PATH_INFO"]
    posted(alice, GOOD)
    change(cast, begun_at=timezone.now() - timedelta(days=31))
    tasks.take_up_imports(cast.acme.pk)
    assert alice.get(page).status_code == 404
    assert latest(cast).finished_at is None  # the other one is still to be brought in


def test_rows_are_counted_however_they_end(cast: Any, alice: Client) -> None:
    answer = posted(alice, b"name,email\r" + b"A,a@x.example\r" * 5001)
    assert answer.status_code == 422
    assert "more than 5,000 rows" in answer.context["form"].errors["file"][0]
    brought_in(alice, cast, GOOD.replace(b"\n", b"\r"))
    assert names(cast) == ["Ann", "Bea", "Cid", "Dan"] and latest(cast).lines == 5
