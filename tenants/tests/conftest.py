"""What the tests of signing in share."""

from typing import Any

import pytest
from django.test import Client

from tenants.models import User
from tenants.tests.signing_in.second_factors import give
from tenants.tests.signing_in.test_sign_in import sign_in


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
