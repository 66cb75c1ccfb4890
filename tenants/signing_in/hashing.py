"""Passwords, hashed as Django does."""

from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from tenants.bricks import deadline


class Hasher(PBKDF2PasswordHasher):
    """Slow on purpose, on a busy machine by seconds, which are nobody's hanging."""

    def encode(self, *arguments: Any, **options: Any) -> str:
        with deadline.not_counted():
            return super().encode(*arguments, **options)
