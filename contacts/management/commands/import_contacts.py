import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from contacts.imports import jobs, results
from contacts.imports.matching import Became
from contacts.imports.previews import preview_of
from contacts.imports.reading import names_of, reader_of
from contacts.imports.rows import NO_NAME
from contacts.models import ContactImport
from tenants.bricks.csv_cells import lines
from tenants.fence.context import tenant_transaction
from tenants.management.workspaces import workspace_named
from tenants.models import Tenant
from tenants.trail import audit
from tenants.trail.audit import Action

PROGRESS_ROWS = 10_000
A_MOMENT = 0.5  # seconds, when a worker has it or another file has its turn
Stage = ContactImport.Stage


class Command(BaseCommand):
    help = (
        "Import contacts from a file: CSV, Excel (.xlsx) or vCard, as Google, Outlook, HubSpot, "
        "Apple and others export it. Its columns are taken for what they were the last time, or "
        "for what they are named: name (or first name, last name), company, email, phone, "
        "phone2 …, label, label2 … (what each phone is for). Existing contacts "
        "(same email, or same phone and name) only get their empty fields filled in, so importing "
        "a file twice changes nothing. Skipped rows are named on standard error. The import's page "
        "has it, too, and can undo it for a day; a worker continues it when this command is "
        "interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", help="the workspace's slug")
        parser.add_argument("file", type=Path, help="the file")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would happen and change nothing"
        )
        parser.add_argument(
            "--same-number-is-same-person",
            action="store_true",
            help="a row that has the number of a contact with another name, and no email, "
            "completes that contact instead of adding one",
        )
        parser.add_argument(
            "--skipped", type=Path, help="write the skipped rows, with a column “why”, to this file"
        )

    @audit.acting(audit.OPERATOR)
    def handle(self, *args: Any, **options: Any) -> None:
        tenant = workspace_named(options["workspace"])
        file = self._read(tenant, options["file"], options["same_number_is_same_person"])
        if options["dry_run"]:
            counts = preview_of(tenant, file, most_parts=None, tell=self._tell)["counts"]
            _forget(tenant, file)
        else:
            counts = self._bring_in(tenant, file, options["verbosity"], options["skipped"])
        would = "Dry run, nothing was changed. " if options["dry_run"] else ""
        self.stdout.write(
            f"{would}{counts['added']} added, {counts['completed']} completed, "
            f"{counts['unchanged']} unchanged, {counts['skipped']} skipped."
        )
        if skipped := counts["skipped"]:
            noun = "row was" if skipped == 1 else "rows were"
            kept = "" if options["dry_run"] else "; the others are kept"
            raise CommandError(f"{skipped} {noun} skipped{kept}.")

    def _tell(self, line: int, reason: str) -> None:
        self.stderr.write(f"line {line}: {reason}")

    def _read(self, tenant: Tenant, path: Path, is_same_person: bool) -> ContactImport:
        try:
            with path.open("rb") as read, tenant_transaction(tenant.pk):
                chunks = iter(lambda: read.read(jobs.PIECE), b"")
                file = jobs.take(tenant, name=path.name, chunks=chunks)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
        file = _worked_off(tenant, file.pk, Stage.READING)
        with tenant_transaction(tenant.pk):
            file.same_number_is_same_person = is_same_person
            file.save(update_fields=["same_number_is_same_person"])
        reader = reader_of(file, tenant.country)
        if file.stage == Stage.UNREADABLE or not reader.knows_a_name:
            _forget(tenant, file)
            raise CommandError(f"{path}: {file.trouble or NO_NAME}")
        if reader.unused:
            names = ", ".join(name or "(no name)" for name in reader.unused)
            self.stderr.write(f"Ignored columns: {names}.")
        if not file.is_headed:
            self.stderr.write(f"Columns without names are taken for: {', '.join(names_of(file))}.")
        return file

    def _bring_in(
        self, tenant: Tenant, file: ContactImport, verbosity: int, skipped: Path | None
    ) -> dict[str, int]:
        with tenant_transaction(tenant.pk):
            jobs.begin(file)
            audit.record(Action.CONTACTS_IMPORTED, file=file.file_name)
        told = 0

        def progress(file: ContactImport) -> None:
            nonlocal told
            if file.handled - told >= PROGRESS_ROWS and verbosity:
                told = file.handled
                self.stderr.write(self.style.NOTICE(f"{told:,} rows …"))

        file = _worked_off(tenant, file.pk, Stage.IMPORTING, progress)
        if file.stage != Stage.DONE:
            raise CommandError(f"Stopped after {file.handled} rows ({file.stage}).")
        with tenant_transaction(tenant.pk):
            for line, reason in results.reasons(file):
                self._tell(line, reason)
        if skipped:
            self._write_skipped(tenant, file, skipped)
        return {name: getattr(file, name) for name in Became}

    def _write_skipped(self, tenant: Tenant, file: ContactImport, path: Path) -> None:
        header, pages = results.skipped_table(file)
        try:
            with path.open("w", encoding="utf-8-sig", newline="") as out:
                out.write(lines([header]))
                after = ""
                while True:
                    with tenant_transaction(tenant.pk):
                        rows, after = pages(after)
                        out.write(lines(rows))
                    if not after:
                        return
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None


def _worked_off(
    tenant: Tenant,
    import_id: UUID,
    stage: str,
    progress: Callable[[ContactImport], None] = lambda file: None,
) -> ContactImport:
    """The file once it is at that stage no more, by our own work or a worker's."""
    while True:
        wait = jobs.work_off(tenant.pk, import_id)
        with tenant_transaction(tenant.pk):
            file = ContactImport.objects.get(pk=import_id)
        progress(file)
        if file.stage != stage:
            return file
        time.sleep(A_MOMENT if wait is None else wait)


def _forget(tenant: Tenant, file: ContactImport) -> None:
    with tenant_transaction(tenant.pk):
        file.delete()
