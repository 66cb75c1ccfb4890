"""The live channel's sending side: what happened, told to a tenant's open pages.

A message carries ids only (the page fetches the HTML, so that authorisation stays in the views).
Publish on commit: `transaction.on_commit(partial(publish, tenant_id, {...}))`.
"""

import json
import os
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing

from tenants.bricks import courier

CHANNEL_PREFIX = "live:"
END_PREFIX = f"{CHANNEL_PREFIX}end:"
TICKET_SECONDS = 60
LOOK_AGAIN = json.dumps({"type": "resync"})
_SALT = "tenants.bricks.live"

Deliver = Callable[[str, str], None]
_local: list[Deliver] = []


def publish(tenant_id: UUID, message: dict[str, Any]) -> None:
    """Send `message` (JSON, ids only) to every open page of the tenant. Never raises.

    Without Redis it reaches the pages of this process. When Redis is away the message is lost, and
    the pages are told to look again when it is back; nobody waits for it (`courier`).
    """
    _send(f"{CHANNEL_PREFIX}{tenant_id}", json.dumps(message))


def end_streams(owner_id: UUID) -> None:
    """End the open streams of this user, or of this tenant. Never raises. A page comes back with a
    new ticket, if it gets one; tickets from before are refused.
    """
    _send(f"{END_PREFIX}{owner_id}", "")


def _send(channel: str, text: str) -> None:
    if not settings.REDIS_URL:
        for deliver in _local:
            deliver(channel, text)
        return
    _outbox(settings.REDIS_URL).give((channel, text))


def listen(deliver: Deliver) -> None:
    """Give messages published in this process to `deliver(channel, text)`; it must not block."""
    _local.append(deliver)


def make_ticket(tenant_id: UUID, user_id: object) -> str:
    """A signed ticket for one page of this user, to be used within 60 seconds."""
    claims = {"tenant": str(tenant_id), "user": str(user_id), "at": time.time()}
    return signing.dumps(claims, salt=_SALT)


def read_ticket(ticket: str) -> tuple[str, str, float]:
    """(tenant id, user id, Unix time it was made). Raises `signing.BadSignature` for a forged or
    an old ticket.
    """
    claims = signing.loads(ticket, salt=_SALT, max_age=TICKET_SECONDS)
    return claims["tenant"], claims["user"], claims["at"]


@cache
def _outbox(url: str) -> courier.Together:
    """A burst of messages costs little more than one, and is sent by no request."""
    from redis import RedisError  # a sixth of a second, which ./run need not wait for

    def publish(messages: list[tuple[str, str]]) -> None:
        with _client(url).pipeline(transaction=False) as pipe:
            for channel, text in messages:
                pipe.publish(channel, text)
            pipe.execute()

    return courier.Together(publish, (RedisError, OSError), _in_place_of)


def _in_place_of(lost: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """For each channel one word to look again; an end stays an end."""
    return [
        (channel, "" if channel.startswith(END_PREFIX) else LOOK_AGAIN)
        for channel in dict.fromkeys(channel for channel, _ in lost)
    ]


os.register_at_fork(after_in_child=_outbox.cache_clear)


@cache
def _client(url: str) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        url,
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), 1),  # one more try: the pooled connection may be an old one
    )
