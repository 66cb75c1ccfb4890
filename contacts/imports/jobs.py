"""Files of contacts on their way in: taken by a page, worked off by a worker, batch by batch. Each
batch and how far it brought the file are one transaction, so that a worker may die at any moment.
"""

import io
import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from contacts.imports import storing
from contacts.imports.rows import BadRow, ContactFile, Row
from contacts.imports.storing import Tally
from contacts.models import ContactImport
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant

logger = logging.getLogger(__name__)

MOST_UNDER_WAY = 5  # of a workspace
MOST_REASONS = 50  # of refused rows that are kept
MOST_FAILURES = 8  # in a row: then it has broken off
LEASE = timedelta(minutes=2)  # for which one worker has it to itself; a batch takes a second
AT_A_TIME = 5.0  # seconds, after which other tasks have their turn
IN_TURN = 3.0  # seconds until one that waits for another asks again
KEPT = timedelta(days=30)  # how long a page tells what became of a file

_PROGRESS = ["created", "completed", "unchanged", "refused", "reasons", "failures", "taken_until"]


class Overtaken(Exception):
    """Another worker has gone on with it."""


def is_crowded() -> bool:
    """Whether so many files are on their way that the next one has to wait."""
    return ContactImport.objects.filter(finished_at=None).count() >= MOST_UNDER_WAY


def latest() -> list[ContactImport]:
    """The last few files, the newest first; without what they hold."""
    return list(ContactImport.objects.defer("content", "reasons").order_by("-begun_at")[:5])


def begin(tenant: Tenant, *, name: str, text: str, ignored: str) -> ContactImport:
    """Keep a file that can be read, to be worked off."""
    return ContactImport.objects.create(
        tenant=tenant, file_name=name, content=text, ignored=ignored, lines=len(text.splitlines())
    )


def to_take_up(now: datetime) -> list[UUID]:
    """Those of the current tenant that nobody works at."""
    return list(_free(now).values_list("pk", flat=True))


def forget_old(now: datetime) -> None:
    """Of the current tenant, what is finished for long."""
    ContactImport.objects.filter(begun_at__lt=now - KEPT).exclude(finished_at=None).delete()


def _free(now: datetime) -> QuerySet[ContactImport]:
    untaken = Q(taken_until=None) | Q(taken_until__lte=now)
    return ContactImport.objects.filter(untaken, finished_at=None)


def work_off(tenant_id: UUID, import_id: UUID) -> float | None:
    """Bring one file in for a while, from where it stands. Returns the seconds after which to go
    on, None when there is nothing more to be done. A second worker finds it taken; of a workspace
    one at a time is brought in.
    """
    now = timezone.now()
    with tenant_transaction(tenant_id):
        taken = ContactImport.objects.filter(taken_until__gt=now, finished_at=None)
        if taken.exclude(pk=import_id).exists():
            return IN_TURN
        if not _free(now).filter(pk=import_id).update(taken_until=now + LEASE):
            return None
        found = ContactImport.objects.get(pk=import_id)
        tenant = Tenant.objects.get(pk=tenant_id)
    try:
        is_done = _bring_in(tenant, found)
    except Overtaken:
        return None
    except Exception:  # whatever it is, somebody waits for an end of it
        logger.exception("An import was interrupted")
        return _put_off(tenant_id, import_id)
    return None if is_done else 0


def _bring_in(tenant: Tenant, found: ContactImport) -> bool:
    """Whether all of it is in: a worker has more to do than this, and comes back to it."""
    rows = ContactFile(io.StringIO(found.content, newline=""), tenant.country)
    rows.skip(found.rows)
    refused = [BadRow(line, reason) for line, reason in found.reasons]
    tally = Tally(found.created, found.completed, found.unchanged, found.refused)
    done = tally.rows

    def save(tally: Tally) -> None:
        nonlocal done
        # The workspace is locked for this batch: nobody else goes on with it meanwhile.
        row = ContactImport.objects.defer("content").get(pk=found.pk)
        if row.rows != done or row.finished_at is not None:
            raise Overtaken
        row.created, row.completed = tally.created, tally.completed
        row.unchanged, row.refused = tally.unchanged, tally.refused
        row.reasons = [[bad.line, bad.reason] for bad in refused[:MOST_REASONS]]
        row.failures, row.taken_until = 0, timezone.now() + LEASE
        row.save(update_fields=_PROGRESS)
        done = tally.rows

    ends, is_done = time.monotonic() + AT_A_TIME, False

    def for_a_while() -> Iterator[Row | BadRow]:
        nonlocal is_done
        for row in rows:
            yield row
            if time.monotonic() > ends:
                return
        is_done = True

    storing.import_contacts(
        tenant, for_a_while(), refuse=refused.append, progress=save, tally=tally
    )
    with tenant_transaction(tenant.pk):
        if is_done:
            _finish(ContactImport.objects.defer("content").get(pk=found.pk))
        else:
            ContactImport.objects.filter(pk=found.pk).update(taken_until=None)
    return is_done


def _put_off(tenant_id: UUID, import_id: UUID) -> float | None:
    with tenant_transaction(tenant_id):
        row = ContactImport.objects.defer("content").get(pk=import_id)
        row.failures += 1
        if row.failures == MOST_FAILURES:
            _finish(row, broke_off=True)
            return None
        wait = 2.0**row.failures
        row.taken_until = timezone.now() + timedelta(seconds=wait)
        row.save(update_fields=["failures", "taken_until"])
        return wait


def _finish(row: ContactImport, *, broke_off: bool = False) -> None:
    row.finished_at, row.broke_off = timezone.now(), broke_off
    row.content, row.taken_until = "", None
    row.save()
