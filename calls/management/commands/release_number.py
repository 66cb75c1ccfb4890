from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calls.management.asking import add_number, add_workspace, asking, named, number_in, row_of
from calls.models import PhoneNumber
from calls.services.setup.holding import follows, release
from tenants.fence.context import tenant_transaction
from tenants.trail import audit


class Command(BaseCommand):
    help = (
        "Give a number of a workspace back to Twilio, with --yes. It may be lost for good. Its "
        "calls and recordings are kept. Without --yes it says what would come of it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_workspace(parser)
        add_number(parser)
        parser.add_argument("--yes", action="store_true", help="yes, release it")

    @audit.acting(audit.OPERATOR)
    def handle(self, *args: Any, **options: Any) -> None:
        with asking():
            tenant, account = named(options)
            row = row_of(tenant, number_in(options, tenant), account.sid)
            with tenant_transaction(tenant.pk):
                comes = follows(tenant, row)
            after = "."
            if comes.is_last:
                after = f". It is the only number of {tenant.slug}: no one there can call then."
            elif comes.next_default:
                after = f"; {comes.next_default} becomes the default caller ID."
            if not options["yes"]:
                raise CommandError(
                    f"{row.number} would be given back to Twilio{after} "
                    "Give --yes to do it. Nothing was released."
                )
            try:
                release(tenant, number_id=row.pk)
            except PhoneNumber.DoesNotExist:
                raise CommandError(f"{row.number} was released already.") from None
        self.stdout.write(f"{tenant.slug}: {row.number} is released{after}")
