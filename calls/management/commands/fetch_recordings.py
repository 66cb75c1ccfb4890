from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calls.gateway.stores import StoreAway
from calls.models import Recording
from calls.services import recordings
from tenants.fence.context import tenant_transaction
from tenants.management.workspaces import workspace_named


class Command(BaseCommand):
    help = (
        "Ask Twilio again for the recordings of a workspace that were given up. The worker fetches "
        "them at its next sweep."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", help="the workspace's slug")
        parser.add_argument(
            "--check",
            action="store_true",
            help="also those that are stored and whose file is not there, or not whole",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = workspace_named(options["workspace"])
        with tenant_transaction(tenant.pk):
            failed = Recording.objects.filter(state=Recording.State.FAILED)
            found = len(recordings.ask_again(failed))
            stored = Recording.objects.filter(state=Recording.State.STORED)
            ids = list(stored.values_list("pk", flat=True)) if options["check"] else []
        lost = 0
        for pk in ids:
            with tenant_transaction(tenant.pk):
                recording = stored.filter(pk=pk).first()
            if recording is not None:
                lost += _is_lost(recording)
        checked = (
            f" and {lost} of {len(ids)} stored ones whose files cannot be read" * options["check"]
        )
        noun = "recording" if found == 1 else "recordings"
        self.stdout.write(f"{tenant.slug}: {found} failed {noun}{checked} will be fetched again.")


def _is_lost(recording: Recording) -> bool:
    try:
        recordings.make_sure(recording)
    except recordings.Unreadable:
        return True
    except StoreAway as error:
        raise CommandError(str(error)) from None
    return False
