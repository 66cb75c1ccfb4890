"""The backend: `ENGINE` is this package's name."""

import select
from typing import Any

from django.db.backends.postgresql import base

from voip_crm.postgresql import driver


class DatabaseWrapper(base.DatabaseWrapper):
    Database = driver

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
