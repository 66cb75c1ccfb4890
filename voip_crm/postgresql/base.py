"""The backend: `ENGINE` is this package's name."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.utils import debug_transaction

from voip_crm.postgresql import driver


class DatabaseWrapper(base.DatabaseWrapper):
    Database = driver
    _opening = ""

    @contextmanager
    def opening_with(self, statement: str) -> Iterator[None]:
        """The transaction that is entered next begins with this statement, in one message: the
        driver by itself would wait for BEGIN, and then for each of its statements.
        """
        self._opening = statement
        try:
            yield
        finally:
            self._opening = ""

    def _start_transaction_under_autocommit(self) -> None:
        """How `atomic` begins, where a backend has this: the driver does not know of it, and goes
        on to commit and to roll back what is under way.
        """
        opening, self._opening = self._opening, ""
        begin = f"BEGIN; {opening}" if opening else "BEGIN"
        with debug_transaction(self, begin), self.wrap_database_errors:
            self.connection.execute(begin, prepare=False)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        driver.server.refuse_if_frozen()
        driver.server.where = conn_params
        return super().get_new_connection(conn_params)

    def is_usable(self) -> bool:
        """Asked by Django at the first statement of each request.

        A server that ends a connection says so: while it says nothing, it need not be asked, which
        would be a round trip. One that hangs is the deadline's affair.
        """
        if self.connection.closed:
            return False
        ready = select.poll()  # whatever the number of the socket
        ready.register(self.connection.fileno(), select.POLLIN)
        return not ready.poll(0) or bool(super().is_usable())
