from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from calls.management.asking import add_number, add_workspace, asking, named, number_in
from calls.services.setup.holding import take
from tenants.trail import audit


class Command(BaseCommand):
    help = (
        "Let the callers of a number that the Twilio account has reach a workspace: voice URL, "
        "fallback and status callback become ours. A free number becomes the workspace's, too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_workspace(parser)
        add_number(parser)

    @audit.acting(audit.OPERATOR)
    def handle(self, *args: Any, **options: Any) -> None:
        with asking():
            tenant, account = named(options)
            number = number_in(options, tenant)
            row = take(tenant, number=number, account=account, by_operator=True)
        self.stdout.write(f"{tenant.slug}: callers of {row.number} reach the workspace.")
