"""A worker outlives its broker, whatever it holds at that moment."""

from types import SimpleNamespace
from typing import Any

import pytest
from kombu.transport import redis

import voip_crm.celery


class Channel(redis.Channel):
    """One whose transport has been closed."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.unacked_key = self.unacked_index_key = "x"
        self._pool = self._async_pool = None


@pytest.mark.parametrize(
    ("connection", "lacks"),
    [(SimpleNamespace(client=None), "hostname"), (None, "client")],
    ids=["closed", "gone"],
)
def test_what_is_held_when_redis_is_lost_does_not_end_the_worker(
    connection: Any, lacks: str
) -> None:
    assert redis.Channel.QoS is not redis.QoS
    channel = Channel(connection)
    for says in (lambda of: of.restore_unacked(), lambda of: of.ack("a tag")):
        with pytest.raises(AttributeError, match=lacks):  # once it is not, ours can go
            says(redis.QoS(channel))
        says(channel.QoS(channel))


def test_a_worker_asks_for_redis_as_long_as_it_is_away() -> None:
    assert voip_crm.celery.app.conf.broker_connection_max_retries is None
