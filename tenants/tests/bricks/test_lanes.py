"""What is done at once, in this process: once more when asked meanwhile, again when it fails."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tenants.bricks.lanes import Lane


class Away(Exception):
    """Someone else's trouble."""


@pytest.fixture
def lane() -> Lane:
    return Lane("test", threads=2, most=3, again=(0.01, 0.02), trouble=(Away,))


def test_it_is_done_beside_whoever_asks(lane: Lane, eventually: Any) -> None:
    threads: list[str] = []
    lane.do("room", lambda: threads.append(threading.current_thread().name))
    eventually(lambda: threads)
    assert threads[0].startswith("test")


def test_what_is_asked_for_meanwhile_is_done_once_more(lane: Lane, eventually: Any) -> None:
    go, begun = threading.Event(), threading.Event()
    done: list[int] = []

    def work() -> None:
        begun.set()
        go.wait(5)
        done.append(1)

    lane.do("room", work)
    assert begun.wait(5)
    for _ in range(5):
        lane.do("room", work)
    go.set()
    eventually(lambda: len(done) == 2)
    time.sleep(0.05)
    assert len(done) == 2
    lane.do("room", work)
    eventually(lambda: len(done) == 3)


@pytest.mark.parametrize(("failures", "tries"), [(1, 2), (2, 3), (9, 3)])
def test_trouble_is_waited_out_for_a_while(
    lane: Lane, eventually: Any, failures: int, tries: int
) -> None:
    tried: list[int] = []

    def work() -> None:
        tried.append(1)
        if len(tried) <= failures:
            raise Away

    lane.do("room", work)
    eventually(lambda: len(tried) == tries)
    time.sleep(0.1)
    assert len(tried) == tries


def test_a_fault_is_logged_and_stops_nothing(lane: Lane, eventually: Any, caplog: Any) -> None:
    done: list[int] = []

    def fail() -> None:
        raise ValueError("ours")

    lane.do("one", fail)
    lane.do("one", fail)
    lane.do("two", lambda: done.append(1))
    eventually(lambda: done and "ours" in caplog.text)


def test_more_than_can_be_done_is_left_to_the_sweep(
    lane: Lane, eventually: Any, caplog: Any
) -> None:
    go = threading.Event()
    done: list[int] = []

    def waits(number: int) -> Callable[[], None]:
        def work() -> None:
            go.wait(5)
            done.append(number)

        return work

    for number in range(5):
        lane.do(number, waits(number))
    assert caplog.text.count("left to the sweep") == 2
    go.set()
    eventually(lambda: sorted(done) == [0, 1, 2])


def test_trouble_of_one_keeps_no_thread_from_the_others(eventually: Any) -> None:
    lane = Lane("test", threads=1, most=10, again=(60.0,), trouble=(Away,))
    done: list[int] = []

    def fail() -> None:
        raise Away

    lane.do("one", fail)
    lane.do("two", lambda: done.append(1))
    eventually(lambda: done == [1])


def test_what_is_for_later_is_done_then_and_in_its_order(lane: Lane, eventually: Any) -> None:
    done: list[str] = []
    began = time.monotonic()
    lane.later(0.3, "b", lambda: done.append("b"))
    lane.later(0.1, "a", lambda: done.append("a"))
    assert done == []
    eventually(lambda: done == ["a", "b"])
    assert time.monotonic() - began >= 0.3
