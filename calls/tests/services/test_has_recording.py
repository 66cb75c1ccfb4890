"""Whether a call has a recording is told by its column exactly as by looking at the recordings."""

import threading
import time
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as product
from django.db import connection
from django.db.models import Exists, OuterRef
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calls.models import CallLog, Recording
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import sid
from tenants.fence.context import tenant_transaction

STATES = st.sampled_from(["stored", "stored", "waiting", "failed", "recording", "absent"])
CALL, RECORDING = st.integers(0, 2), st.integers(0, 5)
CHANGES = st.one_of(
    st.tuples(st.just("make"), CALL, STATES),
    st.tuples(st.just("make both"), CALL, STATES),
    st.tuples(st.just("state"), RECORDING, STATES),
    st.tuples(st.just("move"), RECORDING, CALL),
    st.tuples(st.just("all"), CALL, STATES),
    st.tuples(st.just("delete"), RECORDING, st.none()),
    st.tuples(st.just("delete call"), CALL, st.none()),
)


def change(calls: list[CallLog], what: str, which: int, more: Any) -> None:
    call = calls[min(which, len(calls) - 1)]
    of_call = Recording.objects.filter(call=call)
    one = Recording.objects.filter(pk__in=Recording.objects.order_by("sid")[which : which + 1])
    match what:
        case "make" | "make both":
            made = [
                Recording(tenant_id=call.tenant_id, call=call, sid=sid("RE"), state=more)
                for _ in range(2 if what == "make both" else 1)
            ]
            Recording.objects.bulk_create(made)
        case "state":
            one.update(state=more)
        case "move":
            one.update(call=calls[min(more, len(calls) - 1)])
        case "all":
            of_call.update(state=more)
        case "delete":
            one.delete()
        case "delete call" if len(calls) > 1:
            calls.remove(call)
            CallLog.objects.filter(pk=call.pk).delete()


def looked_up() -> list[tuple[UUID, bool]]:
    stored = Recording.objects.filter(call_id=OuterRef("pk"), state="stored")
    found = CallLog.objects.annotate(found=Exists(stored)).order_by("pk")
    return list(found.values_list("pk", "found"))


@settings(max_examples=40, suppress_health_check=list(HealthCheck), database=None)
@given(changes=st.lists(CHANGES, max_size=9))
def test_the_column_tells_what_the_recordings_tell(
    cast: Any, changes: list[tuple[str, int, Any]]
) -> None:
    with tenant_transaction(cast.acme.pk):
        calls = [an_outbound_call(cast.acme, user=cast.bob.user) for _ in range(3)]
        for each in changes:
            change(calls, *each)
            told = CallLog.objects.order_by("pk").values_list("pk", "has_recording")
            assert list(told) == looked_up()
        Recording.objects.all().delete()
        CallLog.objects.all().delete()


@pytest.mark.skipif(not product.DATABASE_OWNER, reason="SQLite has one writer at a time")
def test_of_two_recordings_that_change_at_once_the_second_sees_the_first(
    committed_cast: Any,
) -> None:
    acme = committed_cast.acme
    call = an_outbound_call(acme)
    with tenant_transaction(acme.pk):
        first, second = (
            Recording.objects.create(tenant=acme, call=call, sid=sid("RE"), state=state)
            for state in ("stored", "waiting")
        )

    def lose() -> None:
        with tenant_transaction(acme.pk):
            Recording.objects.filter(pk=first.pk).update(state="waiting")
        connection.close()

    thread = threading.Thread(target=lose)
    with tenant_transaction(acme.pk):
        Recording.objects.filter(pk=second.pk).update(state="stored")
        thread.start()
        time.sleep(0.3)  # it looks for a stored one now, or waits for this transaction
        assert thread.is_alive()
    thread.join()
    with tenant_transaction(acme.pk):
        assert CallLog.objects.get(pk=call.pk).has_recording
