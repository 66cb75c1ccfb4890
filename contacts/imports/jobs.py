"""Files of contacts on their way in: taken by a page or a command, read into parts by a worker,
looked at by a person, and brought in part by part. A part, what became of it and how far it brought
the file are one transaction, so that a worker may die at any moment.
"""

import json
import logging
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from contacts.imports import storing
from contacts.imports.leases import Lease, Overtaken
from contacts.imports.previews import preview_of
from contacts.imports.reading import read_into_parts, reader_of, rows_of
from contacts.imports.rows import NO_NAME
from contacts.imports.sizes import learn_sizes
from contacts.imports.storing import Done, Tally
from contacts.imports.tables import BadFile
from contacts.models import ContactImport, ContactImportPart, ContactImportPiece
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant

logger = logging.getLogger(__name__)

Stage = ContactImport.Stage
LONG = (Stage.IMPORTING, Stage.UNDOING)  # one at a time of a workspace
ENDED = (Stage.UNREADABLE, Stage.DONE, Stage.BROKE_OFF, Stage.UNDONE)

MOST_UNDER_WAY = 5  # of a workspace
MOST_WAITING = 20
MOST_FAILURES = 8  # in a row: then it has broken off
PIECE = 2**20  # bytes of a file as it comes
AT_A_TIME = 5.0  # seconds, after which other tasks have their turn
IN_TURN = 3.0  # seconds until one that waits for another asks again
TO_UNDO = timedelta(days=1)
UNDO_AGAIN = "We couldn’t undo all of it. Press Undo again."
CANNOT_READ = "We can’t read this file. Save it in another format and try again."
LEFT = timedelta(days=1)  # after which nobody will say what the columns mean
KEPT = timedelta(days=30)  # how long a page tells what became of each row …
REMEMBERED = timedelta(days=400)  # … and a file with the same columns is read as it was


def is_crowded() -> bool:
    """Whether so many files are on their way, or wait for a word, that the next one has to wait."""
    under_way = ContactImport.objects.filter(stage__in=(Stage.READING, *LONG))
    waiting = ContactImport.objects.filter(stage=Stage.READY)
    return under_way.count() >= MOST_UNDER_WAY or waiting.count() >= MOST_WAITING


def latest() -> list[ContactImport]:
    """The last few files, the newest first."""
    return list(ContactImport.objects.defer("preview").order_by("-begun_at")[:5])


def take(tenant: Tenant, *, name: str, chunks: Iterable[bytes]) -> ContactImport:
    """Keep a file as it comes, to be read by a worker."""
    file = ContactImport.objects.create(tenant=tenant, file_name=name[:100])
    for position, chunk in enumerate(chunks):
        # Packed, since it is the database that somebody waits for.
        packed = zlib.compress(chunk, level=1)
        ContactImportPiece.objects.create(
            tenant=tenant, file=file, position=position, packed=packed
        )
    return file


def look_anew(
    file: ContactImport, *, meanings: list[str], is_headed: bool, is_same_person: bool
) -> None:
    """Say what the columns mean; what would come of it has to be found out again."""
    file.meanings, file.is_headed = meanings, is_headed or file.is_fixed
    file.same_number_is_same_person = is_same_person
    file.preview = file.taken_until = None
    file.save(
        update_fields=[
            "meanings", "is_headed", "same_number_is_same_person", "preview", "taken_until",
        ]
    )  # fmt: skip


def begin(file: ContactImport) -> None:
    """Bring in what has been read. Raises `BadFile` when none of its columns is a name."""
    if not reader_of(file, "").knows_a_name:
        raise BadFile(NO_NAME)
    file.stage, file.preview, file.taken_until = Stage.IMPORTING, None, None
    file.save(update_fields=["stage", "preview", "taken_until"])


def may_undo(file: ContactImport, now: datetime) -> bool:
    if file.stage == Stage.IMPORTING:
        return True
    is_over = file.stage in (Stage.DONE, Stage.BROKE_OFF)
    is_in_time = file.finished_at is not None and file.finished_at > now - TO_UNDO
    return is_over and is_in_time and file.parts.exclude(done="").exists()


def undo(file: ContactImport) -> None:
    """Take back what it has brought; if it is still on its way, the rest does not come."""
    file.stage, file.taken_until, file.failures, file.trouble = Stage.UNDOING, None, 0, ""
    file.save(update_fields=["stage", "taken_until", "failures", "trouble"])


def to_take_up(now: datetime) -> list[UUID]:
    """Those of the current tenant that nobody works at."""
    return list(_free(now).values_list("pk", flat=True))


def forget_old(now: datetime) -> None:
    """Of the current tenant, what nobody asks for any more."""
    ended = ContactImport.objects.filter(stage__in=ENDED)
    old = list(ended.filter(begun_at__lt=now - KEPT).values_list("pk", flat=True))
    ContactImportPart.objects.filter(file__in=old).delete()
    ended.filter(begun_at__lt=now - REMEMBERED).delete()
    ContactImport.objects.filter(stage=Stage.READY, begun_at__lt=now - LEFT).delete()


def _free(now: datetime) -> QuerySet[ContactImport]:
    untaken = Q(taken_until=None) | Q(taken_until__lte=now)
    to_do = Q(stage__in=(Stage.READING, *LONG)) | Q(stage=Stage.READY, preview__isnull=True)
    return ContactImport.objects.filter(untaken & to_do)


def work_off(tenant_id: UUID, import_id: UUID) -> float | None:
    """Do for a while what is to be done with one file, from where it stands. Returns the seconds
    after which to go on, None when there is nothing more to be done. A second worker finds it
    taken; of a workspace one at a time is brought in.
    """
    now = timezone.now()
    with tenant_transaction(tenant_id):
        file = _free(now).filter(pk=import_id).first()
        if file is None:
            return None
        others = ContactImport.objects.filter(stage__in=LONG, taken_until__gt=now)
        if file.stage in LONG and others.exists():
            return IN_TURN
        lease = Lease(file, now)
        tenant = Tenant.objects.get(pk=tenant_id)
    if not lease.is_taken:
        return None
    try:
        if lease.failures > MOST_FAILURES:
            with tenant_transaction(tenant_id):
                _give_up(file, lease)
            return None
        is_done = _WORK[Stage(file.stage)](tenant, file, lease)
    except Overtaken:
        return None
    except Exception:  # whatever it is, somebody waits for an end of it
        logger.exception("An import was interrupted")
        with suppress(Overtaken), tenant_transaction(tenant_id):
            if lease.failures >= MOST_FAILURES:
                _give_up(file, lease)
                return None
            wait = timedelta(seconds=2.0**lease.failures)
            lease.save(wait, failures=F("failures"))
            return wait.total_seconds()
        return None
    return None if is_done else 0


def _read(tenant: Tenant, file: ContactImport, lease: Lease) -> bool:
    """Into parts of rows; what was read of it before is read again."""
    with tempfile.TemporaryFile() as whole:
        with tenant_transaction(tenant.pk):
            position = 0
            while piece := file.pieces.filter(position=position).first():
                whole.write(zlib.decompress(piece.packed))
                position += 1
            file.parts.all().delete()
            lease.save(failures=lease.failures)
        whole.seek(0)
        try:
            # Begun anew each time: that some of it is read is no step ahead.
            hold = partial(lease.save, failures=lease.failures)
            read_into_parts(tenant, file, whole, hold=hold)
            facts = ("names", "is_headed", "is_fixed", "meanings", "rows", "trouble")
            now = {"stage": Stage.READY} | {fact: getattr(file, fact) for fact in facts}
        except BadFile as error:
            now = {"stage": Stage.UNREADABLE, "trouble": str(error)}
    with tenant_transaction(tenant.pk):
        lease.save(None, **now)
        file.pieces.all().delete()
        if now["stage"] == Stage.UNREADABLE:
            file.parts.all().delete()
    return now["stage"] == Stage.UNREADABLE


def _look(tenant: Tenant, file: ContactImport, lease: Lease) -> bool:
    preview = preview_of(tenant, file)
    with tenant_transaction(tenant.pk):
        lease.save(None, preview=preview)
    return True


def _bring_in(tenant: Tenant, file: ContactImport, lease: Lease) -> bool:
    reader = reader_of(file, tenant.country)

    def part_by_part() -> bool:
        part = file.parts.filter(done_at=None).order_by("position").first()
        if part is None:
            lease.save(None, stage=Stage.DONE, finished_at=timezone.now())
            return True
        rows, tally = rows_of(file, part, reader), Tally()
        done = storing.store(
            tenant,
            rows,
            tally,
            same_number_is_same_person=file.same_number_is_same_person,
        )
        counts = {name: F(name) + count for name, count in asdict(tally).items()}
        lease.save(**counts)
        if not part.position & (part.position - 1):  # each time that there is twice as much of it
            learn_sizes()
        part.done, part.done_at = json.dumps(asdict(done)), timezone.now()
        part.has_reasons = any(reason for *_, reason in done.rows)
        part.has_come = bool(done.added or done.completed)
        part.save(update_fields=["done", "done_at", "has_reasons", "has_come"])
        return False

    return _for_a_while(tenant, lease, part_by_part)


def _take_back(tenant: Tenant, file: ContactImport, lease: Lease) -> bool:
    def part_by_part() -> bool:
        done = file.parts.exclude(done_at=None).filter(undone_at=None)
        part = done.order_by("-position").first()
        if part is None:
            lease.save(None, stage=Stage.UNDONE)
            return True
        stored_at = part.done_at or timezone.now()
        kept = storing.take_back(Done(**json.loads(part.done)), stored_at=stored_at)
        lease.save(kept=F("kept") + kept)
        part.undone_at = timezone.now()
        part.save(update_fields=["undone_at"])
        return False

    return _for_a_while(tenant, lease, part_by_part)


_WORK = {
    Stage.READING: _read,
    Stage.READY: _look,
    Stage.IMPORTING: _bring_in,
    Stage.UNDOING: _take_back,
}


def _for_a_while(tenant: Tenant, lease: Lease, step: Callable[[], bool]) -> bool:
    """Whether all of it is done: a worker has more to do than this, and comes back to it."""
    ends = time.monotonic() + AT_A_TIME
    while True:
        with tenant_transaction(tenant.pk):
            if step():
                return True
        if time.monotonic() > ends:
            with tenant_transaction(tenant.pk):
                lease.save(None)
            return False


def _give_up(file: ContactImport, lease: Lease) -> None:
    if file.stage == Stage.READING:
        lease.save(None, stage=Stage.UNREADABLE, trouble=CANNOT_READ)
    elif file.stage == Stage.READY:
        lease.save(None, preview={})
    elif file.stage == Stage.UNDOING:
        lease.save(None, stage=Stage.DONE, trouble=UNDO_AGAIN)
    else:
        lease.save(None, stage=Stage.BROKE_OFF, finished_at=timezone.now())
