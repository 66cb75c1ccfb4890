"""Toll fraud against the real sandbox: a spree stops exactly at its cap, whoever tries how."""

import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from calls.facts import limits
from calls.gateway.accounts import sid_of
from calls.models import CallingCeiling, CallingPolicy, CallLeg, CallLog, Conference, StoppedCall
from calls.selectors import limits as rows
from calls.services import guarding
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import sid
from contacts.services import create_contact
from tenants.fence.context import tenant_transaction
from tenants.people.services import add_member

MAKE_CALL, VOICE = "/api/twilio/make-call", "/api/twilio/voice-webhook"
ROOMY = {"agent_calls_per_minute": 30, "calls_per_minute": 60, "agent_calls_at_once": 5}
TO = "+14155550103"  # rings, and nobody answers


@pytest.fixture
def cast(committed_cast: Any) -> Any:
    """Committed, since the sandbox's callbacks come to another process."""
    return committed_cast


def policy(tenant: Any, **values: Any) -> None:
    with tenant_transaction(tenant.pk):
        guarding.save_policy(ROOMY | values)


def browser_of(member: Any) -> Client:
    """A client of the member's own, for a test whose other client is Twilio."""
    client = Client()
    client.force_login(member.user)
    return client


def in_a_room(member: Any) -> Conference:
    """A room in which the member's browser waits."""
    with tenant_transaction(member.tenant_id):
        room = Conference.objects.create(
            agent=member.user, client_request_id=uuid.uuid4(), account_sid=sid_of(member.tenant_id)
        )
        CallLeg.objects.create(
            conference=room, user=member.user, party="agent", joined_at=timezone.now()
        )
        return room


def leave(room: Conference) -> None:
    with tenant_transaction(room.tenant_id):
        room.legs.filter(party="agent").update(left_at=timezone.now())


def ask(client: Client, room: Conference, to: str = TO) -> Any:
    body = {"clientRequestId": str(room.client_request_id), "to": to}
    return client.post(MAKE_CALL, body, content_type="application/json")


def spree(client: Client, member: Any, times: int) -> list[tuple[int, str]]:
    """One call after the other, as a script places them: each answer's status and code."""
    answers = []
    for _ in range(times):
        room = in_a_room(member)
        answer = ask(client, room)
        leave(room)
        answers.append((answer.status_code, answer.json().get("error", {}).get("code", "")))
    return answers


@pytest.fixture(autouse=True)
def patient_phones(settings: Any) -> None:
    """They ring longer than a test takes: a call that has ended makes room below its cap."""
    settings.RING_TIMEOUT = 60


def on_the_exchange(sandbox: Any) -> set[str]:
    return {call["sid"] for call in sandbox.state()["calls"] if call["direction"] != "inbound"}


SPREES: list[Any] = [
    ({"agent_calls_per_minute": 3}, 3, (429, "call_rate_cap")),
    ({"calls_per_minute": 3}, 3, (429, "call_rate_cap")),
    ({"agent_calls_at_once": 2}, 2, (429, "concurrent_cap")),
    ({"calls_at_once": 2}, 2, (429, "concurrent_cap")),
    # A call that has just begun counts six minutes at home: 0.30.
    ({"agent_daily_spend": Decimal("0.95")}, 3, (402, "spend_cap")),
    ({"daily_spend": Decimal("0.65")}, 2, (402, "spend_cap")),
]


@pytest.mark.parametrize(("caps", "at_most", "refusal"), SPREES)
def test_a_spree_stops_exactly_at_its_cap(
    site: Any,
    cast: Any,
    signed_in: Any,
    sandbox: Any,
    caps: dict[str, Any],
    at_most: int,
    refusal: tuple[int, str],
) -> None:
    policy(cast.acme, **caps)
    client, before = signed_in(cast.bob), on_the_exchange(sandbox)
    answers = spree(client, cast.bob, at_most + 3)
    assert answers == [(201, "")] * at_most + [refusal] * 3
    assert len(on_the_exchange(sandbox) - before) == at_most
    with tenant_transaction(cast.acme.pk):
        assert CallLog.objects.count() == at_most
        (stopped,) = StoppedCall.objects.all()
        assert (stopped.rule, stopped.count, stopped.last_number) == (refusal[1], 3, TO)
    # Another workspace is not touched by it.
    borealis = signed_in(cast.charlie)
    assert spree(borealis, cast.charlie, 1) == [(201, "")]


def test_twenty_agents_at_once_do_not_exceed_the_workspaces_cap(
    site: Any, cast: Any, sandbox: Any
) -> None:
    policy(cast.acme, calls_at_once=5)
    agents = [add_member(cast.acme, email=f"agent{n}@acme.example")[0] for n in range(20)]
    clients, before, answers = [], on_the_exchange(sandbox), []
    for agent in agents:
        clients.append((browser_of(agent), in_a_room(agent)))

    def call(client: Client, room: Conference) -> None:
        while (answer := ask(client, room)).status_code == 503:
            time.sleep(0.1)  # too many at once, as the phone hears it, too
        answers.append(answer.status_code)
        connection.close()

    threads = [threading.Thread(target=call, args=each) for each in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201] * 5 + [429] * 15
    assert len(on_the_exchange(sandbox) - before) == 5


def test_a_call_that_was_placed_is_the_same_call_also_when_a_cap_is_reached(
    site: Any, cast: Any, signed_in: Any
) -> None:
    policy(cast.acme, agent_calls_per_minute=1)
    client, room = signed_in(cast.bob), in_a_room(cast.bob)
    assert [ask(client, room).status_code for _ in range(2)] == [201, 200]


def test_the_longest_call_is_told_to_twilio_on_both_legs(
    site: Any, cast: Any, sandbox: Any, webhook: Any, settings: Any
) -> None:
    policy(cast.acme, longest_minutes=7)
    since = sandbox.wire()[-1]["n"] if sandbox.wire() else 0
    assert ask(browser_of(cast.bob), in_a_room(cast.bob)).status_code == 201
    assert "'TimeLimit': '420'" in str(sandbox.wire(since))
    assert f'timeLimit="{420 + settings.RING_TIMEOUT + 180}"' in connect(webhook, cast.alice)


# --- the browser's leg ---------------------------------------------------------------------------


def connect(webhook: Any, member: Any, request: uuid.UUID | None = None) -> str:
    """What a browser that connects with this member's token is told."""
    fields = {"CallSid": sid("CA"), "From": f"client:{member.identity}", "CallStatus": "ringing"}
    answer = webhook(VOICE, clientRequestId=str(request or uuid.uuid4()), **fields)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_stolen_token_opens_a_few_rooms_and_no_more(cast: Any, webhook: Any) -> None:
    policy(cast.acme, agent_calls_at_once=3)
    told = [connect(webhook, cast.bob) for _ in range(6)]
    assert ["<Dial" in each for each in told] == [True] * 3 + [False] * 3
    assert "You have 3 calls in progress" in told[-1] and "<Hangup" in told[-1]
    assert "<Dial" in connect(webhook, cast.alice), "somebody else is not held up"
    with tenant_transaction(cast.acme.pk):
        assert Conference.objects.filter(agent=cast.bob.user).count() == 3
        assert StoppedCall.objects.get().count == 3


def test_connecting_again_and_again_is_stopped(cast: Any, webhook: Any) -> None:
    policy(cast.acme, agent_calls_per_minute=2)
    told = []
    for _ in range(6):
        told.append(connect(webhook, cast.bob))
        with tenant_transaction(cast.acme.pk):
            CallLeg.objects.update(left_at=timezone.now())
            Conference.objects.update(closed_at=timezone.now())
    assert ["<Dial" in each for each in told] == [True] * 4 + [False] * 2
    assert "connected too often" in told[-1]


def test_whoever_may_place_no_call_is_not_let_in_but_may_come_back_to_one(
    site: Any, cast: Any, webhook: Any
) -> None:
    policy(cast.acme, agent_calls_per_minute=1)
    room = in_a_room(cast.bob)
    assert ask(browser_of(cast.bob), room).status_code == 201
    assert "placed 1 call within a minute" in connect(webhook, cast.bob)
    leave(room)
    assert "<Dial" in connect(webhook, cast.bob, room.client_request_id)


# --- countries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("+5352345678", "Calls to Cuba are not allowed here. Ask your system administrator"),
        ("+5511955550100", "Calls to Brazil are not allowed here. An admin can allow"),
        ("+18765550100", "Calls to Jamaica are not allowed"),
        ("9-911", "Emergency numbers can’t be called from here"),
        ("+881612345678", "satellite"),
    ],
)
def test_what_may_not_be_called_is_said_at_the_field_and_by_the_api(
    cast: Any, signed_in: Any, caplog: Any, to: str, says: str
) -> None:
    client = signed_in(cast.bob)
    at_the_field = client.post("/calls/dial", {"q": to})
    assert at_the_field.status_code == 422 and says in at_the_field.content.decode()
    caplog.clear()
    answer = ask(client, in_a_room(cast.bob), to)
    assert says in answer.json()["error"]["message"]
    assert not caplog.records, "said once an hour"
    with tenant_transaction(cast.acme.pk):
        assert not CallLog.objects.exists()
        stopped = StoppedCall.objects.get()
        assert (stopped.count, stopped.rule) == (2, answer.json()["error"]["code"])


def test_what_postgresql_cannot_store_is_noted_without_it(cast: Any, signed_in: Any) -> None:
    assert signed_in(cast.bob).post("/calls/dial", {"q": "911\0"}).status_code == 422
    assert signed_in(cast.alice).get("/contacts/export?q=%00").status_code == 200
    with tenant_transaction(cast.acme.pk):
        assert StoppedCall.objects.get().last_number == "911\ufffd"


def test_the_first_stop_of_an_hour_is_logged_with_its_facts(
    cast: Any, signed_in: Any, caplog: Any
) -> None:
    signed_in(cast.bob).post("/calls/dial", {"q": "+5352345678"})
    (record,) = [each for each in caplog.records if each.name == "calls.services.guarding"]
    user = str(cast.bob.user_id)
    assert record.facts == {"rule": "country_not_allowed", "user": user, "country": "CU"}


def test_an_admin_allows_a_country_and_the_operator_still_refuses_his(
    cast: Any, signed_in: Any
) -> None:
    client = signed_in(cast.bob)
    policy(cast.acme, countries=["BR", "CU"])
    assert client.post("/calls/dial", {"q": "+5511955550100"}).status_code == 204
    assert client.post("/calls/dial", {"q": "+4930231250100"}).status_code == 422
    assert client.post("/calls/dial", {"q": "+14155550100"}).status_code == 204, "home"
    assert client.post("/calls/dial", {"q": "+5352345678"}).status_code == 422
    with tenant_transaction(cast.acme.pk):
        highest = rows.ceiling()
        highest.refused_countries = ["BR"]
        highest.save()
    assert client.post("/calls/dial", {"q": "+5511955550100"}).status_code == 422
    assert client.post("/calls/dial", {"q": "+5352345678"}).status_code == 204


def test_a_contact_with_a_refused_number_is_kept_and_not_called(cast: Any, signed_in: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        ana = create_contact(
            cast.acme, name="Ana", company="", numbers=[("+5511955550100", "work")]
        )
    answer = signed_in(cast.bob).post("/calls/dial", {"q": "Ana", "contact_id": str(ana.pk)})
    assert answer.status_code == 422 and "Brazil" in answer.content.decode()


# --- what counts ---------------------------------------------------------------------------------


def past_call(cast: Any, start: datetime, minutes: float | None, **more: Any) -> None:
    fields: dict[str, Any] = {
        "user": cast.bob.user,
        "to_number": TO,
        "started_at": start,
        "ended_at": None if minutes is None else start + timedelta(minutes=minutes),
        "assumed_rate": Decimal("0.05"),
    }
    an_outbound_call(cast.acme, **fields | more)


def usage(cast: Any, now: datetime) -> limits.Usage:
    with tenant_transaction(cast.acme.pk):
        return rows.usage(cast.acme, cast.bob.user_id, now=now)


def test_a_day_is_the_last_24_hours_wherever_an_admin_puts_the_workspace(cast: Any) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    past_call(cast, now - timedelta(hours=23, minutes=59), 9)
    past_call(cast, now - timedelta(hours=24, seconds=1), 9)
    for zone in ("UTC", "Etc/GMT-12", "America/Los_Angeles"):
        cast.acme.time_zone = zone
        assert usage(cast, now).spent == Decimal("0.50")


def test_what_was_not_placed_costs_nothing_and_what_others_do_is_the_workspaces(cast: Any) -> None:
    now = timezone.now()
    past_call(cast, now, None, submission="refused", ended_at=now)
    assert usage(cast, now) == limits.Usage(agent_calls=1, calls=1)
    past_call(cast, now, None, user=cast.alice.user)
    past_call(cast, now, None, user=cast.alice.user, assumed_rate=Decimal("0.20"))
    past_call(cast, now, 1, direction="INBOUND")
    assert usage(cast, now) == limits.Usage(1, 3, 0, 2, Decimal(0), Decimal("1.50"))


def test_the_usage_is_read_in_one_statement_however_many_calls_there_were(
    cast: Any, django_assert_num_queries: Any
) -> None:
    now = timezone.now()
    for _ in range(12):
        past_call(cast, now - timedelta(minutes=2), 1)
    with tenant_transaction(cast.acme.pk), django_assert_num_queries(1):
        rows.usage(cast.acme, cast.bob.user_id, now=now)


def test_a_workspace_has_one_policy_and_one_ceiling(cast: Any) -> None:
    from django.db import IntegrityError, transaction

    with tenant_transaction(cast.acme.pk):
        for row in (rows.chosen(), rows.ceiling()):
            row.save()
            row.pk = None
            row._state.adding = True
            with pytest.raises(IntegrityError), transaction.atomic():
                row.save()
        assert CallingPolicy.objects.count() == CallingCeiling.objects.count() == 1


def test_stops_are_forgotten_after_a_month(cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.bob)
    client.post("/calls/dial", {"q": "+5352345678"})
    with tenant_transaction(cast.acme.pk):
        long_ago = timezone.now() - timedelta(days=31)
        StoppedCall.objects.update(last_at=long_ago, hour=long_ago)
    client.post("/calls/dial", {"q": "911"})
    with tenant_transaction(cast.acme.pk):
        assert [stopped.rule for stopped in StoppedCall.objects.all()] == ["emergency_blocked"]
