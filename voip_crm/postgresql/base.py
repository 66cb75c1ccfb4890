"""The backend: `ENGINE` is this package's name."""

from typing import Any

from django.db.backends.postgresql import base

from voip_crm.postgresql import driver


class DatabaseWrapper(base.DatabaseWrapper):
    Database = driver

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        driver.server.refuse_if_frozen()
        driver.server.where = conn_params
        return super().get_new_connection(conn_params)
