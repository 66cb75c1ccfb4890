"""What the last 24 hours cost is told by hourly sums exactly as by adding up all calls."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calls.facts import limits
from calls.models import CallLog, HourSum
from calls.selectors import limits as rows
from calls.services import forgetting
from calls.tests.builders import an_outbound_call
from tenants.fence.context import tenant_transaction

NOW = datetime(2026, 11, 22, 12, 34, 56, 789, tzinfo=UTC)
MOMENTS = st.integers(0, 26 * 3600 * 10**6).map(lambda ago: NOW - timedelta(microseconds=ago))
# On the edges: of an hour, of the 24, and of now.
EDGES = st.sampled_from([NOW, NOW - timedelta(days=1), NOW - timedelta(days=1, microseconds=1)])
HOURS = st.integers(0, 25).map(
    lambda ago: NOW.replace(minute=0, second=0, microsecond=0) - timedelta(hours=ago)
)
CALLS = st.fixed_dictionaries(
    {
        "started_at": MOMENTS | EDGES | HOURS,
        "length": st.none() | st.integers(0, 4 * 3600 * 10**6),
        "rate": st.sampled_from(["0.05", "0.2000", "0.0001"]),
        "person": st.sampled_from(["alice", "bob", None]),
        "submission": st.sampled_from(["accepted", "accepted", "pending", "refused", "unknown"]),
        "direction": st.sampled_from(["OUTBOUND", "OUTBOUND", "INBOUND"]),
    }
)
# What becomes of a call afterwards, and of which one.
CHANGES = st.tuples(
    st.integers(0, 7),
    st.sampled_from(
        ["end", "open", "refuse", "accept", "rate", "person", "move", "delete", "save"]
    ),
    st.integers(0, 3600 * 10**6),
)


def naive(user_id: Any) -> tuple[Decimal, Decimal]:
    """(the agent's, everybody's): all calls, one by one."""
    parts: dict[Any, limits.Spent] = {}
    for call in CallLog.objects.filter(direction="OUTBOUND", started_at__gte=NOW - rows.DAY):
        if call.submission != "refused":
            key = (call.user_id, call.assumed_rate)
            known = parts.get(key, limits.Spent(call.assumed_rate, 0, 0, timedelta()))
            parts[key] = limits.Spent(
                call.assumed_rate,
                known.calls + 1,
                known.running + (call.ended_at is None),
                known.length + ((call.ended_at or NOW) - call.started_at),
            )
    own = limits.spent(part for (whose, _), part in parts.items() if whose == user_id)
    return own, limits.spent(parts.values())


def change(call: CallLog, what: str, amount: int) -> None:
    later = timedelta(microseconds=amount)
    this = CallLog.objects.filter(pk=call.pk)
    match what:
        case "end":
            this.update(ended_at=F("started_at") + later)
        case "open":
            this.update(ended_at=None)
        case "refuse" | "accept":
            this.update(submission="refused" if what == "refuse" else "accepted")
        case "rate":
            this.update(assumed_rate=Decimal("0.05"))
        case "person":
            this.update(user=None)
        case "move":
            this.update(started_at=F("started_at") - later)
        case "delete":
            this.delete()
        case "save":
            for same in this:
                same.save()


@settings(max_examples=25, suppress_health_check=list(HealthCheck), database=None)
@given(calls=st.lists(CALLS, max_size=8), changes=st.lists(CHANGES, max_size=6))
def test_the_sums_tell_what_all_calls_tell(
    cast: Any, calls: list[dict[str, Any]], changes: list[tuple[int, str, int]]
) -> None:
    people = {"alice": cast.alice.user, "bob": cast.bob.user, None: None}
    with tenant_transaction(cast.acme.pk):
        made = [
            an_outbound_call(
                cast.acme,
                user=people[each["person"]],
                started_at=each["started_at"],
                ended_at=None
                if each["length"] is None
                else each["started_at"] + timedelta(microseconds=each["length"]),
                assumed_rate=Decimal(each["rate"]),
                submission=each["submission"],
                direction=each["direction"],
            )
            for each in calls
        ]
        for which, what, amount in changes:
            if which < len(made):
                change(made[which], what, amount)
        for member in (cast.alice, cast.bob):
            told = rows.usage(cast.acme, member.user_id, now=NOW)
            assert (told.agent_spent, told.spent) == naive(member.user_id)
        CallLog.objects.all().delete()
        assert not HourSum.objects.exclude(calls=0, length=0).exists()
        HourSum.objects.all().delete()


def test_a_sum_is_of_its_workspace_and_goes_back_with_its_transaction(cast: Any) -> None:
    fields = {"started_at": NOW, "ended_at": NOW + timedelta(minutes=1), "user": cast.bob.user}
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        an_outbound_call(cast.acme, **fields)
        raise ZeroDivisionError
    an_outbound_call(cast.borealis, **fields | {"user": cast.charlie.user})
    with tenant_transaction(cast.acme.pk):
        assert not HourSum.objects.exists()
    with tenant_transaction(cast.borealis.pk):
        assert HourSum.objects.get().length == 60_000_000
        forgetting.forget_hour_sums(NOW + timedelta(hours=47))
        assert HourSum.objects.exists()
        forgetting.forget_hour_sums(NOW + timedelta(hours=49))
        assert not HourSum.objects.exists()
