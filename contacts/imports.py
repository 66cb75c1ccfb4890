"""Files of contacts on their way in: taken by a page, worked off by a worker, batch by batch. Each
batch and how far it brought the file are one transaction, so that a worker may die at any moment.
"""

import io
import logging
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from contacts import importing
from contacts.csv_rows import BadRow, ContactFile
from contacts.importing import Tally
from contacts.models import ContactImport
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant

logger = logging.getLogger(__name__)

MOST_UNDER_WAY = 5  # of a workspace
MOST_REASONS = 50  # of refused rows that are kept
MOST_FAILURES = 8  # in a row: then it has broken off
LEASE = timedelta(minutes=2)  # for which one worker has it to itself; a batch takes a second


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
        tenant=tenant, file_name=name, content=text, ignored=ignored, lines=text.count("\n") + 1
    )


def to_take_up(now: datetime) -> list[UUID]:
    """Those of the current tenant that nobody works at."""
    free = Q(taken_until=None) | Q(taken_until__lte=now)
    return list(ContactImport.objects.filter(free, finished_at=None).values_list("pk", flat=True))


def work_off(tenant_id: UUID, import_id: UUID) -> float | None:
    """Bring one file in, from where it stands. Returns the seconds after which to go on, None when
    there is nothing more to be done. A second worker finds it taken.
    """
    now = timezone.now()
    with tenant_transaction(tenant_id):
        if import_id not in to_take_up(now):
            return None
        ContactImport.objects.filter(pk=import_id).update(taken_until=now + LEASE)
        found = ContactImport.objects.get(pk=import_id)
        tenant = Tenant.objects.get(pk=tenant_id)
    try:
        _bring_in(tenant, found)
    except Overtaken:
        return None
    except Exception:  # whatever it is, somebody waits for an end of it
        logger.exception("An import was interrupted")
        return _put_off(tenant_id, import_id)
    return None


def _bring_in(tenant: Tenant, found: ContactImport) -> None:
    rows = iter(ContactFile(io.StringIO(found.content, newline=""), tenant.country))
    for _ in islice(rows, found.rows):
        pass
    refused = [BadRow(line, reason) for line, reason in found.reasons]
    tally = Tally(found.created, found.completed, found.unchanged, found.refused)
    done = tally.rows

    def save(tally: Tally) -> None:
        nonlocal done
        # The workspace is locked for this batch: nobody else goes on with it meanwhile.
        row = ContactImport.objects.get(pk=found.pk)
        if row.rows != done or row.finished_at is not None:
            raise Overtaken
        row.created, row.completed = tally.created, tally.completed
        row.unchanged, row.refused = tally.unchanged, tally.refused
        row.reasons = [[bad.line, bad.reason] for bad in refused[:MOST_REASONS]]
        row.failures, row.taken_until = 0, timezone.now() + LEASE
        row.save()
        done = tally.rows

    importing.import_contacts(tenant, rows, refuse=refused.append, progress=save, tally=tally)
    with tenant_transaction(tenant.pk):
        _finish(ContactImport.objects.get(pk=found.pk))


def _put_off(tenant_id: UUID, import_id: UUID) -> float | None:
    with tenant_transaction(tenant_id):
        row = ContactImport.objects.get(pk=import_id)
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
