import sys
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calls.gateway import TwilioError
from calls.pages.forms import AccountForm
from calls.services.setup import own_accounts
from tenants.management.workspaces import workspace_named
from tenants.trail import audit


class Command(BaseCommand):
    help = (
        "Let a workspace call by its own Twilio account. The auth token and the API key's secret "
        "are asked for, or read from standard input, a line each: never from the command line, "
        "where others can see them. Both are tried at Twilio first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", help="the workspace's slug")
        parser.add_argument("--sid", required=True, help="the account's SID (AC…)")
        parser.add_argument("--key", required=True, help="SID of a standard API key (SK…)")

    @audit.acting(audit.OPERATOR)
    def handle(self, *args: Any, **options: Any) -> None:
        tenant = workspace_named(options["workspace"])
        given = {
            "sid": options["sid"],
            "auth_token": _secret("Auth token: "),
            "api_key_sid": options["key"],
            "api_key_secret": _secret("Secret of the API key: "),
        }
        form = AccountForm(given)
        if not form.is_valid():
            wrong = form.errors.get_json_data().items()
            raise CommandError("\n".join(f"{name}: {why[0]['message']}" for name, why in wrong))
        try:
            own_accounts.connect(tenant, **form.cleaned_data)
        except own_accounts.NotAccepted as error:
            raise CommandError(f"{error.field}: {error.message}") from None
        except TwilioError as error:
            raise CommandError(
                f"Twilio could not be asked ({type(error).__name__} {error}). Nothing was changed."
            ) from None
        self.stdout.write(f"{tenant.slug} now calls through {options['sid']}.")


def _secret(prompt: str) -> str:
    return getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().strip()
