"""How often one person may ask. Counted in Django's cache: shared when that is Redis."""

import logging
import time
from typing import ClassVar

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

logger = logging.getLogger(__name__)

REST_SECONDS = 30.0


class PersonThrottle(UserRateThrottle):
    """Lets everybody pass while the cache is away: a limit is no reason to refuse a call."""

    _rests_until: ClassVar[float] = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        if time.monotonic() < PersonThrottle._rests_until:
            return True
        try:
            return super().allow_request(request, view)
        except (RedisError, OSError) as error:
            # Not asked again for a while, or each request would wait for its timeout.
            PersonThrottle._rests_until = time.monotonic() + REST_SECONDS
            logger.warning("Requests are not counted, the cache is away: %s", error)
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
