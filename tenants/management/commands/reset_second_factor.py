from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from tenants.models import User, UserManager
from tenants.signing_in import second_factor
from tenants.trail import audit
from tenants.trail.audit import Action


class Command(BaseCommand):
    help = (
        "Turn off a person's two-factor sign-in after they lost their codes, and end their "
        "sessions. Make sure first that it is really them asking."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="their sign-in email")

    def handle(self, *args: Any, **options: Any) -> None:
        email = UserManager.normalize_email(options["email"])
        user = User.objects.filter(email=email).first()
        if user is None:
            raise CommandError(f"No one has the address “{email}”.")
        if not second_factor.has(user):
            raise CommandError(f"{email} does not use two-factor sign-in.")
        with transaction.atomic():
            second_factor.remove(user)
            audit.note_of(Action.MEMBER_RESET, None, user, actor=audit.OPERATOR)
        self.stdout.write(f"{email} now signs in with just a password; their sessions have ended.")
