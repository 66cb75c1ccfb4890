from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from contacts.imports.decoding import encoding_of
from contacts.imports.rows import BadFile, BadRow, ContactFile
from contacts.imports.storing import Tally, import_contacts
from tenants.fence.context import tenant_transaction
from tenants.management.workspaces import workspace_named
from tenants.trail import audit
from tenants.trail.audit import Action

PROGRESS_ROWS = 10_000


def _encoding_of(file: Path, region: str) -> str:
    with file.open("rb") as read:
        return encoding_of(iter(lambda: read.read(2**16), b""), region)


class Command(BaseCommand):
    help = (
        "Import contacts from a CSV file whose first line names the columns, as Google, Outlook, "
        "HubSpot and others export it: name (or first name, last name), company, email, phone, "
        "phone2 …, label, label2 … (what each phone is for). Commas, semicolons or tabs; UTF-8, "
        "UTF-16 or what spreadsheets of the workspace's country write. "
        "A contact that is there already (same email, or same phone) is completed, never "
        "overwritten, so the same file twice changes nothing. Rows that cannot be used are "
        "named on standard error; the others are kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", help="the workspace's slug")
        parser.add_argument("file", type=Path, help="the CSV file")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would happen and change nothing"
        )

    @audit.acting(audit.OPERATOR)
    def handle(self, *args: Any, **options: Any) -> None:
        tenant = workspace_named(options["workspace"])
        told = 0

        def refuse(row: BadRow) -> None:
            self.stderr.write(f"line {row.line}: {row.reason}")

        def progress(tally: Tally) -> None:
            nonlocal told
            if tally.rows - told >= PROGRESS_ROWS and options["verbosity"]:
                told = tally.rows
                self.stderr.write(self.style.NOTICE(f"{told:,} rows …"))

        try:
            # A row in which something had to be replaced is refused.
            with options["file"].open(
                encoding=_encoding_of(options["file"], tenant.country), errors="replace", newline=""
            ) as lines:
                contacts = ContactFile(lines, tenant.country)
                if contacts.ignored:
                    names = ", ".join(name or "(no name)" for name in contacts.ignored)
                    self.stderr.write(f"Columns that mean nothing here are left out: {names}.")
                if not options["dry_run"]:
                    with tenant_transaction(tenant.pk):
                        audit.record(Action.CONTACTS_IMPORTED, file=options["file"].name[:100])
                tally = import_contacts(
                    tenant, contacts, dry_run=options["dry_run"], refuse=refuse, progress=progress
                )
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from None
        except BadFile as error:
            raise CommandError(f"{options['file']}: {error}") from None
        would = "Dry run, nothing was changed. " if options["dry_run"] else ""
        self.stdout.write(
            f"{would}{tally.created} created, {tally.completed} completed, "
            f"{tally.unchanged} unchanged, {tally.refused} refused."
        )
        if tally.refused:
            noun = "row was" if tally.refused == 1 else "rows were"
            kept = "" if options["dry_run"] else "; the others are kept"
            raise CommandError(f"{tally.refused} {noun} refused{kept}.")
