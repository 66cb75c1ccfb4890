"""What a dial costs us beside Twilio; that it looks at no past call is in test_flat_reads.py."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from calls import gateway
from calls.selectors import limits as rows
from calls.tests.conftest import Scene, sid
from tenants.fence.context import tenant_transaction


@pytest.fixture
def taken(monkeypatch: Any) -> None:
    """Twilio takes each call."""
    monkeypatch.setattr(gateway, "dial_participant", lambda *_, **__: sid("CA"))


def test_a_dial_costs_twelve_statements(
    taken: None, waiting: Scene, client: Client, signed_in: Any
) -> None:
    signed_in(waiting.member)
    with tenant_transaction(waiting.member.tenant_id):
        rows.chosen(lock=True)  # made by the first dial of a workspace
    body = {"clientRequestId": str(waiting.request_id), "to": "+14155550100"}
    with CaptureQueriesContext(connection) as queries:
        answer = client.post("/api/twilio/make-call", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["contact"]["name"] == "Maria of Acme"
    sent = [query["sql"] for query in queries]
    asked = [sql for sql in sent if "SAVEPOINT" not in sql and "set_config(" not in sql[:20]]
    assert len(asked) <= 12, "\n".join(asked)
