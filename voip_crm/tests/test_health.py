"""Liveness says that the process answers, readiness that it can do its work."""

from typing import Any

import pytest
from django.db import Error, connection

from voip_crm.tests.environment import free_port


def test_liveness_needs_no_database(client: Any) -> None:
    assert client.get("/healthz").content == b"ok\n"


@pytest.mark.django_db
def test_ready_with_database_and_broker(client: Any) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"database": True, "broker": True})


@pytest.mark.django_db
def test_not_ready_without_the_broker(client: Any, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"database": True, "broker": False})


@pytest.mark.django_db
def test_not_ready_without_the_database(client: Any, monkeypatch: Any) -> None:
    def broken(*_: Any) -> Any:
        raise Error("gone")

    monkeypatch.setattr(connection, "cursor", broken)
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"database": False, "broker": True})
