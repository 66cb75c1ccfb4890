from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants import doors
from tenants.bricks.secrets import SecretsError, keys, secret_fields
from tenants.fence.context import tenant_transaction
from tenants.fence.scoping import TenantOwned, tenant_models


class Command(BaseCommand):
    help = (
        "Encrypt every workspace's secrets with the first key of SECRETS_KEYS. Afterwards the "
        "other keys are not needed. It can run at any time and twice; it ends with an error, and "
        "leaves those as they are, when secrets cannot be decrypted."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            keys()
        except SecretsError as error:
            raise CommandError(str(error)) from None
        self.rotated = self.kept = self.lost = 0
        models = [model for model in tenant_models() if secret_fields(model)]
        for tenant in doors.all_tenants():
            with tenant_transaction(tenant.pk):
                for model in models:
                    for row in model.objects.select_for_update():
                        self._rotate(row)
        self.stdout.write(
            f"{self.rotated} encrypted anew, {self.kept} had the first key, "
            f"{self.lost} could not be decrypted."
        )
        if self.lost:
            raise CommandError(
                "Keep the old keys: secrets that cannot be decrypted are named above. Add the key "
                "they were made with, or connect their account again."
            )

    def _rotate(self, row: TenantOwned) -> None:
        changed = []
        for field in secret_fields(type(row)):
            if row.__dict__[field.attname] is None:
                continue
            try:
                is_changed = field.rotate(row)
            except SecretsError as error:
                self.lost += 1
                self.stderr.write(str(error))
                continue
            if is_changed:
                changed.append(field.attname)
                self.rotated += 1
            else:
                self.kept += 1
        if changed:
            row.save(update_fields=changed)
