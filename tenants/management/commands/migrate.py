"""Django's own, as the tables' owner; then the application gets its rights on them."""

from typing import Any

from django.core.management.commands import migrate

from tenants.fence import roles


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with roles.as_owner():
            super().handle(*args, **options)
            roles.grant()
