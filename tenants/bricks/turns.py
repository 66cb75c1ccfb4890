"""Who does something, of all processes: one at a time, or once in a while. Kept in the cache; when
that is away, nobody is held back.
"""

from collections.abc import Callable

from django.core.cache import cache
from redis.exceptions import RedisError

from tenants.bricks import courier
from tenants.bricks.breaker import NotAsked


def take(name: str, *, seconds: float) -> bool:
    """Whether it is ours now: nobody has it, and nobody else gets it for so long."""
    return _asked(lambda: cache.add(_key(name), True, timeout=seconds))


def keep(name: str, *, seconds: float) -> None:
    """It stays ours for so long from now."""
    _asked(lambda: cache.touch(_key(name), seconds))


def give_back(name: str) -> None:
    _asked(lambda: cache.delete(_key(name)))


def _key(name: str) -> str:
    return f"turn:{name}"


def _asked(question: Callable[[], object]) -> bool:
    try:
        with courier.redis.asking(RedisError, OSError):
            return bool(question())
    except (NotAsked, RedisError, OSError):
        return True
