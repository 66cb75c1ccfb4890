from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calls.management.asking import add_number, add_workspace, asking, named, number_in
from calls.services.setup.buying import BeingBought, NotBought, buy
from tenants.trail import audit


class Command(BaseCommand):
    help = (
        "Buy a number for a workspace, with --yes; Twilio bills its account at once. Callers reach "
        "the workspace from then on. Doing it again buys nothing twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_workspace(parser)
        add_number(parser)
        parser.add_argument("--label", default="", help="what people see beside it, like “Sales”")
        parser.add_argument("--address", default="", help="SID (AD…), where a country asks for it")
        parser.add_argument("--bundle", default="", help="SID (BU…) of an approved bundle")
        parser.add_argument("--yes", action="store_true", help="yes, buy it")

    @audit.acting(audit.OPERATOR)
    def handle(self, *args: Any, **options: Any) -> None:
        if len(options["label"]) > 60:
            raise CommandError("The label is longer than 60 characters.")
        with asking():
            tenant, account = named(options)
            number = number_in(options, tenant)
            if not options["yes"]:
                raise CommandError(
                    f"{number} would be bought for {tenant.slug} and billed to {account.sid}. "
                    "Give --yes to do it. Nothing was bought."
                )
            try:
                row, is_new = buy(
                    tenant,
                    number=number,
                    account=account,
                    label=options["label"],
                    address_sid=options["address"],
                    bundle_sid=options["bundle"],
                    by_operator=True,
                )
            except NotBought as error:
                raise CommandError(f"{number} was not bought. {error}") from None
            except BeingBought:
                raise CommandError(
                    f"{number} was asked for a moment ago. Look with manage.py list_numbers."
                ) from None
        had = "" if is_new else "already had "
        self.stdout.write(f"{tenant.slug}: {had}{row.number} ({row.twilio_sid}).")
