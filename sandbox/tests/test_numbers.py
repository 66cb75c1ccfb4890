"""Numbers are searched, bought, changed and released, and refused as Twilio refuses them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioException, TwilioRestException

from sandbox.config import Account
from sandbox.telephony.places import E164, country
from sandbox.telephony.stock import KINDS, BadPattern, Stock, kind_of, pattern
from sandbox.tests.harness import (
    ACCOUNT,
    APP,
    NUMBER_SID,
    OTHER_ACCOUNT,
    OTHER_TOKEN,
    OURS,
    Box,
    until,
)
from sandbox.tests.test_twiml import ended

AD, BU = "AD" + "1" * 32, "BU" + "1" * 32


@pytest.fixture
def shop(box: Box) -> Iterator[Box]:
    """What was bought is gone afterwards, without a trace."""
    yield box
    for sid in (ACCOUNT, OTHER_ACCOUNT):
        numbers = box.config.accounts[sid].numbers
        for number in [n for n in numbers.values() if n.sid != NUMBER_SID]:
            del numbers[number.sid]
        box.config.accounts[sid].addresses.clear()
        box.config.accounts[sid].bundles.clear()
    box.server.exchange.stock = Stock(box.config.accounts)


def offers(box: Box, iso: str = "US", **filters: Any) -> list[str]:
    found = box.client.available_phone_numbers(iso).local.list(**filters)
    return [number.phone_number for number in found]


def is_refused(box: Box, code: int, **fields: Any) -> None:
    with pytest.raises(TwilioRestException) as error:
        box.client.incoming_phone_numbers.create(**fields)
    assert (error.value.status, error.value.code) == (400, code)


# searching


def test_numbers_of_an_area_code(box: Box) -> None:
    found = box.client.available_phone_numbers("US").local.list(area_code=415, limit=3)
    assert [n.phone_number for n in found] == [f"+1415555010{n}" for n in range(3)]
    first = found[0]
    assert (first.friendly_name, first.iso_country) == ("(415) 555-0100", "US")
    assert (first.locality, first.region, first.postal_code) == ("San Francisco", "CA", "94105")
    assert first.capabilities == {"voice": True, "SMS": True, "MMS": True, "fax": False}
    assert first.address_requirements == "none" and first.beta is False
    assert offers(box, area_code=907, limit=1) == ["+19075550100"], "any area code has some"
    assert offers(box, area_code=416) == [], "it is Canadian"
    assert offers(box, area_code=800) == [], "it is toll-free"
    assert offers(box, "CA", area_code=416, limit=1) == ["+14165550100"]


def test_each_country_has_its_types(box: Box) -> None:
    countries = {c.country_code: c for c in box.client.available_phone_numbers.list()}
    assert {"US", "CA", "GB", "DE", "FR", "AU"} == set(countries)
    assert countries["DE"].country == "Germany"
    germany = box.client.available_phone_numbers("DE")
    assert set(germany.fetch().subresource_uris) == {"local", "mobile"}
    assert germany.mobile.list(limit=1)[0].phone_number == "+491713920000"
    tollfree = box.client.available_phone_numbers("US").toll_free.list(limit=1)
    assert tollfree[0].phone_number == "+18005550100"
    with pytest.raises(TwilioException, match="404"):
        germany.toll_free.list()
    with pytest.raises(TwilioException, match="404"):
        box.client.available_phone_numbers("XX").local.list()


@pytest.mark.parametrize(
    ("contains", "first"),
    [
        ("+1212", "+12125550100"),
        ("5550177$", "+12125550177"),
        ("*77$", "+12125550177"),
        ("415%", "+14155550100"),
        ("JJJ", "+12125550100"),
    ],
)
def test_a_pattern(box: Box, contains: str, first: str) -> None:
    assert offers(box, contains=contains, limit=1) == [first]


def test_searching_by_what_a_number_can_and_where_it_is(box: Box) -> None:
    assert offers(box, in_region="TX", limit=1) == ["+15125550100"]
    assert offers(box, in_locality="boston", limit=1) == ["+16175550100"]
    assert offers(box, sms_enabled=True, voice_enabled=True, limit=1)
    assert offers(box, "GB", sms_enabled=True) == [] and offers(box, "GB", limit=1)
    assert offers(box, "GB", exclude_all_address_required=True) == []
    assert len(offers(box, page_size=7)) == 7


@pytest.mark.parametrize(
    ("iso", "filters"),
    [
        ("US", {"area_code": 15}),
        ("GB", {"area_code": 415}),
        ("US", {"contains": "5"}),
        ("US", {"contains": "5*5"}),
        ("US", {"near_number": "+14155550100"}),
    ],
)
def test_a_search_that_cannot_be(box: Box, iso: str, filters: dict[str, Any]) -> None:
    with pytest.raises(TwilioException, match="400"):
        offers(box, iso, **filters)


def test_a_country_says_what_its_numbers_cost(box: Box) -> None:
    told = box.client.pricing.v1.phone_numbers.countries("GB").fetch()
    assert (told.country, told.iso_country, told.price_unit) == ("United Kingdom", "GB", "USD")
    prices = {each["number_type"]: each["current_price"] for each in told.phone_number_prices}
    assert prices == {"local": "1.15", "mobile": "4.50", "toll free": "2.15"}
    with pytest.raises(TwilioRestException) as unknown:
        box.client.pricing.v1.phone_numbers.countries("XX").fetch()
    assert unknown.value.status == 404


# buying


def test_a_number_is_bought_rung_and_released(shop: Box) -> None:
    url = shop.application.url
    shop.application.twiml["/line"] = "<Response><Say>Line two</Say></Response>"
    made = shop.client.incoming_phone_numbers.create(
        phone_number="+14155550111",
        friendly_name="Line two",
        voice_url=f"{url}/line",
        voice_method="GET",
        voice_fallback_url=f"{url}/sorry",
        status_callback=f"{url}/line-status",
    )
    assert (made.phone_number, made.friendly_name) == ("+14155550111", "Line two")
    assert made.capabilities == {"voice": True, "sms": True, "mms": True, "fax": False}
    assert "+14155550111" not in offers(shop, area_code=415)
    sid = shop.command("incoming", {"from": "anonymous", "to": made.phone_number})["sid"]
    assert ended(shop, sid) == "completed"
    asked = shop.application.to("/line")[0]
    assert asked.method == "GET" and "CallToken" not in asked.params
    until(lambda: shop.application.to("/line-status"))
    changed = made.update(friendly_name="Two", voice_application_sid=APP)
    assert (changed.friendly_name, changed.voice_application_sid) == ("Two", APP)
    assert made.fetch().voice_url == f"{url}/line"
    assert made.delete()
    with pytest.raises(TwilioRestException) as gone:
        made.fetch()
    assert gone.value.status == 404
    answer = shop.http.post(
        f"{shop.url}/sandbox/incoming", json={"from": "x", "to": made.phone_number}
    )
    assert answer.status_code == 400


def test_a_released_number_is_kept_for_whoever_had_it(shop: Box) -> None:
    other = shop.twilio(OTHER_ACCOUNT, OTHER_TOKEN)
    shop.client.incoming_phone_numbers.create(phone_number="+14155550112").delete()
    assert "+14155550112" not in offers(shop, area_code=415)
    with pytest.raises(TwilioRestException) as error:
        other.incoming_phone_numbers.create(phone_number="+14155550112")
    assert error.value.code == 21422
    assert shop.client.incoming_phone_numbers.create(phone_number="+14155550112").sid


def test_a_number_of_an_area_code_is_the_first_one(shop: Box) -> None:
    create = shop.client.incoming_phone_numbers.create
    assert [create(area_code="617").phone_number for _ in range(2)] == [
        "+16175550100",
        "+16175550101",
    ]
    assert create(area_code="800").phone_number == "+18005550100"
    assert create(area_code="907").capabilities["sms"], "of an area code that is not listed"
    for n in range(2, 100):
        create(phone_number=f"+161755501{n:02}")
    is_refused(shop, 21452, area_code="617")
    assert offers(shop, area_code=617) == []


def test_lists_filter(shop: Box) -> None:
    made = shop.client.incoming_phone_numbers.create(phone_number="+12065550142")
    numbers = shop.client.incoming_phone_numbers
    assert {n.phone_number for n in numbers.list()} == {OURS, "+12065550142"}
    assert [n.sid for n in numbers.list(phone_number="206555")] == [made.sid]
    assert [n.sid for n in numbers.list(phone_number="+1206***0142")] == [made.sid]
    assert [n.sid for n in numbers.list(friendly_name="(206) 555-0142")] == [made.sid]
    assert numbers.list(origin="hosted") == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 21421),
        ({"phone_number": "+14155550111", "area_code": "415"}, 21421),
        ({"phone_number": "4155550111"}, 21421),
        ({"phone_number": OURS}, 21422),
        ({"phone_number": "+14155559999"}, 21422),
        ({"phone_number": "+390612345678"}, 21422),
        ({"area_code": "15"}, 21451),
        ({"phone_number": "+14155550111", "voice_url": "ftp://x"}, 21402),
        ({"phone_number": "+14155550111", "voice_method": "PUT"}, 21403),
        ({"phone_number": "+14155550111", "voice_fallback_url": "https://a.example"}, 21405),
        ({"phone_number": "+14155550111", "status_callback": "https://a_b.example"}, 21502),
        ({"phone_number": "+14155550111", "voice_application_sid": "AP0"}, 21420),
        ({"phone_number": "+14155550111", "sms_url": "https://a.example"}, 20001),
        ({"phone_number": "+442079460000"}, 21631),
        ({"phone_number": "+493023125000"}, 21649),
        ({"phone_number": "+33199000000", "bundle_sid": BU}, 21649),
    ],
)
def test_a_number_that_cannot_be_bought(shop: Box, fields: dict[str, Any], code: int) -> None:
    is_refused(shop, code, **fields)
    assert [n.phone_number for n in shop.client.incoming_phone_numbers.list()] == [OURS]


def test_what_regulation_asks_for(shop: Box) -> None:
    ours = shop.config.accounts[ACCOUNT]
    berlin = {"phone_number": "+493023125000", "address_sid": AD, "bundle_sid": BU}
    ours.bundles[BU] = "FR"
    is_refused(shop, 21651, **berlin)
    ours.bundles[BU] = "DE"
    is_refused(shop, 21631, **berlin)
    ours.addresses[AD] = "US"
    is_refused(shop, 21615, **berlin)
    assert (
        shop.client.incoming_phone_numbers.create(
            phone_number="+442079460000", address_sid=AD
        ).address_sid
        == AD
    ), "any address will do"
    ours.addresses[AD] = "DE"
    bought = shop.client.incoming_phone_numbers.create(**berlin)
    assert (bought.bundle_sid, bought.address_requirements) == (BU, "local")


def test_numbers_of_another_account_are_not_there(shop: Box) -> None:
    other = shop.twilio(OTHER_ACCOUNT, OTHER_TOKEN)
    for ask in (
        lambda: other.incoming_phone_numbers(NUMBER_SID).update(friendly_name="Mine"),
        lambda: other.incoming_phone_numbers(NUMBER_SID).delete(),
    ):
        with pytest.raises(TwilioRestException) as error:
            ask()
        assert error.value.status == 404
    assert other.incoming_phone_numbers.list() == []


# the stock


def test_everything_in_stock_is_a_number_of_its_country_and_sold_once() -> None:
    account = Account("AC1", "token")
    stock, seen = Stock({"AC1": account}), set()
    for kind in KINDS:
        for number, _ in zip(stock.offers(kind), range(60), strict=False):
            assert E164.fullmatch(number) and kind.has(number)
            assert stock.sells(number, account) is kind_of(number)
            if kind.type != "TollFree":  # those of North America belong to both countries
                assert country(number) == kind.country
                assert number not in seen
            seen.add(number)


@given(st.from_regex(r"\A[0-9A-Za-z*%+$]{1,18}\Z"))
@settings(max_examples=200)
def test_a_pattern_is_taken_or_refused(contains: str) -> None:
    try:
        found = pattern(contains)
    except BadPattern:
        return
    assert 2 <= len(contains) <= 16
    core = contains.removeprefix("+").removesuffix("$").strip("*%")
    digits = re.sub(r"[A-Z]", lambda key: _key(key[0]), core.upper())
    assert found.search("+" + digits) or "*" in contains or "%" in contains
    if contains.startswith("+"):
        assert not found.search(digits)
    if contains.endswith("$"):
        assert not found.search(f"+{digits}x")


def _key(letter: str) -> str:
    groups = ("ABC", "DEF", "GHI", "JKL", "MNO", "PQRS", "TUV", "WXYZ")
    return str(2 + next(n for n, letters in enumerate(groups) if letter in letters))
