"""What the tests of signing in share."""

from functools import cache
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from tenants.models import User
from tenants.tests.signing_in.second_factors import give
from tenants.tests.signing_in.test_sign_in import PASSWORD, sign_in

_QUICK = "django.contrib.auth.hashers.MD5PasswordHasher"


@cache
def _hash() -> str:
    return make_password(PASSWORD, hasher="md5")


@pytest.fixture
def quick_passwords(settings: Any, monkeypatch: Any) -> None:
    """Passwords of the cast that are checked at once: for tests that sign in again and again."""
    settings.PASSWORD_HASHERS = [_QUICK]
    monkeypatch.setattr("voip_crm.tests.cast._hash", _hash)


@pytest.fixture
def bob(cast: Any) -> User:
    user: User = cast.bob.user
    return user


@pytest.fixture
def codes(bob: User) -> list[str]:
    """Bob has a second factor; his backup codes."""
    return give(bob)


@pytest.fixture
def half_in(codes: list[str], bob: User, client: Client) -> Client:
    """Bob's browser after the password."""
    sign_in(client, bob.email)
    return client
