from typing import Any

from django.core.management.base import BaseCommand

from calls.gateway import pushes


class Command(BaseCommand):
    help = (
        "Print a new WEB_PUSH_PRIVATE_KEY, which signs what is sent to browsers whose pages are "
        "closed. It is written nowhere. With another key than before, browsers are told nothing "
        "until a page is loaded in them again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"WEB_PUSH_PRIVATE_KEY={pushes.new_key()}")
