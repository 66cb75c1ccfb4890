"""A file that an admin gives us: read, looked at, brought in by a worker come what may, undone."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from contacts import tasks
from contacts.imports import jobs, storing
from contacts.imports.matching import MOST_NEAR
from contacts.imports.reading import read_into_parts, reader_of
from contacts.imports.rows import Row
from contacts.models import Contact, ContactImport, ContactImportPart, ContactImportPiece
from contacts.services import create_contact, update_contact
from contacts.tests.imports.test_command import contents
from contacts.tests.imports.test_files import FILES, workbook
from tenants.fence import roles
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry
from tenants.tests.database import giving_up_on_locks
from tenants.tests.fence.test_row_level_security import session_of
from tenants.trail import audit

GOOD = b"name,email\nAnn,ann@x.example\nBea,bea@x.example\nCid,cid@x.example\nDan,dan@x.example\n"
Stage = ContactImport.Stage


@pytest.fixture
def alice(cast: Any, signed_in: Callable[[Any], Client]) -> Client:
    return signed_in(cast.alice)


@pytest.fixture
def a_row_at_a_time(monkeypatch: Any) -> None:
    monkeypatch.setattr("contacts.imports.reading.PART", 1)


def posted(alice: Client, data: bytes, name: str = "contacts.csv", kind: str = "text/csv") -> Any:
    upload = SimpleUploadedFile(name, data, content_type=kind)
    return alice.post("/contacts/import", {"file": upload})


def taken(alice: Client, cast: Any, data: bytes, name: str = "contacts.csv") -> str:
    """The address of a file that has been posted, read, and looked at."""
    answer = posted(alice, data, name)
    assert answer.status_code == 303
    work_off(cast)
    work_off(cast)
    assert latest(cast).stage == Stage.READY
    return str(answer.headers["Location"])


def tell(alice: Client, where: str, does: str, **form: Any) -> Any:
    return alice.post(f"{where}/change", {"does": does, **form})


def begun(alice: Client, cast: Any, data: bytes, name: str = "contacts.csv") -> str:
    where = taken(alice, cast, data, name)
    file = latest(cast)
    form = {"meaning": file.meanings} | ({"is_headed": "on"} if file.is_headed else {})
    assert tell(alice, where, "begin", **form).status_code == 302
    assert latest(cast).stage == Stage.IMPORTING
    return where


def brought_in(alice: Client, cast: Any, data: bytes) -> Any:
    """The page of a file that has been posted and worked off."""
    where = begun(alice, cast, data)
    work_off(cast)
    return alice.get(where)


def work_off(cast: Any) -> None:
    tasks.work_off_import(str(cast.acme.pk), str(latest(cast).pk))


def latest(cast: Any) -> ContactImport:
    with tenant_transaction(cast.acme.pk):
        return ContactImport.objects.order_by("begun_at").last()


def change(cast: Any, **values: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        ContactImport.objects.update(**values)


def counts(cast: Any) -> tuple[int, int, int, int]:
    file = latest(cast)
    return file.added, file.completed, file.unchanged, file.skipped


def names(cast: Any) -> list[str]:
    with tenant_transaction(cast.acme.pk):
        return sorted(Contact.objects.filter(email__contains="@x.").values_list("name", flat=True))


def downloaded(alice: Client, where: str) -> bytes:
    answer: Any = alice.get(where)
    return b"".join(answer.streaming_content)


def previewed(cast: Any) -> Any:
    return latest(cast).preview


def part(alice: Client, where: str, target: str) -> str:
    htmx = {"HX-Request": "true", "HX-Target": target}
    return str(alice.get(where, headers=htmx).content.decode())


@pytest.mark.parametrize("claimed", ["text/csv", "application/octet-stream"])
def test_a_file_is_read_looked_at_and_brought_in(cast: Any, alice: Client, claimed: str) -> None:
    rows = "name;email;phone;age\nÄnne;a@x.example;;\nNo number;;12;\n\nBob;b@x.example;;\n"
    where = posted(alice, rows.encode(), "people <b>.csv", claimed).headers["Location"]
    page = alice.get(where).content.decode()
    assert "Reading the file" in page and f'hx-get="{where}"' in page
    asks = 'hx-trigger="every 300ms"'  # "load" would come no more after two answers that are alike
    assert asks in page
    work_off(cast)
    page = part(alice, where, "section#import")
    assert page.strip().startswith("<form") and "Looking at the rows" in page and asks in page
    work_off(cast)
    page = part(alice, where, "div#import-preview")
    assert page.startswith("<div") and "hx-get" not in page
    assert "2 added, 0 completed, 0 unchanged, 1 skipped" in page and "Ignored: age." in page
    assert "<b>Line 3</b>" in page and names(cast) == []
    tell(alice, where, "begin", meaning=["name", "email", "phone", ""], is_headed="on")
    assert "Importing" in alice.get(where).content.decode() and names(cast) == []
    work_off(cast)
    page = part(alice, where, "section#import")
    assert page.strip().startswith("<section") and "every " not in page
    assert "2 added, 0 completed, 0 unchanged, 1 skipped." in page
    assert "<b>Line 3</b>" in page and ">Änne</a>" in page
    assert names(cast) == ["Bob", "Änne"]
    back = downloaded(alice, f"{where}/skipped").decode("utf-8-sig")
    assert back.splitlines()[0] == '"name","email","phone","age","why"'
    assert back.splitlines()[1].startswith('"No number","","12","","phone “12”: ')
    assert "people &lt;b&gt;.csv" in alice.get("/contacts/import").content.decode()
    with tenant_transaction(cast.acme.pk):
        (entry,) = AuditEntry.objects.filter(action=audit.Action.CONTACTS_IMPORTED)
        assert not ContactImportPiece.objects.exists()
    assert entry.details == {"file": "people <b>.csv"}


def test_a_file_that_cannot_be_read_says_so_and_can_be_discarded(cast: Any, alice: Client) -> None:
    where = posted(alice, b"PK\x03\x04 something").headers["Location"]
    work_off(cast)
    assert "This workbook cannot be read." in alice.get(where).content.decode()
    assert latest(cast).stage == Stage.UNREADABLE
    assert tell(alice, where, "discard").headers["Location"] == "/contacts/import"
    assert alice.get(where).status_code == 404


def test_what_the_columns_mean_can_be_said_and_is_remembered(cast: Any, alice: Client) -> None:
    data = b"Wer,Wo,Was\nAnn,ann@x.example,X\n"
    where = taken(alice, cast, data)
    page = alice.get(where).content.decode()
    assert "No column is set as name or company." in page
    refused = tell(alice, where, "begin", meaning=["", "email", ""], is_headed="on")
    assert refused.status_code == 422 and latest(cast).stage == Stage.READY
    wrong = tell(alice, where, "look", meaning=["name"], is_headed="on")
    assert wrong.status_code == 422 and "different columns" in wrong.content.decode()
    tell(alice, where, "look", meaning=["name", "email", "company"], is_headed="on")
    assert latest(cast).preview is None
    work_off(cast)
    assert previewed(cast)["counts"]["added"] == 1
    tell(alice, where, "begin", meaning=["name", "email", "company"], is_headed="on")
    work_off(cast)
    assert names(cast) == ["Ann"]
    taken(alice, cast, data.replace(b"Ann", b"Bea"))
    assert latest(cast).meanings == ["name", "email", "company"]


def test_a_first_row_that_is_a_contact_can_be_said_to_be_one(cast: Any, alice: Client) -> None:
    where = taken(alice, cast, b"Name,Email\nAnn,ann@x.example\n")
    tell(alice, where, "look", meaning=["name", "company"])
    work_off(cast)
    shown = previewed(cast)["first"]
    assert [row["line"] for row in shown] == [1, 2]


def test_people_who_share_a_number_are_shown_and_asked_for(cast: Any, alice: Client) -> None:
    where = taken(alice, cast, b"name,phone,company\nPaul <i>,+14155550100,X\n")
    page = part(alice, where, "div#import-preview")
    assert "Paul &lt;i&gt; shares a number with Maria of Acme." in page and "1 added" in page
    form = {"meaning": ["name", "phone", "company"], "is_headed": "on"}
    tell(alice, where, "look", sharing="same", **form)
    work_off(cast)
    page = part(alice, where, "div#import-preview")
    assert "0 added, 0 completed, 0 unchanged, 1 skipped" in page
    assert "This number belongs to “Sunrise Foods” here." in page
    assert 'value="same" checked' in " ".join(page.split())
    tell(alice, where, "look", sharing="others", **form)
    tell(alice, where, "begin", **form)
    work_off(cast)
    assert counts(cast) == (1, 0, 0, 0)


def test_a_look_at_columns_that_have_been_changed_meanwhile_counts_nothing(
    cast: Any, alice: Client, monkeypatch: Any
) -> None:
    where = taken(alice, cast, GOOD)
    form = {"meaning": ["name", "email"], "is_headed": "on"}
    tell(alice, where, "look", **form)

    def slow(*_: Any) -> dict[str, Any]:
        tell(alice, where, "look", **form | {"meaning": ["name", ""]})
        return {"counts": "of before"}

    monkeypatch.setattr("contacts.imports.jobs.preview_of", slow)
    work_off(cast)
    assert latest(cast).preview is None


def test_a_worker_that_dies_between_two_parts_costs_no_row_and_doubles_none(
    cast: Any, alice: Client, a_row_at_a_time: None, monkeypatch: Any
) -> None:
    rows = b"name,email\nAnn,ann@x.example\nNobody,no address\nBea,bea@x.example\nCid,c@x.example\n"
    where = begun(alice, cast, rows)
    with dying_after(4, "_write", monkeypatch), pytest.raises(SystemExit):
        work_off(cast)
    interrupted = latest(cast)
    assert interrupted.stage == Stage.IMPORTING and interrupted.handled == 2
    work_off(cast)
    assert latest(cast).handled == 2  # for its worker may be slow, not dead
    change(cast, taken_until=timezone.now() - timedelta(seconds=1))
    work_off(cast)
    assert counts(cast) == (3, 0, 0, 1) and latest(cast).stage == Stage.DONE
    assert "<b>Line 3</b>" in alice.get(where).content.decode()
    assert names(cast) == ["Ann", "Bea", "Cid"]


@contextmanager
def dying_after(calls: int, name: str, monkeypatch: Any) -> Iterator[None]:
    left, real = iter(range(calls - 1)), getattr(storing, name)

    def die(*given: Any) -> Any:
        if next(left, None) is None:
            raise SystemExit
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(storing, name, die)
        yield


def test_a_file_of_which_half_was_read_is_read_anew(
    cast: Any, alice: Client, a_row_at_a_time: None, monkeypatch: Any
) -> None:
    posted(alice, GOOD)
    with monkeypatch.context() as patch:
        patch.setattr("contacts.imports.reading.TOGETHER", 2)
        patch.setattr("contacts.imports.reading.guess", Mock(side_effect=SystemExit))
        with pytest.raises(SystemExit):
            work_off(cast)
    assert latest(cast).stage == Stage.READING
    with tenant_transaction(cast.acme.pk):
        assert ContactImportPart.objects.count() == 5
    change(cast, taken_until=None)
    work_off(cast)
    assert latest(cast).stage == Stage.READY and latest(cast).contacts == 4
    with tenant_transaction(cast.acme.pk):
        assert ContactImportPart.objects.count() == 5


def test_a_worker_that_was_overtaken_stops_and_counts_nothing_twice(
    cast: Any, alice: Client, a_row_at_a_time: None, monkeypatch: Any
) -> None:
    begun(alice, cast, GOOD)
    overtaking: list[int] = []
    real = reader_of

    def slow(*given: Any) -> Any:
        if not overtaking:  # the lease is over, somebody else takes it up
            overtaking.append(1)
            change(cast, taken_until=timezone.now() - timedelta(seconds=1))
            work_off(cast)
        return real(*given)

    monkeypatch.setattr("contacts.imports.jobs.reader_of", slow)
    work_off(cast)
    assert overtaking == [1]
    assert counts(cast) == (4, 0, 0, 0) and latest(cast).stage == Stage.DONE
    assert names(cast) == ["Ann", "Bea", "Cid", "Dan"]


def test_what_fails_is_tried_again_and_in_the_end_said_to_have_broken_off(
    cast: Any, alice: Client, monkeypatch: Any
) -> None:
    where = begun(alice, cast, GOOD)
    monkeypatch.setattr("contacts.imports.storing._write", Mock(side_effect=ZeroDivisionError))
    queued: list[float] = []
    monkeypatch.setattr("contacts.tasks.queue", lambda *_, countdown: queued.append(countdown))
    for _ in range(jobs.MOST_FAILURES):
        assert "Importing" in alice.get(where).content.decode()
        work_off(cast)
        change(cast, taken_until=None)
    assert queued == [2.0**n for n in range(1, jobs.MOST_FAILURES)]
    page = alice.get(where).content.decode()
    assert "The import stopped after 0 of 4 rows" in page and "every " not in page
    assert names(cast) == []


@pytest.mark.parametrize(
    ("broken", "stage", "says"),
    [
        ("contacts.imports.jobs.read_into_parts", Stage.UNREADABLE, "We can’t read this file."),
        ("contacts.imports.jobs.preview_of", Stage.READY, "No preview is available."),
    ],
)
def test_what_cannot_even_be_looked_at_says_so(
    cast: Any, alice: Client, monkeypatch: Any, broken: str, stage: str, says: str
) -> None:
    where = posted(alice, GOOD).headers["Location"]
    monkeypatch.setattr(broken, Mock(side_effect=ZeroDivisionError))
    for _ in range(jobs.MOST_FAILURES + 1):
        work_off(cast)
        change(cast, taken_until=None)
    assert latest(cast).stage == stage and says in alice.get(where).content.decode()


@pytest.mark.skipif(not roles.application_role(), reason="SQLite locks the whole database")
def test_an_import_waits_for_a_table_that_is_locked(
    committed_cast: Any, signed_in: Callable[[Any], Client]
) -> None:
    begun(signed_in(committed_cast.alice), committed_cast, GOOD)
    with session_of(roles.application_role()) as theirs, giving_up_on_locks():
        theirs.execute("BEGIN; LOCK TABLE contacts_contact IN SHARE MODE")
        work_off(committed_cast)
    assert latest(committed_cast).failures == 1
    change(committed_cast, taken_until=None)
    work_off(committed_cast)
    assert latest(committed_cast).added == 4


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
    for _ in range(jobs.MOST_UNDER_WAY):
        assert posted(alice, GOOD).status_code == 303
    answer = posted(alice, GOOD)
    assert answer.status_code == 422
    assert "already in progress" in answer.context["form"].errors["file"][0]
    work_off(cast)
    assert posted(alice, GOOD).status_code == 303


def test_a_long_file_is_brought_in_bit_by_bit_and_one_after_the_other(
    cast: Any, alice: Client, a_row_at_a_time: None, monkeypatch: Any
) -> None:
    begun(alice, cast, GOOD)
    first = latest(cast)
    begun(alice, cast, GOOD)
    second = latest(cast)
    queued: list[Any] = []

    def queue(task: Any, *given: Any, countdown: float = 0) -> None:
        queued.append((*map(str, given), countdown))

    monkeypatch.setattr("contacts.tasks.queue", queue)
    monkeypatch.setattr("contacts.imports.jobs.AT_A_TIME", -1.0)  # a part each time
    ids = str(cast.acme.pk), str(first.pk)
    for handled in (0, 1, 2, 3, 4):  # the header is a part of its own
        tasks.work_off_import(*ids)
        with tenant_transaction(cast.acme.pk):
            first.refresh_from_db()
        assert (first.handled, first.stage) == (handled, Stage.IMPORTING)
        assert queued.pop() == (*ids, 0.0)
    with tenant_transaction(cast.acme.pk):
        ContactImport.objects.filter(pk=first.pk).update(
            taken_until=timezone.now() + timedelta(seconds=60)
        )
    tasks.work_off_import(ids[0], str(second.pk))
    assert queued.pop() == (ids[0], str(second.pk), jobs.IN_TURN)
    with tenant_transaction(cast.acme.pk):
        ContactImport.objects.filter(pk=first.pk).update(taken_until=None)
    tasks.work_off_import(*ids)
    with tenant_transaction(cast.acme.pk):
        first.refresh_from_db()
    assert first.stage == Stage.DONE and (first.added, first.unchanged) == (4, 0) and not queued


def test_undo_takes_back_all_that_came_and_nothing_else(
    cast: Any, alice: Client, a_row_at_a_time: None
) -> None:
    before = contents(cast.acme)
    where = begun(
        alice,
        cast,
        b"name,email,phone\nAnn,ann@x.example,\nMaria,maria@x.example,+14155550100/4155550199\n"
        b"Bea,bea@x.example,+14155550198\nAnn,ann@x.example,4155550197\n",
    )
    work_off(cast)
    assert counts(cast) == (2, 2, 0, 0) and contents(cast.acme) != before
    assert "Undo" in alice.get(where).content.decode()
    tell(alice, where, "undo")
    work_off(cast)
    assert latest(cast).stage == Stage.UNDONE and latest(cast).kept == 0
    assert contents(cast.acme) == before
    assert "added has been removed." in alice.get(where).content.decode()
    tell(alice, where, "undo")
    assert latest(cast).stage == Stage.UNDONE
    with tenant_transaction(cast.acme.pk):
        assert AuditEntry.objects.filter(action=audit.Action.IMPORT_UNDONE).count() == 1


@pytest.mark.parametrize("file", sorted(FILES.iterdir()), ids=lambda file: file.name)
def test_files_as_people_have_them_come_in_through_the_page(
    cast: Any, alice: Client, file: Path
) -> None:
    before = contents(cast.acme)
    where = begun(alice, cast, file.read_bytes(), file.name)
    work_off(cast)
    # Those of spreadsheets hold numbers of another country, as people write them at home.
    came = "skipped" if file.name.startswith("excel-") else "(added|completed)"
    assert re.search(f"[1-9] {came}", alice.get(where).content.decode())
    tell(alice, where, "undo")
    work_off(cast)
    assert "Undone" in alice.get(where).content.decode() and contents(cast.acme) == before


def test_undo_leaves_what_somebody_has_changed_since(cast: Any, alice: Client) -> None:
    where = begun(alice, cast, GOOD + b"Maria,m@x.example\n")
    with tenant_transaction(cast.acme.pk):
        maria = create_contact(cast.acme, name="Maria", email="m@x.example")
    work_off(cast)
    with tenant_transaction(cast.acme.pk):
        bea = Contact.objects.get(name="Bea")
        update_contact(bea, name="Bea Roe", company="", email=bea.email, numbers=[])
    tell(alice, where, "undo")
    work_off(cast)
    assert names(cast) == ["Bea Roe", "Maria"] and latest(cast).kept == 1
    assert "1 contact was kept because" in alice.get(where).content.decode()
    with tenant_transaction(cast.acme.pk):
        assert Contact.objects.filter(pk=maria.pk).exists()


def test_undo_in_the_middle_stops_what_is_still_to_come(
    cast: Any, alice: Client, a_row_at_a_time: None, monkeypatch: Any
) -> None:
    where = begun(alice, cast, GOOD)
    with dying_after(4, "_write", monkeypatch), pytest.raises(SystemExit):
        work_off(cast)
    assert names(cast) == ["Ann", "Bea"]
    tell(alice, where, "undo")
    with dying_after(2, "_referred_to", monkeypatch), pytest.raises(SystemExit):
        work_off(cast)
    assert names(cast) == ["Ann"]
    change(cast, taken_until=None)
    work_off(cast)
    assert names(cast) == [] and latest(cast).stage == Stage.UNDONE


def test_after_a_day_nothing_is_undone(cast: Any, alice: Client) -> None:
    where = begun(alice, cast, GOOD)
    work_off(cast)
    change(cast, finished_at=timezone.now() - timedelta(hours=25))
    assert "Undo" not in alice.get(where).content.decode()
    tell(alice, where, "undo")
    assert latest(cast).stage == Stage.DONE


def test_what_came_is_shown_page_by_page(cast: Any, alice: Client, a_row_at_a_time: None) -> None:
    rows = "".join(f"Person {n},p{n}@x.example\n" for n in range(60))
    page = brought_in(alice, cast, f"name,email\n{rows}".encode())
    shown: list[str] = []
    text, where = page.content.decode(), page.request["PATH_INFO"]
    while True:
        shown += [name for name in names(cast) if f">{name}</a>" in text]
        if "?after=" not in text:
            break
        after = text.partition("?after=")[2].partition('"')[0]
        text = part(alice, f"{where}?after={after}", "li#import-came")
    assert sorted(shown) == names(cast) and len(shown) == 60
    assert "Person 0" in part(alice, f"{where}?after=nonsense", "li#import-came")


def test_what_nobody_asks_for_any_more_is_forgotten(cast: Any, alice: Client) -> None:
    where = brought_in(alice, cast, GOOD).request["PATH_INFO"]
    posted(alice, GOOD)
    change(cast, begun_at=timezone.now() - timedelta(days=31))
    tasks.take_up_imports(cast.acme.pk)
    with tenant_transaction(cast.acme.pk):
        assert ContactImport.objects.filter(stage=Stage.READING).exists()  # is still to be read
        assert not ContactImportPart.objects.exists()
    page = alice.get(where).content.decode()
    assert "4 added" in page and "Contacts from this file" not in page
    with tenant_transaction(cast.acme.pk):
        ContactImport.objects.filter(stage=Stage.READING).update(stage=Stage.READY)
    tasks.take_up_imports(cast.acme.pk)
    with tenant_transaction(cast.acme.pk):
        assert ContactImport.objects.count() == 1
    change(cast, begun_at=timezone.now() - timedelta(days=401))
    tasks.take_up_imports(cast.acme.pk)
    assert alice.get(where).status_code == 404


def test_rows_are_counted_however_they_end(cast: Any, alice: Client) -> None:
    brought_in(alice, cast, GOOD.replace(b"\n", b"\r"))
    assert names(cast) == ["Ann", "Bea", "Cid", "Dan"] and latest(cast).rows == 5


def test_the_sample_is_a_file_that_can_be_imported(cast: Any, alice: Client) -> None:
    brought_in(alice, cast, downloaded(alice, "/contacts/import/sample"))
    assert counts(cast) == (2, 0, 0, 0)


def test_the_file_of_skipped_rows_is_read_as_the_file_was(cast: Any, alice: Client) -> None:
    form = {"meaning": ["name", "email", "phone"], "is_headed": "on"}
    where = taken(alice, cast, b"Wer,Wo,Tel\nAnn,ann@x.example,12\nBea,bea@x.example,\n")
    tell(alice, where, "begin", **form)
    work_off(cast)
    assert counts(cast) == (1, 0, 0, 1)
    back = downloaded(alice, f"{where}/skipped")
    taken(alice, cast, back.replace(b'"12"', b'"4155550123"'))
    assert latest(cast).meanings == ["name", "email", "phone", ""]


def test_a_first_row_that_was_said_to_be_a_contact_is_one_the_next_time(
    cast: Any, alice: Client
) -> None:
    data = b"Adam,Berlin\nBea,Bonn\n"
    where = taken(alice, cast, data)
    assert latest(cast).is_headed
    tell(alice, where, "begin", meaning=["name", "company"])
    work_off(cast)
    assert counts(cast) == (2, 0, 0, 0)
    taken(alice, cast, data)
    assert not latest(cast).is_headed and previewed(cast)["counts"]["unchanged"] == 2
    # What stands in a file without names counts, not what stood in another one.
    taken(alice, cast, b"bob@x.example,Bob\n")
    assert latest(cast).meanings == ["email", "name"]


def test_columns_that_have_no_name_are_columns(cast: Any, alice: Client) -> None:
    book = workbook(["Name", "Email"], ["Ann", "ann@x.example", "tall"], ["Bea", "bea@x.example"])
    taken(alice, cast, book, "people.xlsx")
    assert latest(cast).names == ["Name", "Email", ""]
    assert previewed(cast)["counts"]["added"] == 2
    taken(
        alice, cast, b"ann@x.example,Ann\nbea@x.example,Bea,4155550123\nc@x.example,Cy,4155550124\n"
    )
    assert latest(cast).meanings == ["email", "name", "phone"]
    # One row with a comma too many is told of instead.
    taken(alice, cast, GOOD + b"Eve,e@x.example,x\n")
    counts = previewed(cast)["counts"]
    assert (counts["added"], counts["skipped"]) == (4, 1)


def test_who_is_killed_at_each_try_is_given_up(cast: Any, alice: Client, monkeypatch: Any) -> None:
    where = posted(alice, GOOD).headers["Location"]
    monkeypatch.setattr("contacts.imports.jobs.read_into_parts", Mock(side_effect=SystemExit))
    for _ in range(jobs.MOST_FAILURES):
        with pytest.raises(SystemExit):
            work_off(cast)
        change(cast, taken_until=timezone.now() - timedelta(seconds=1))
    work_off(cast)
    assert latest(cast).stage == Stage.UNREADABLE
    assert "We can’t read this file." in alice.get(where).content.decode()


def test_a_file_can_be_discarded_while_it_is_read(
    cast: Any, alice: Client, monkeypatch: Any
) -> None:
    where = posted(alice, GOOD).headers["Location"]
    real = read_into_parts

    def slow(*given: Any, **more: Any) -> None:
        assert tell(alice, where, "discard").status_code == 303
        real(*given, **more)

    monkeypatch.setattr("contacts.imports.jobs.read_into_parts", slow)
    tasks.work_off_import(str(cast.acme.pk), str(latest(cast).pk))
    assert alice.get(where).status_code == 404
    with tenant_transaction(cast.acme.pk):
        assert not ContactImportPart.objects.exists() and not ContactImportPiece.objects.exists()


def test_an_undo_that_fails_says_so_and_can_be_asked_for_again(
    cast: Any, alice: Client, monkeypatch: Any
) -> None:
    where = begun(alice, cast, GOOD)
    work_off(cast)
    tell(alice, where, "undo")
    with monkeypatch.context() as patch:
        patch.setattr(storing, "take_back", Mock(side_effect=ZeroDivisionError))
        for _ in range(jobs.MOST_FAILURES):
            work_off(cast)
            change(cast, taken_until=None)
    assert "Press Undo again." in alice.get(where).content.decode()
    tell(alice, where, "undo")
    work_off(cast)
    assert names(cast) == [] and latest(cast).stage == Stage.UNDONE


def test_what_a_person_saves_meanwhile_stays(cast: Any, alice: Client, monkeypatch: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        old = create_contact(cast.acme, name="Old", email="old@x.example")
    where = begun(
        alice, cast, b"name,email,company,phone\nOld,old@x.example,Of the file,4155550123\n"
    )
    real = storing._write

    def write(*given: Any) -> Any:
        Contact.objects.filter(pk=old.pk).update(company="New, by a person")
        return real(*given)

    monkeypatch.setattr(storing, "_write", write)
    work_off(cast)
    with tenant_transaction(cast.acme.pk):
        old.refresh_from_db()
        assert old.company == "New, by a person" and old.numbers.count() == 1
    tell(alice, where, "undo")
    work_off(cast)
    with tenant_transaction(cast.acme.pk):
        old.refresh_from_db()
        assert old.company == "New, by a person" and old.numbers.count() == 0


def test_a_label_that_a_number_lacks_is_added_and_taken_back(cast: Any, alice: Client) -> None:
    with tenant_transaction(cast.acme.pk):
        create_contact(cast.acme, name="Zed", numbers=[("+14155550177", ""), ("+14155550178", "a")])
    before = contents(cast.acme)
    where = begun(alice, cast, b"name,mobile,work phone\nZed,4155550177,4155550178\n")
    work_off(cast)
    assert counts(cast) == (0, 1, 0, 0)
    with tenant_transaction(cast.acme.pk):
        labels = Contact.objects.get(name="Zed").numbers.values_list("label", flat=True)
        assert sorted(labels) == ["Mobile", "a"]
    tell(alice, where, "undo")
    work_off(cast)
    assert contents(cast.acme) == before


def test_undo_leaves_a_completed_contact_that_was_edited_since(cast: Any, alice: Client) -> None:
    with tenant_transaction(cast.acme.pk):
        zed = create_contact(cast.acme, name="Zed", email="zed@x.example")
    where = begun(alice, cast, b"name,email,phone\nZed,zed@x.example,4155550177\n")
    work_off(cast)
    form = {"name": "Zed", "company": "", "email": "zed@x.example"}
    form |= {"number": "4155550177", "label": "verified"}
    assert alice.post(f"/contacts/{zed.pk}/edit", form).status_code == 303
    tell(alice, where, "undo")
    work_off(cast)
    with tenant_transaction(cast.acme.pk):
        assert zed.numbers.get().label == "verified"
    assert latest(cast).kept == 1


def test_of_many_people_with_one_number_few_are_loaded(cast: Any, alice: Client) -> None:
    rows = "".join(f"Person {n},4155550123\n" for n in range(300))
    data = f"name,phone\n{rows}".encode()
    brought_in(alice, cast, data)
    with tenant_transaction(cast.acme.pk):
        loaded = list(storing._stored([Row(2, "Person 299", "", "", (("+14155550123", ""),))]))
    assert len(loaded) == MOST_NEAR + 1 and loaded[-1].name == "Person 299"
    brought_in(alice, cast, data)
    assert counts(cast) == (0, 0, 300, 0)


def test_a_part_of_a_page_that_is_behind_is_answered_with_what_is_now(
    cast: Any, alice: Client
) -> None:
    where = begun(alice, cast, GOOD)
    htmx = {"HX-Request": "true", "HX-Target": "div#import-preview"}
    answer = alice.get(where, headers=htmx)
    assert answer.headers["HX-Retarget"] == "#import" and b"Importing" in answer.content
    strange = tell(
        alice, taken(alice, cast, GOOD), "look", meaning=["name", "email"], sharing="x\0"
    )
    assert strange.status_code == 422 and b"Reload the page." in strange.content


def test_what_waits_for_a_word_is_bounded_too(cast: Any, alice: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(jobs, "MOST_WAITING", 1)
    taken(alice, cast, GOOD)
    assert posted(alice, GOOD).status_code == 422


def test_an_import_of_before_its_rows_were_kept_is_not_offered_to_be_undone(
    cast: Any, alice: Client
) -> None:
    where = brought_in(alice, cast, GOOD).request["PATH_INFO"]
    with tenant_transaction(cast.acme.pk):
        ContactImportPart.objects.all().delete()
    assert 'value="undo"' not in alice.get(where).content.decode()
