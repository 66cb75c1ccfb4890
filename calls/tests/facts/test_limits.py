"""Calling limits, decided: which rule refuses, when exactly, and in which words."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import phonenumbers
import pytest

from calls.api import errors
from calls.facts import limits
from calls.facts.limits import CEILING, STANDARD, Caps, Policy, Spent, Usage

D = Decimal
POLICY = Policy(
    caps=Caps(2, 5, 1, 3, D(1), D(2), 60),
    home="US",
    countries=frozenset({"GB", "DE", "CU"}),
    refused_countries=frozenset({"CU", "KP"}),
    domestic_rate=D("0.05"),
    international_rate=D("0.20"),
    currency="USD",
)


@pytest.mark.parametrize(
    ("country", "name", "says"),
    [
        ("FR", "France", "Calls to France are not allowed here. An admin can allow"),
        ("CU", "Cuba", "Calls to Cuba are not allowed here. Ask your system"),
        ("KP", "North Korea", "Ask your system administrator"),
        ("", "", "Calls to this number’s country are not allowed here."),
    ],
)
def test_a_country_that_is_not_allowed_is_named_with_what_to_do(
    country: str, name: str, says: str
) -> None:
    stop = limits.stop_country(POLICY, country, name)
    assert stop is not None and says in stop.message
    assert (stop.code, stop.details) == ("country_not_allowed", {"country": country or None})


@pytest.mark.parametrize("country", ["US", "GB", "DE"])
def test_home_and_allowed_countries_may_be_called(country: str) -> None:
    assert limits.stop_country(POLICY, country, "") is None


def test_a_dear_country_does_not_become_cheap_by_being_home() -> None:
    policy = replace(POLICY, home="CU")
    assert policy.rate_to("CU") == policy.international_rate == policy.rate_to("DE")
    assert replace(POLICY, home="DE").rate_to("DE") == policy.domestic_rate


def test_home_is_no_way_around_what_the_operator_refuses() -> None:
    assert limits.stop_country(replace(POLICY, home="CU"), "CU", "Cuba") is not None


# Each cap: the last call that may be, the first that may not, and what is said of it.
RESERVED = D("0.05") * (limits.RESERVE_MINUTES + 1)
CAPS: list[Any] = [
    ("agent_calls", 1, 2, "call_rate_cap", "agent", "You have placed 2 calls within a minute."),
    ("calls", 4, 5, "call_rate_cap", "workspace", "This workspace has placed 5 calls"),
    ("agent_running", 0, 1, "concurrent_cap", "agent", "You have 1 call in progress."),
    ("running", 2, 3, "concurrent_cap", "workspace", "This workspace has 3 calls in progress."),
    ("agent_spent", 1 - RESERVED, 1 - RESERVED + D("0.01"), "spend_cap", "agent", "(1.00 USD)"),
    ("spent", 2 - RESERVED, 2 - RESERVED + D("0.01"), "spend_cap", "workspace", "(2.00 USD)"),
]


@pytest.mark.parametrize(("what", "allowed", "refused", "code", "who", "says"), CAPS)
def test_a_cap_lets_the_last_call_pass_and_stops_the_next(
    what: str, allowed: Any, refused: Any, code: str, who: str, says: str
) -> None:
    rate = POLICY.rate_to("US")
    assert limits.stop_caps(POLICY, Usage(**{what: allowed}), rate) is None
    stop = limits.stop_caps(POLICY, Usage(**{what: refused}), rate)
    assert stop is not None and stop.code == code and says in stop.message
    assert stop.details["of"] == who and errors.HTTP_STATUS[code] in (402, 429)
    assert stop.message.count(". ") >= 1, "what to do is said, too"


def test_a_dearer_call_is_stopped_sooner() -> None:
    usage = Usage(agent_spent=D("0.50"))
    assert limits.stop_caps(POLICY, usage, POLICY.rate_to("US")) is None
    assert limits.stop_caps(POLICY, usage, POLICY.rate_to("GB")) is not None


def test_spend_counts_time_a_minute_for_each_call_and_what_running_ones_may_take() -> None:
    over = Spent(D("0.05"), calls=3, running=0, length=timedelta(minutes=7))
    running = Spent(D("0.20"), calls=1, running=1, length=timedelta(seconds=30))
    assert limits.spent([over]) == D("0.50")
    assert limits.spent([over, running]) == D("0.50") + D("0.20") * D("6.5")
    assert limits.spent([]) == 0
    assert limits.spent([Spent(D("0.0001"), 1, 0, timedelta(0))]) == D("0.01"), "rounded up"


@pytest.mark.parametrize("lengths", [[1], [59, 61, 3600], [60] * 7, [0, 1, 2, 119, 121]])
def test_the_estimate_is_never_below_started_minutes(lengths: list[int]) -> None:
    started = sum(-(-length // 60) for length in lengths)
    estimate = Spent(D(1), len(lengths), 0, timedelta(seconds=sum(lengths))).amount
    assert started <= estimate <= started + len(lengths)


def test_connecting_is_capped_too() -> None:
    most = POLICY.caps.agent_calls_per_minute * limits.CONNECTS_PER_CALL
    assert limits.stop_connect(POLICY, connects=most - 1, rooms=0) is None
    for usage in ({"connects": most, "rooms": 0}, {"connects": 0, "rooms": 1}):
        stop = limits.stop_connect(POLICY, **usage)
        assert stop is not None and stop.details["of"] == "agent"


def test_no_cap_exceeds_its_ceiling() -> None:
    wild = Caps(999, 999, 999, 999, D(99999), D(99999), 999)
    assert wild.within(CEILING) == CEILING
    assert STANDARD.within(CEILING) == STANDARD, "a new workspace's caps are allowed"
    assert CEILING.longest_minutes <= 240


def test_the_lists_of_countries_are_of_countries_and_do_not_overlap() -> None:
    known = set(phonenumbers.SUPPORTED_REGIONS)
    assert limits.COUNTRIES <= known and limits.REFUSED_COUNTRIES <= known
    assert not limits.COUNTRIES & limits.REFUSED_COUNTRIES


def test_every_rule_is_an_error_of_the_api() -> None:
    assert set(limits.RULES) <= set(errors.HTTP_STATUS)
