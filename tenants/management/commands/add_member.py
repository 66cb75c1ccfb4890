import getpass
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from tenants.management.workspaces import workspace_named
from tenants.models import Role, User, UserManager
from tenants.people.services import AddressTaken, add_member
from tenants.trail import audit

_TAKEN = """{email} belongs to another workspace and has a password.
No one was added: someone there may have set it, and would be in {workspace}, too.
Ask the person, through a channel you trust, whether the account is theirs alone.
Yes: repeat the command with --account-is-theirs.
No: `changepassword {email}`, then `reset_second_factor {email}` if they have one; then repeat the
command with --account-is-theirs, and give the new password only to them."""


class Command(BaseCommand):
    help = (
        "Make a person a member of a workspace. A new person's password is asked for, or read from "
        "standard input when that is no terminal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", help="the workspace's slug")
        parser.add_argument("email", help="their sign-in email")
        parser.add_argument(
            "--role",
            choices=Role.values,
            default=Role.AGENT,
            help="agents call; admins change the workspace's settings, too (default: agent)",
        )
        parser.add_argument("--name", default="", help="name of a new person, as colleagues see it")
        parser.add_argument(
            "--account-is-theirs",
            action="store_true",
            help="you have asked a person of another workspace whether their account is their own",
        )

    @audit.acting(audit.OPERATOR)
    def handle(self, *args: Any, **options: Any) -> None:
        tenant = workspace_named(options["workspace"])
        email = UserManager.normalize_email(options["email"])
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"“{email}” is not a valid email address.") from None
        password = "" if User.objects.filter(email=email).exists() else self._new_password()
        try:
            membership, is_new = add_member(
                tenant,
                email=email,
                role=options["role"],
                name=options["name"],
                password=password,
                account_is_theirs=options["account_is_theirs"],
            )
        except AddressTaken:
            raise CommandError(_TAKEN.format(email=email, workspace=tenant.name)) from None
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from None
        who = "New person" if is_new else "Known person"
        self.stdout.write(f"{who} {email} is {membership.get_role_display()} of {tenant.name}.")

    def _new_password(self) -> str:
        if sys.stdin.isatty():
            password = getpass.getpass("Password for the new person: ")
        else:
            password = sys.stdin.readline().rstrip("\n")
        try:
            validate_password(password)
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from None
        return password
