"""Twilio may sort the query of an address before it calls it, and sign the order that it was given:
then a call is told of all the same, since the order that we give is the sorted one.
"""

from typing import Any

import pytest
from django.test import Client

from calls.models import CallLog
from calls.tests.conftest import Scene
from tenants.fence.context import tenant_transaction


@pytest.fixture
def cast(committed_cast: Any) -> Any:
    """Committed, since the sandbox's callbacks come to another process."""
    return committed_cast


def test_a_call_is_told_of_though_every_query_is_sorted(
    site: Any, waiting: Scene, signed_in: Any, sandbox: Any, eventually: Any
) -> None:
    sandbox.fault("query-sort", times=1000)
    since = max((entry["n"] for entry in sandbox.wire()), default=0)
    client: Client = signed_in(waiting.member)
    answer = client.post(
        "/api/twilio/make-call",
        {"clientRequestId": str(waiting.request_id), "to": "+14155550102"},  # is busy
        content_type="application/json",
    )
    assert answer.status_code == 201

    def outcome() -> str:
        with tenant_transaction(waiting.room.tenant_id):
            return CallLog.objects.get(conference=waiting.room).outcome or ""

    eventually(outcome)
    assert outcome() == "busy"
    eventually(sandbox.is_idle)
    told = [entry for entry in sandbox.wire(since) if entry["kind"] == "webhook"]
    assert len(told) >= 3
    assert {each["status"] for entry in told for each in entry["attempts"]} == {204}
    assert sandbox.faults()[-1]["fired"] == len(told)
