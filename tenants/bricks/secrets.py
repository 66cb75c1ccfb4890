"""Secrets of a workspace in the database: encrypted, bound to their row, shown by nothing.

Fernet, of the library cryptography, because its MultiFernet is just what rotation needs: of
SECRETS_KEYS the first encrypts and each one decrypts. It takes no associated data, so the place
(table, column, workspace, row) stands before the secret in what is encrypted, and is compared: a
ciphertext that was copied elsewhere is not read there.
"""

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute


class SecretsError(Exception):
    """A secret can be neither read nor kept. The message says why, never the value."""


def keys() -> tuple[Fernet, ...]:
    """The keys of SECRETS_KEYS. Raises `SecretsError` when there is none, or one is not a key."""
    if not settings.SECRETS_KEYS:
        raise SecretsError("SECRETS_KEYS is not set, so no secret can be read or kept.")
    try:
        return tuple(Fernet(key) for key in settings.SECRETS_KEYS)
    except ValueError:
        raise SecretsError("SECRETS_KEYS has a value that is no key: 32 bytes in base64.") from None


class Sealed:
    """A ciphertext as the database has it. It is no text, so that it cannot be taken for one."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __repr__(self) -> str:
        return "<sealed>"


def seal(secret: str, place: str) -> Sealed:
    """Encrypt for `place` with the first key. Raises `SecretsError`."""
    return Sealed(MultiFernet(keys()).encrypt(f"{place}\0{secret}".encode()).decode())


def unseal(sealed: Sealed, place: str) -> str:
    """The secret that was sealed for `place`. Raises `SecretsError`."""
    try:
        text = MultiFernet(keys()).decrypt(sealed.token.encode()).decode()
    except InvalidToken:
        raise SecretsError(
            f"The secret of {place} cannot be decrypted: its key is not among SECRETS_KEYS, or it "
            "was changed."
        ) from None
    sealed_for, _, secret = text.partition("\0")
    if sealed_for != place:
        raise SecretsError(f"The secret of {place} was sealed for another place.")
    return secret


class _Secret(DeferredAttribute):
    """Decrypts when the attribute is read, by which time its row is known."""

    field: "EncryptedTextField"

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        return unseal(value, self.field.place(instance)) if isinstance(value, Sealed) else value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.TextField):
    """Text of a `TenantOwned` row that is stored encrypted.

    Whatever would store it in the clear, compare with it or export it (`update`, `filter`,
    serializers) raises `SecretsError`; forms and the admin leave it out.
    """

    descriptor_class = _Secret

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "editable": False})

    def place(self, row: Any) -> str:
        """Where a secret belongs; it is readable nowhere else."""
        return f"{row._meta.db_table}.{self.column} {row.tenant_id} {row.pk}"

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def pre_save(self, model_instance: Any, add: bool) -> Sealed | None:
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Sealed):
            return value
        return seal(str(value), self.place(model_instance))

    def get_prep_value(self, value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise SecretsError(f"{self.name} is encrypted with its row: set it there, and save.")
        return value.token

    def value_from_object(self, obj: Any) -> Any:
        raise SecretsError(f"{self.name} is secret and is not exported.")

    def rotate(self, row: Any) -> bool:
        """Seal the row's secret with the first key; whether it was not yet. Raises `SecretsError`.

        The row is to be saved then.
        """
        sealed: Sealed = row.__dict__[self.attname]
        secret = unseal(sealed, self.place(row))
        try:
            keys()[0].decrypt(sealed.token.encode())
        except InvalidToken:
            setattr(row, self.attname, secret)
            return True
        return False


def secret_fields(model: type[models.Model]) -> list[EncryptedTextField]:
    return [field for field in model._meta.fields if isinstance(field, EncryptedTextField)]
