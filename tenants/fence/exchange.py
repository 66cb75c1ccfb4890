"""Statements that go to PostgreSQL together, as one transaction, by libpq itself.

psycopg's own pipeline makes a cursor, adapters and generators for each statement, which together
took more of a webhook than everything else that Python does for it.
"""

from collections import deque
from collections.abc import Generator, Sequence
from functools import lru_cache
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from psycopg import Connection, DataError
from psycopg.adapt import Transformer
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus
from psycopg.waiting import Ready, Wait

# What each connection has prepared: the names, by statement.
_prepared: "WeakKeyDictionary[Connection[Any], dict[str, bytes]]" = WeakKeyDictionary()
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class Answer:
    """To a statement: `result` once it has been waited for."""

    def __init__(self, exchange: "Exchange", sql: str, values: Sequence[bytes | None]) -> None:
        self.exchange, self.sql, self.values = exchange, sql, values
        self.result: Any = None  # libpq's

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Waits for it, and with it for all that was asked before. Raises psycopg's errors."""
        if self.result is None:
            self.exchange.wait()
        read = Transformer(self.exchange.driver)
        read.set_pgresult(self.result)
        rows: list[tuple[Any, ...]] = read.load_rows(0, self.result.ntuples, tuple)
        return rows


class Exchange:
    """On a connection outside of any transaction. What is asked goes out when an answer is waited
    for, and with the `end`, which commits. After an error the connection is good for nothing:
    what was to be prepared may not be.
    """

    def __init__(self, driver: Connection[Any]) -> None:
        self.driver, self._libpq = driver, driver.pgconn
        self._sent: deque[Answer | None] = deque()  # None: a statement that is being prepared
        self._prepares = driver.prepare_threshold is not None
        self._has_answered = False
        self._libpq.enter_pipeline_mode()

    def ask(self, sql: str, values: Sequence[str | None]) -> Answer:
        """`%s` for each value. PostgreSQL makes of them what stands around them says."""
        given = [None if value is None else _bytes(value) for value in values]
        return self._send(Answer(self, sql, given))

    def _send(self, answer: Answer) -> Answer:
        if self._prepares:
            name = self._name(answer.sql)
            self._libpq.send_query_prepared(name, answer.values)
        else:
            sql = _numbered(answer.sql)
            self._libpq.send_query_params(sql, answer.values)
        self._sent.append(answer)
        return answer

    def _name(self, sql: str) -> bytes:
        names = _prepared.setdefault(self.driver, {})
        if sql not in names:
            names[sql] = b"exchange_%d" % len(names)
            self._libpq.send_prepare(names[sql], _numbered(sql))
            self._sent.append(None)
        return names[sql]

    def wait(self) -> None:
        """For the answers to all that was asked."""
        self._exchange(commits=False)

    def roll_back(self) -> None:
        """What was asked so far; to be followed by the end."""
        self.ask("ROLLBACK", [])

    def end(self) -> None:
        """Commit, and wait for all that is not answered yet."""
        self._exchange(commits=True)
        self._libpq.exit_pipeline_mode()

    def _exchange(self, *, commits: bool) -> None:
        asked = [answer for answer in self._sent if answer is not None]
        try:
            self._communicate(commits)
        except InvalidSqlStatementName:
            # Whatever a connection has prepared psycopg throws away when a savepoint is rolled
            # back. Then the first statement has failed, and nothing was done.
            if self._has_answered:
                raise
            if not commits:
                self._libpq.pipeline_sync()
                self.driver.wait(self._nothing_more())
            _prepared.pop(self.driver, None)
            self._sent.clear()
            for answer in asked:
                self._send(answer)
            self._communicate(commits)
        self._has_answered = True

    def _communicate(self, commits: bool) -> None:
        if commits:
            self._libpq.pipeline_sync()
        else:
            self._libpq.send_flush_request()
        self.driver.wait(self._answers(commits))

    def _answers(self, commits: bool) -> Generator[Wait, Ready | int, None]:
        yield from self._flushed()
        failed = None
        while self._sent:
            result = yield from self._next()
            if result.status not in _GOOD:
                failed = failed or result
            elif (answer := self._sent[0]) is not None:
                answer.result = result
            self._sent.popleft()
            yield from self._next()  # None, which ends each statement's results
            if failed and not commits:
                break
        if commits:
            synced = yield from self._next()
            failed = failed or (None if synced.status == ExecStatus.PIPELINE_SYNC else synced)
        if failed:
            raise error_from_result(failed, encoding=self.driver.info.encoding)

    def _nothing_more(self) -> Generator[Wait, Ready | int, None]:
        yield from self._flushed()
        while (result := (yield from self._next())) is None or (
            result.status != ExecStatus.PIPELINE_SYNC
        ):
            pass

    def _flushed(self) -> Generator[Wait, Ready | int, None]:
        while self._libpq.flush():
            if (yield Wait.RW) & Ready.R:
                self._libpq.consume_input()

    def _next(self) -> Generator[Wait, Ready | int, Any]:
        while self._libpq.is_busy():
            if (yield Wait.R):
                self._libpq.consume_input()
        return self._libpq.get_result()


def _bytes(value: str) -> bytes:
    if "\0" in value:  # where libpq would end it
        raise DataError("PostgreSQL text cannot contain NUL (0x00) bytes")
    return value.encode()


@lru_cache(1000)
def _numbered(sql: str) -> bytes:
    """The statement with `$1` for its first `%s`."""
    first, *others = sql.split("%s")
    rest = (f"${number}{part}" for number, part in zip(count(1), others, strict=False))
    return "".join([first, *rest]).replace("%%", "%").encode()
