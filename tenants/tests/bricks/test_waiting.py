"""What keeps one who waits from keeping everybody: deadlines, breakers, gates, the courier."""

import contextvars
import queue
import secrets
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache

from tenants.bricks import courier, deadline, live, turns
from tenants.bricks.breaker import Breaker, NotAsked
from tenants.bricks.gates import Crowded, Gate

LONG = 10.0  # seconds, which no test waits for


class Clock:
    def __init__(self, monkeypatch: Any) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: Any) -> Clock:
    return Clock(monkeypatch)


def test_a_deadline_comes_nearer_and_does_not_count_what_has_its_own_limit(clock: Clock) -> None:
    assert deadline.left(LONG) == LONG  # nobody waits
    with deadline.within(2.5):
        clock.now += 1
        assert deadline.left(LONG) == 1.5 and deadline.left(1) == 1
        with deadline.not_counted():
            clock.now += 5
        assert deadline.left(LONG) == 1.5
        with pytest.raises(ValueError), deadline.not_counted():
            clock.now += 5
            raise ValueError
        clock.now += 2
        assert deadline.left(LONG) == 0
    assert deadline.left(LONG) == LONG


def failing(breaker: Breaker) -> None:
    with pytest.raises(ConnectionError), breaker.asking(OSError):
        raise ConnectionError("no answer")


def is_open(breaker: Breaker) -> bool:
    """And if not, it has been asked, and has answered."""
    try:
        with breaker.asking(OSError):
            return False
    except NotAsked:
        return True


def test_a_breaker_lets_one_try_after_a_while(clock: Clock) -> None:
    breaker = Breaker("it", seconds=5, after=2)
    failing(breaker)
    failing(breaker)
    assert is_open(breaker)
    clock.now += 5
    with breaker.asking(OSError):
        assert is_open(breaker)  # for the others, while one tries
    assert not is_open(breaker)
    failing(breaker)
    failing(breaker)
    clock.now += 5
    failing(breaker)
    assert is_open(breaker)
    clock.now += 5
    # What is wrong with the question is no silence.
    with pytest.raises(ValueError), breaker.asking(OSError):
        raise ValueError
    failing(breaker)
    assert not is_open(breaker)


def test_a_gate_holds_so_many_for_a_key_and_lets_go_of_all() -> None:
    gate = Gate(2, patience=0)
    with gate.passing("a"), gate.passing("a"), gate.passing("b"):
        with pytest.raises(Crowded), gate.passing("a"):
            pass
    with pytest.raises(ValueError), gate.passing("a"):
        raise ValueError
    assert not gate._inside
    with gate.passing("a"), gate.passing("a"):
        pass


def test_who_waits_at_a_gate_goes_in_when_another_leaves() -> None:
    gate, inside, leave = Gate(1, patience=LONG), threading.Event(), threading.Event()

    def first() -> None:
        with gate.passing():
            inside.set()
            leave.wait(LONG)

    def second() -> str:
        with gate.passing():
            return "inside"

    with ThreadPoolExecutor(2) as pool:
        pool.submit(first)
        assert inside.wait(LONG)
        waits = pool.submit(second)
        leave.set()
        assert waits.result(LONG) == "inside"


@pytest.fixture
def with_redis(settings: Any, monkeypatch: Any) -> Breaker:
    settings.REDIS_URL = "redis://nowhere"
    breaker = Breaker("Redis", seconds=LONG)
    monkeypatch.setattr(courier, "redis", breaker)
    return breaker


def test_the_courier_keeps_the_order_and_keeps_nobody(with_redis: Breaker) -> None:
    began, go, done = threading.Event(), threading.Event(), list[int]()

    def slow() -> None:
        began.set()
        go.wait(LONG)

    courier.give(slow, (OSError,))
    for number in range(5):
        courier.give(lambda number=number: done.append(number), (OSError,))  # type: ignore[misc]
    assert began.wait(LONG) and done == []  # we went on meanwhile
    go.set()
    courier.flush(LONG)
    assert done == [*range(5)]


def test_what_redis_did_not_take_is_lost_and_it_is_not_asked_again_at_once(
    with_redis: Breaker,
) -> None:
    tried = []

    def fail() -> None:
        tried.append(1)
        raise ConnectionError("no answer")

    for _ in range(3):
        courier.give(fail, (OSError,))
    courier.flush(LONG)
    assert tried == [1] and is_open(with_redis)


def test_a_fault_of_one_errand_stops_no_other(with_redis: Breaker, caplog: Any) -> None:
    done = []
    courier.give(lambda: 1 / 0, (OSError,))  # type: ignore[arg-type, return-value]
    courier.give(lambda: done.append(1), (OSError,))
    courier.flush(LONG)
    assert done == [1] and not is_open(with_redis)
    assert "division by zero" in caplog.text


def test_what_is_given_in_a_burst_goes_together_and_each_thing_once(with_redis: Breaker) -> None:
    began, go, sent = threading.Event(), threading.Event(), list[list[int]]()

    def slow() -> None:
        began.set()
        go.wait(LONG)

    together = courier.Together(sent.append, (OSError,))
    courier.give(slow, (OSError,))
    assert began.wait(LONG)
    for number in (3, 1, 3, 2):
        together.give(number)
    go.set()
    courier.flush(LONG)
    together.give(3)  # news again, since the one before is out
    courier.flush(LONG)
    assert sent == [[3, 1, 2], [3]]


@pytest.mark.parametrize("trouble", ["Redis is away", "nobody asks it", "too much is on its way"])
def test_a_burst_that_is_lost_holds_up_none_after_it(
    with_redis: Breaker, monkeypatch: Any, trouble: str
) -> None:
    sent = []

    def send(numbers: list[int]) -> None:
        if numbers == [1] and trouble == "Redis is away":
            raise ConnectionError("no answer")
        sent.append(numbers)

    together = courier.Together(send, (OSError,))
    if trouble == "nobody asks it":
        failing(with_redis)
    with monkeypatch.context() as patch:
        if trouble == "too much is on its way":
            patch.setattr(courier, "_errands", queue.Queue(1))
            courier._errands.put((contextvars.copy_context(), lambda: None))
            patch.setattr(courier, "_begin", int)
        together.give(1)
    courier.flush(LONG)
    monkeypatch.setattr(courier, "redis", Breaker("Redis", seconds=LONG))
    together.give(2)
    courier.flush(LONG)
    assert sent == [[2]]


def test_in_place_of_lost_live_messages_pages_are_told_to_look_again(
    with_redis: Breaker, monkeypatch: Any
) -> None:
    monkeypatch.setattr(courier, "AGAIN", 0.05)
    sent, is_back = list[Any](), threading.Event()

    def send(messages: list[Any]) -> None:
        if not sent and not is_back.is_set():
            is_back.set()
            raise ConnectionError("no answer")
        sent.append(messages)
        told.set()

    told = threading.Event()
    monkeypatch.setattr(courier, "redis", Breaker("Redis", seconds=0))
    together = courier.Together(send, (OSError,), live._in_place_of)
    mine, end = f"{live.CHANNEL_PREFIX}mine", f"{live.END_PREFIX}pat"
    for message in ((mine, "1"), (end, ""), (mine, "2")):
        together.give(message)
    assert told.wait(LONG)
    assert sent == [[(mine, live.LOOK_AGAIN), (end, "")]]


def test_who_else_asks_redis_finds_out_for_all_that_it_is_back(
    with_redis: Breaker, clock: Clock, monkeypatch: Any
) -> None:
    """A sweep asks whose turn it is, again and again; errands need no luck of their own then."""
    failing(with_redis)
    clock.now += LONG
    with turns.taken("it", seconds=LONG) as first, turns.taken("it", seconds=LONG) as second:
        assert first is not None and second is None
    done = []
    courier.give(lambda: done.append(1), (OSError,))
    courier.flush(LONG)
    assert done == [1]


def test_a_turn_is_given_to_one_at_a_time() -> None:
    name = secrets.token_hex(8)
    for _ in range(2):
        with turns.taken(name, seconds=LONG) as mine:
            assert mine is not None and mine.keep()
            assert not turns.take(name, seconds=LONG)
    assert turns.take(name, seconds=LONG) and not turns.take(name, seconds=LONG)


def test_who_was_too_slow_takes_the_turn_of_nobody_else() -> None:
    name = secrets.token_hex(8)
    with turns.taken(name, seconds=LONG) as slow:
        assert slow is not None
        cache.delete(f"turn:{name}")  # its time is up
        assert slow.keep()  # nobody wanted it
        cache.delete(f"turn:{name}")
        with turns.taken(name, seconds=LONG) as quick:
            assert quick is not None and not slow.keep()
            slow.give_back()
            assert quick.keep() and not turns.take(name, seconds=LONG)


FORKING = """
import os
from django.conf import settings
settings.configure(REDIS_URL="redis://nowhere")
from tenants.bricks import courier
courier.give(lambda: None, ())
courier.flush()
if os.fork() == 0:
    courier.give(lambda: os.write(1, b"done"), ())
    courier.flush()
    os._exit(0)
os.wait()
"""


def test_a_child_has_a_courier_of_its_own() -> None:
    """Celery's pool is forked from a process that has handed something over."""
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"done", b"")
