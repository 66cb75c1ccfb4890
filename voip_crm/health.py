"""What a load balancer asks: /healthz (the process answers), /readyz (it can do its work)."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from tenants.bricks import deadline

log = logging.getLogger(__name__)

SECONDS = 1.0  # after which a service that has not answered does not answer


class HealthMiddleware:
    """Answers before anybody asks who is asking, which would need the database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = {"/healthz": healthz, "/readyz": readyz}.get(request.path, self.get_response)
        return view(request)


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """200 or 503 with `{"database": bool, "broker": bool}`."""
    answer = {"database": _database_answers(), "broker": _broker_answers()}
    return JsonResponse(answer, status=200 if all(answer.values()) else 503)


def _database_answers() -> bool:
    try:
        with deadline.within(SECONDS), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        log.warning("The database does not answer: %s", error)
        return False
    return True


def _broker_answers() -> bool:
    if not settings.REDIS_URL:
        return True  # ./run keeps its queue in memory
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=SECONDS,
        socket_timeout=SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        log.warning("Redis does not answer: %s", error)
        return False
    finally:
        client.close()
    return True
