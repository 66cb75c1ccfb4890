from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connection

from tenants.fence import roles


class Command(BaseCommand):
    help = (
        "Print the SQL that makes PostgreSQL's two roles, the owner of the tables "
        "(DATABASE_OWNER_URL) and the application (DATABASE_URL), with their passwords; it can be "
        "run again. `migrate` gives the application its rights on the tables."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--apply",
            action="store_true",
            help="run it instead, as the owner, who must be allowed to make roles",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("Only PostgreSQL has roles; DATABASE_URL names another database.")
        if not settings.DATABASE_OWNER:
            raise CommandError("DATABASE_OWNER_URL is not set; docs/settings.md says what it is.")
        if settings.DATABASE_OWNER["USER"] == roles.application_role():
            raise CommandError("DATABASE_URL and DATABASE_OWNER_URL name the same role.")
        statements = roles.setup_statements()
        if not options["apply"]:
            self.stdout.write("".join(f"{statement};\n" for statement in statements), ending="")
            return
        try:
            with roles.as_owner(), connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        except Error as error:
            raise CommandError(f"Nothing, or not all, was done: {error}".strip()) from None
        self.stdout.write(f"The application signs in as {roles.application_role()}.")
