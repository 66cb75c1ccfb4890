"""A worker outlives its broker, whatever it holds at that moment."""

from types import SimpleNamespace
from typing import Any

import pytest
from kombu.transport import redis

import voip_crm.celery


class Channel(redis.Channel):
    """One whose transport has been closed."""

    def __init__(self) -> None:
        self.connection: Any = SimpleNamespace(client=None)
        self.unacked_key = self.unacked_index_key = "x"
        self._pool = self._async_pool = None


def test_what_is_held_when_redis_is_lost_does_not_end_the_worker() -> None:
    assert redis.Channel.QoS is not redis.QoS
    channel = Channel()
    with pytest.raises(AttributeError, match="hostname"):  # once it is not, ours can go
        redis.QoS(channel).restore_unacked()
    channel.QoS(channel).restore_unacked()


def test_a_worker_asks_for_redis_as_long_as_it_is_away() -> None:
    assert voip_crm.celery.app.conf.broker_connection_max_retries is None
