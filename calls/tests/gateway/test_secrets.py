"""Secrets in the database: read where they belong with the right key, and nowhere else."""

import io
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection
from django.forms.models import fields_for_model

from calls.models import OwnAccount
from tenants.bricks.secrets import EncryptedTextField, Sealed, SecretsError, secret_fields
from tenants.fence.context import tenant_transaction

TOKEN, SECRET = "canary-auth-token", "canary-key-secret"


def new_key() -> str:
    return Fernet.generate_key().decode()


def make(tenant: Any, serial: int) -> OwnAccount:
    with tenant_transaction(tenant.pk):
        return OwnAccount.objects.create(
            sid=f"AC{serial:032x}",
            auth_token=TOKEN,
            api_key_sid=f"SK{serial:032x}",
            api_key_secret=SECRET,
            twiml_app_sid=f"AP{serial:032x}",
        )


@pytest.fixture
def own(cast: Any) -> OwnAccount:
    return make(cast.acme, 1)


def read(row: OwnAccount) -> OwnAccount:
    with tenant_transaction(row.tenant_id):
        return OwnAccount.objects.get(pk=row.pk)


def stored(table: str = OwnAccount._meta.db_table) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        return str(cursor.fetchall())


def test_a_secret_is_read_again_and_stands_nowhere_in_the_table(own: OwnAccount) -> None:
    found = read(own)
    assert (found.auth_token, found.api_key_secret) == (TOKEN, SECRET)
    assert found.previous_auth_token is None
    with tenant_transaction(own.tenant_id):
        found.previous_auth_token = found.auth_token
        found.auth_token = TOKEN + "-2"
        found.save()
        OwnAccount.objects.bulk_create(
            [
                OwnAccount(
                    sid="AC2",
                    auth_token=TOKEN,
                    api_key_secret=SECRET,
                    retired_at="2026-01-01T00:00Z",
                )
            ]
        )
    assert (read(own).auth_token, read(own).previous_auth_token) == (TOKEN + "-2", TOKEN)
    assert "canary" not in stored()


def test_what_is_stored_is_of_a_form_that_never_changes(own: OwnAccount, settings: Any) -> None:
    """Else a new version of the product could not read the secrets of the one before."""
    sealed = read(own).__dict__["auth_token"]
    text = Fernet(settings.SECRETS_KEYS[0]).decrypt(sealed.token).decode()
    assert text == f"calls_ownaccount.auth_token {own.tenant_id} {own.pk}\0{TOKEN}"


def test_saving_what_was_only_read_keeps_the_ciphertext(own: OwnAccount) -> None:
    before = read(own).__dict__["auth_token"].token
    with tenant_transaction(own.tenant_id):
        read(own).save()
    assert read(own).__dict__["auth_token"].token == before


@pytest.mark.parametrize("how", ["workspace", "row", "column"])
def test_a_ciphertext_copied_elsewhere_is_not_read_there(
    own: OwnAccount, cast: Any, how: str
) -> None:
    sealed = read(own).__dict__["auth_token"]
    target, column = own, "api_key_secret"
    if how != "column":
        with tenant_transaction(cast.acme.pk):
            OwnAccount.objects.update(retired_at="2026-01-01T00:00Z")
        target = make(cast.borealis if how == "workspace" else cast.acme, 2)
        column = "auth_token"
    assert getattr(read(target), column) in (TOKEN, SECRET)
    with tenant_transaction(target.tenant_id):
        OwnAccount.objects.filter(pk=target.pk).update(**{column: sealed})
    with pytest.raises(SecretsError, match="another place"):
        getattr(read(target), column)


@pytest.mark.parametrize("changed", ["other key", "no key", "no real key", "flipped", "plaintext"])
def test_what_cannot_be_decrypted_is_an_error_and_never_a_value(
    own: OwnAccount, settings: Any, changed: str
) -> None:
    keys = {"other key": [new_key()], "no key": [], "no real key": ["secret"]}
    settings.SECRETS_KEYS = keys.get(changed, settings.SECRETS_KEYS)
    token = read(own).__dict__["auth_token"].token
    texts = {"flipped": token[:-9] + ("A" if token[-9] != "A" else "B") + token[-8:]}
    texts["plaintext"] = "in the clear"
    with tenant_transaction(own.tenant_id):
        OwnAccount.objects.update(auth_token=Sealed(texts.get(changed, token)))
    with pytest.raises(SecretsError) as refusal:
        read(own).auth_token  # noqa: B018
    assert token not in str(refusal.value) and "in the clear" not in str(refusal.value)


def test_without_a_key_nothing_is_stored(cast: Any, settings: Any) -> None:
    settings.SECRETS_KEYS = []
    with pytest.raises(SecretsError, match="SECRETS_KEYS is not set"):
        make(cast.acme, 1)
    assert stored() == "[]"


def test_no_statement_stores_or_compares_in_the_clear(own: OwnAccount) -> None:
    row = read(own)
    row.auth_token = "plain"
    with tenant_transaction(own.tenant_id):
        for attempt in (
            lambda: OwnAccount.objects.update(auth_token="plain"),
            lambda: OwnAccount.objects.filter(auth_token=TOKEN).exists(),
            lambda: OwnAccount.objects.bulk_update([row], ["auth_token"]),
        ):
            with pytest.raises(SecretsError):
                attempt()
    assert "plain" not in stored()


def test_nothing_shows_a_secret(own: OwnAccount) -> None:
    row = read(own)
    with tenant_transaction(own.tenant_id):
        rows = list(OwnAccount.objects.values())
    assert repr(rows[0]["auth_token"]) == str(rows[0]["auth_token"]) == "<sealed>"
    assert TOKEN not in f"{row!r} {row} {rows} {row.__dict__}"
    assert not {"auth_token", "api_key_secret"} & set(fields_for_model(OwnAccount))
    assert not EncryptedTextField(editable=True).editable
    with pytest.raises(SecretsError, match="not exported"):
        serializers.serialize("json", [row])


# --- rotation --------------------------------------------------------------------------------


def rotate() -> str:
    out = io.StringIO()
    call_command("rotate_secrets", stdout=out)
    return out.getvalue()


def test_keys_rotate_while_everything_stays_readable(
    own: OwnAccount, cast: Any, settings: Any
) -> None:
    old, new = settings.SECRETS_KEYS[0], new_key()
    other = make(cast.borealis, 2)
    assert rotate() == "0 encrypted anew, 4 had the first key, 0 could not be decrypted.\n"
    settings.SECRETS_KEYS = [new, old]
    assert read(own).auth_token == TOKEN
    assert rotate() == "4 encrypted anew, 0 had the first key, 0 could not be decrypted.\n"
    assert rotate() == "0 encrypted anew, 4 had the first key, 0 could not be decrypted.\n"
    assert [field.rotate(read(own)) for field in secret_fields(OwnAccount)[::2]] == [False, False]
    settings.SECRETS_KEYS = [new]
    assert {read(own).auth_token, read(other).auth_token} == {TOKEN}
    settings.SECRETS_KEYS = [old]
    with pytest.raises(SecretsError):
        read(own).auth_token  # noqa: B018


def test_a_secret_of_a_lost_key_is_named_kept_and_an_error(
    own: OwnAccount, cast: Any, settings: Any, capsys: Any
) -> None:
    settings.SECRETS_KEYS = [new_key()]
    other, before = make(cast.borealis, 2), stored()
    with pytest.raises(CommandError, match="Keep the old keys"):
        rotate()
    said = capsys.readouterr().err
    assert str(own.pk) in said and str(other.pk) not in said and "canary" not in said
    assert stored() == before


def test_rotation_without_a_key_says_so(cast: Any, settings: Any) -> None:
    settings.SECRETS_KEYS = []
    with pytest.raises(CommandError, match="SECRETS_KEYS is not set"):
        rotate()
