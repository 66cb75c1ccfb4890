from typing import Any

from django.core.management.base import BaseCommand

from contacts.models import Contact
from contacts.services import reindex
from tenants import doors
from tenants.fence.context import tenant_transaction

AT_A_TIME = 200  # contacts, which nobody can change meanwhile


class Command(BaseCommand):
    help = (
        "Make the search tokens of every workspace's contacts those of their present words, "
        "numbers and place. For the time after an upgrade, of which docs/operating.md says so; it "
        "may be broken off and run again, and people may work meanwhile."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for tenant in doors.all_tenants():
            last, seen = None, 0
            while True:
                with tenant_transaction(tenant.pk):
                    rest = Contact.objects.filter(pk__gt=last) if last else Contact.objects
                    some = list(rest.select_for_update(no_key=True).order_by("pk")[:AT_A_TIME])
                    reindex(*some)
                if not some:
                    break
                last, seen = some[-1].pk, seen + len(some)
            self.stdout.write(f"{tenant.slug}: {seen} contact{'s' * (seen != 1)}.")
