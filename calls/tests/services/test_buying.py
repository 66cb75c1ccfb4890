"""A number is bought once, whatever is pressed twice, asked at once or lost on the way."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from calls import gateway
from calls.facts.numbers import MOST_SHARED
from calls.gateway import OutcomeUnknown, TwilioUnreachable, addresses
from calls.gateway.accounts import account_of
from calls.models import NumberOrder, PhoneNumber
from calls.services import reconcile
from calls.services.setup import buying
from calls.services.setup.buying import BeingBought, NotBought
from calls.tests.shop import held, numbers_of, own_account, trail, writes
from sandbox.tests.harness import ACCOUNT, OTHER_ACCOUNT, Box
from tenants.fence.context import tenant_transaction

WANTED, ACME, BOREALIS = "+12125550123", "+14155550199", "+442079460199"
POST = "POST /2010-04-01/Accounts/"
LOOK = f"GET /2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"


def buy(tenant: Any, number: str = WANTED, **more: Any) -> tuple[PhoneNumber, bool]:
    return buying.buy(tenant, number=number, account=account_of(tenant.pk), **more)


def orders_of(tenant: Any) -> list[str]:
    with tenant_transaction(tenant.pk):
        return [order.number for order in NumberOrder.objects.all()]


def bought(box: Box, account: str = ACCOUNT) -> list[str]:
    numbers = box.config.accounts[account].numbers.values()
    return sorted({number.phone_number for number in numbers} - {ACME, BOREALIS})


def sweep(tenant: Any, **later: int) -> None:
    reconcile.sweep_tenant(tenant.pk, now=timezone.now() + timedelta(**later))


def test_what_is_bought_leads_to_the_workspace_and_stands_in_the_trail(
    shop: Box, cast: Any
) -> None:
    row, is_new = buy(cast.acme, label="Sales")
    (at_twilio,) = [
        n for n in shop.config.accounts[ACCOUNT].numbers.values() if n.phone_number == WANTED
    ]
    ours = addresses.of_number(cast.acme.pk)
    assert is_new and (row.number, row.label, row.twilio_sid) == (WANTED, "Sales", at_twilio.sid)
    assert (at_twilio.voice_url, at_twilio.voice_method) == (ours.called, "POST")
    assert (at_twilio.voice_fallback_url, at_twilio.voice_fallback_method) == (
        ours.fallback,
        "POST",
    )
    assert (at_twilio.status_callback, at_twilio.status_callback_method) == (ours.status, "POST")
    assert trail(cast.acme) == [("number_ordered", WANTED), ("number_bought", WANTED)]
    assert numbers_of(cast.acme) == {WANTED: False, ACME: True}
    assert orders_of(cast.acme) == []


def test_the_first_number_is_the_caller_id(shop: Box, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.all().delete()
    buy(cast.acme)
    assert numbers_of(cast.acme) == {WANTED: True}


def test_buying_it_again_asks_twilio_nothing(shop: Box, cast: Any) -> None:
    row, _ = buy(cast.acme)
    before = writes(shop), trail(cast.acme)
    assert buy(cast.acme) == (row, False)
    assert (writes(shop), trail(cast.acme)) == before


def test_by_an_own_account_it_is_bought_there(shop: Box, cast: Any) -> None:
    own_account(shop, cast.acme)
    row, _ = buy(cast.acme)
    assert row.account_sid == OTHER_ACCOUNT
    assert bought(shop, OTHER_ACCOUNT) == [WANTED] and bought(shop) == []


@pytest.mark.parametrize("kind", ["rest-accept-then-drop", "rest-drop", "rest-error"])
def test_a_lost_answer_is_looked_for_and_never_asked_again(shop: Box, cast: Any, kind: str) -> None:
    shop.fault(kind, match=POST, status=503)
    if kind == "rest-accept-then-drop":
        assert buy(cast.acme)[0].number == WANTED  # it was found at once
    else:
        with pytest.raises(OutcomeUnknown):
            buy(cast.acme)
        with pytest.raises(BeingBought):
            buy(cast.acme)
        assert orders_of(cast.acme) == [WANTED]
        sweep(cast.acme, seconds=30)  # it may still be under way
        assert orders_of(cast.acme) == [WANTED]
        sweep(cast.acme, seconds=61)
        assert trail(cast.acme)[-1] == ("number_not_bought", WANTED)
        shop.fault("rest-error", match="nothing")
        buy(cast.acme)
    assert orders_of(cast.acme) == []
    assert bought(shop) == [WANTED] and WANTED in numbers_of(cast.acme)


def test_what_was_bought_while_twilio_was_away_is_found_by_the_sweep(
    shop: Box, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.fault("rest-accept-then-drop", match=POST)
    shop.fault("rest-drop", match=LOOK)
    with pytest.raises(OutcomeUnknown):
        buy(cast.acme, label="Sales")
    assert WANTED not in numbers_of(cast.acme) and orders_of(cast.acme) == [WANTED]
    shop.fault("rest-drop", match=LOOK)
    sweep(cast.acme, seconds=61)
    assert orders_of(cast.acme) == [WANTED], "Twilio was away: nothing is concluded"
    sweep(cast.acme, seconds=61)
    assert orders_of(cast.acme) == [] and bought(shop) == [WANTED]
    with tenant_transaction(cast.acme.pk):
        assert PhoneNumber.objects.get(number=WANTED).label == "Sales"
    assert trail(cast.acme)[-1] == ("number_bought", WANTED)


def test_a_process_that_dies_after_asking_loses_nothing(
    shop: Box, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(buying, "_finish", die)
        with pytest.raises(Killed):
            buy(cast.acme)
    assert WANTED not in numbers_of(cast.acme)
    sweep(cast.acme, seconds=61)
    assert WANTED in numbers_of(cast.acme) and orders_of(cast.acme) == []


def test_another_workspace_that_was_quicker_keeps_it(shop: Box, cast: Any) -> None:
    """The answer to the slower one is lost: the number is in the account, but not for it."""
    buy(cast.borealis)
    shop.fault("rest-error", match=POST, status=503)
    with pytest.raises(OutcomeUnknown):
        buy(cast.acme)
    sweep(cast.acme, seconds=61)
    assert WANTED not in numbers_of(cast.acme) and WANTED in numbers_of(cast.borealis)
    with pytest.raises(NotBought, match="no longer available"):
        buy(cast.acme)
    assert orders_of(cast.acme) == []


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("+442079460123", "ask for an address"),
        ("+493023125123", "regulatory bundle"),
        ("+14155559999", "no longer available"),
    ],
)
def test_a_refusal_is_said_plainly_and_nothing_stays(
    shop: Box, cast: Any, number: str, says: str
) -> None:
    with pytest.raises(NotBought, match=says):
        buy(cast.acme, number)
    assert orders_of(cast.acme) == [] and bought(shop) == []
    assert [action for action, _ in trail(cast.acme)] == ["number_ordered", "number_not_bought"]


def test_with_its_documents_it_is_bought(shop: Box, cast: Any) -> None:
    address, bundle = "AD" + "1" * 32, "BU" + "1" * 32
    account = shop.config.accounts[ACCOUNT]
    account.addresses[address] = account.bundles[bundle] = "DE"
    with pytest.raises(NotBought) as refused:
        buy(cast.acme, "+493023125123", bundle_sid=bundle)
    assert refused.value.needs_documents
    buy(cast.acme, "+493023125123", bundle_sid=bundle, address_sid=address)
    assert bought(shop) == ["+493023125123"]


def test_twilio_out_of_reach_leaves_nothing_open(shop: Box, cast: Any, settings: Any) -> None:
    settings.TWILIO_SANDBOX_URL = "http://127.0.0.1:9"
    with pytest.raises(TwilioUnreachable):
        buy(cast.acme)
    assert orders_of(cast.acme) == [] and trail(cast.acme)[-1] == ("number_not_bought", WANTED)


def test_a_workspace_buys_so_many_on_the_shared_account(shop: Box, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        for n in range(MOST_SHARED - 1):
            PhoneNumber.objects.create(number=f"+1312555{n:04}", account_sid=ACCOUNT)
    before = writes(shop)
    with pytest.raises(NotBought, match=f"{MOST_SHARED} numbers"):
        buy(cast.acme)
    assert writes(shop) == before
    assert buy(cast.acme, by_operator=True)[1]
    assert buy(cast.borealis, "+12125550124")[1]


def test_what_became_of_an_order_of_an_account_that_is_gone_is_not_asked(
    shop: Box, cast: Any
) -> None:
    with tenant_transaction(cast.acme.pk):
        NumberOrder.objects.create(number=WANTED, account_sid="AC" + "9" * 32)
    held(shop, WANTED, cast.acme)
    sweep(cast.acme, seconds=61)
    assert orders_of(cast.acme) == [] and WANTED not in numbers_of(cast.acme)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_ten_presses_at_once_buy_one_number(committed_shop: Box, committed_cast: Any) -> None:
    acme, outcomes = committed_cast.acme, list[object]()

    def press() -> None:
        try:
            outcomes.append(buy(acme)[1])
        except BeingBought:
            outcomes.append("asked already")
        finally:
            connection.close()

    before = writes(committed_shop)
    threads = [threading.Thread(target=press) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(True) == 1 and len(outcomes) == 10
    assert writes(committed_shop) == before + 1
    assert bought(committed_shop) == [WANTED]
    assert trail(acme) == [("number_ordered", WANTED), ("number_bought", WANTED)]


def test_gateway_reads_no_price_that_twilio_does_not_tell(shop: Box, cast: Any) -> None:
    account = account_of(cast.acme.pk)
    prices = {kind: str(price) for kind, price in gateway.monthly_prices(account, "US").items()}
    assert prices == {"local": "1.15 USD", "toll-free": "2.15 USD"}
    assert gateway.monthly_prices(account, "JP") == {}
