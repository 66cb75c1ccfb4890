"""How often one person may ask. Counted in Django's cache: shared when that is Redis."""

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from tenants.bricks.breaker import NotAsked
from tenants.bricks.courier import redis


class PersonThrottle(UserRateThrottle):
    """Lets everybody pass while the cache is away: a limit is no reason to refuse a call."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            with redis.asking(RedisError, OSError):
                return super().allow_request(request, view)
        except (NotAsked, RedisError, OSError):
            return True


class TokenThrottle(PersonThrottle):
    scope = "access-token"
    rate = "60/min"


class CallThrottle(PersonThrottle):
    scope = "make-call"
    rate = "120/min"  # repeated requests of one call count too


class ReadThrottle(PersonThrottle):
    scope = "call-logs"
    rate = "300/min"
