"""Who does something, of all processes: one at a time, or once in a while. Kept in the cache; when
that is away, nobody is held back.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.cache import cache
from redis.exceptions import RedisError

from tenants.bricks import courier
from tenants.bricks.breaker import NotAsked


class Turn:
    """One process's; it lasts for `seconds` from when it was last taken or kept."""

    def __init__(self, name: str, *, seconds: float) -> None:
        self._key, self._seconds = f"turn:{name}", seconds
        self._ours = secrets.token_hex(8)

    def take(self) -> bool:
        """Whether it is ours now: nobody has it, and nobody else gets it for so long."""
        return _asked(lambda: cache.add(self._key, self._ours, timeout=self._seconds))

    def keep(self) -> bool:
        """Whether it is ours still. Who was slow may have lost it to another."""
        return _asked(self._prolong) or self.take()

    def give_back(self) -> None:
        _asked(lambda: self._is_ours() and cache.delete(self._key))

    def _prolong(self) -> bool:
        return self._is_ours() and cache.touch(self._key, self._seconds)

    def _is_ours(self) -> bool:
        return bool(cache.get(self._key) == self._ours)


def take(name: str, *, seconds: float) -> bool:
    """Whether it is to be done now: it was not, for so long."""
    return Turn(name, seconds=seconds).take()


def is_taken(name: str) -> bool:
    """Whether somebody has it, who is not asked to give it up."""
    return not _asked(lambda: cache.get(f"turn:{name}") is None)


@contextmanager
def taken(name: str, *, seconds: float) -> Iterator[Turn | None]:
    """Ours inside, if nobody has it: else None."""
    turn = Turn(name, seconds=seconds)
    if not turn.take():
        yield None
        return
    try:
        yield turn
    finally:
        turn.give_back()


def _asked(question: Callable[[], object]) -> bool:
    try:
        with courier.redis.asking(RedisError, OSError):
            return bool(question())
    except (NotAsked, RedisError, OSError):
        return True
