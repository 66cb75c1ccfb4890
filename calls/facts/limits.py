"""Whether a call may be placed, and if not, which rule refuses it. Pure: no rows, no clock.

Spend is an estimate on the safe side: Twilio tells a call's price long after its end, so a call
counts its time from dialling to its end, a minute for rounding up, and while it runs what it may
yet take (`RESERVE_MINUTES`), at a rate that the operator assumes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import ROUND_UP, Decimal
from typing import Any

RESERVE_MINUTES = 5
CONNECTS_PER_CALL = 2  # a browser may come back to a call that it lost
WINDOW = timedelta(seconds=60)
MAX_LONGEST_MINUTES = 240  # Twilio ends any call then

# What a refusal's code means to a reader of the list of stopped calls.
RULES = {
    "country_not_allowed": "Country not allowed",
    "premium_blocked": "Premium or satellite number",
    "emergency_blocked": "Emergency number",
    "call_rate_cap": "Calls per minute",
    "concurrent_cap": "Calls at once",
    "spend_cap": "Daily spend",
}

# Called by most, and cheap: a call there costs cents. A workspace's own country is added to them.
COUNTRIES = frozenset("US CA GB IE FR DE AT CH NL BE LU DK NO SE FI ES PT IT AU NZ JP".split())
# Where calls are dear and fraud with shared revenue is common; our own choice. Only who runs the
# installation opens them.
REFUSED_COUNTRIES = frozenset(
    "AC BI CF CK CU DJ ER FK GM GN GW IO KI KM KP LR MG MV NR NU PG SB SH SL SO ST SY TA TD TK TL "
    "TO TV VU WF WS YE ZW".split()
)


@dataclass(frozen=True)
class Caps:
    """Spends are per 24 hours, in the account's currency."""

    agent_calls_per_minute: int
    calls_per_minute: int
    agent_calls_at_once: int
    calls_at_once: int
    agent_daily_spend: Decimal
    daily_spend: Decimal
    longest_minutes: int

    def within(self, ceiling: "Caps") -> "Caps":
        """Each cap, but none above its ceiling."""
        return Caps(**{f.name: min(getattr(self, f.name), getattr(ceiling, f.name)) for f in _CAPS})

    @classmethod
    def read(cls, row: Any) -> "Caps":
        """The caps of anything that has them as attributes."""
        return cls(**{f.name: getattr(row, f.name) for f in _CAPS})


_CAPS = fields(Caps)

# A new workspace's: a busy day of an agent, and two hundred lost at most in a night.
STANDARD = Caps(10, 30, 3, 20, Decimal(40), Decimal(200), 120)
# What its admin cannot exceed, unless who runs the installation says otherwise.
CEILING = Caps(30, 60, 5, 50, Decimal(100), Decimal(500), MAX_LONGEST_MINUTES)
DOMESTIC_RATE, INTERNATIONAL_RATE, CURRENCY = Decimal("0.05"), Decimal("0.20"), "USD"


@dataclass(frozen=True)
class Policy:
    """What holds for a workspace: `caps` are within the ceiling already. Rates are per minute."""

    caps: Caps
    home: str
    countries: frozenset[str]
    refused_countries: frozenset[str]
    domestic_rate: Decimal
    international_rate: Decimal
    currency: str

    def rate_to(self, country: str) -> Decimal:
        """An admin chooses the home country, so a dear one does not become cheap by being it."""
        is_cheap = country == self.home and country in COUNTRIES
        return self.domestic_rate if is_cheap else self.international_rate

    def money(self, amount: Decimal) -> str:
        return f"{amount:.2f} {self.currency}"


@dataclass(frozen=True)
class Spent:
    """Calls of one rate on this day: how many, how many of them still run, their time together."""

    rate: Decimal
    calls: int
    running: int
    length: timedelta

    @property
    def amount(self) -> Decimal:
        minutes = Decimal(self.length // timedelta(seconds=1)) / 60
        return self.rate * (minutes + self.calls + self.running * RESERVE_MINUTES)


@dataclass(frozen=True)
class Usage:
    """What an agent and their workspace have under way, and have spent on this day."""

    agent_calls: int = 0  # begun within WINDOW
    calls: int = 0
    agent_running: int = 0
    running: int = 0
    agent_spent: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)


def spent(parts: Iterable[Spent]) -> Decimal:
    """The estimate, in full cents."""
    total = sum((part.amount for part in parts), Decimal(0))
    return total.quantize(Decimal("0.01"), ROUND_UP)


@dataclass(frozen=True)
class Stop:
    """The rule that refuses a call, the sentence for people, and details for programs."""

    code: str
    message: str
    details: dict[str, Any]


def stop_country(policy: Policy, country: str, name: str) -> Stop | None:
    """Whether calls to a country (ISO code, "" for none known) are refused."""
    if country in policy.refused_countries:
        advice = "Ask your system administrator if you need it."
    elif country not in policy.countries | {policy.home}:
        advice = "An admin can allow them in Settings → Calling limits."
    else:
        return None
    message = f"Calls to {name or 'this number’s country'} are not allowed here. {advice}"
    return Stop("country_not_allowed", message, {"country": country or None})


def stop_caps(policy: Policy, usage: Usage, rate: Decimal) -> Stop | None:
    """Whether one call more, at `rate` a minute, would exceed a cap."""
    caps, reserve = policy.caps, rate * (RESERVE_MINUTES + 1)
    for who, calls, at_most in (
        ("agent", usage.agent_calls, caps.agent_calls_per_minute),
        ("workspace", usage.calls, caps.calls_per_minute),
    ):
        if calls >= at_most:
            message = f"{_WHO[who]} placed {_calls(at_most)} within a minute. Wait a minute."
            return _cap("call_rate_cap", message, who, at_most, retryAfter=WINDOW.seconds)
    for who, running, at_most in (
        ("agent", usage.agent_running, caps.agent_calls_at_once),
        ("workspace", usage.running, caps.calls_at_once),
    ):
        if running >= at_most:
            message = f"{_WHO[who]} {_calls(at_most)} in progress. Try again when one has ended."
            return _cap("concurrent_cap", message, who, at_most)
    for who, amount, most in (
        ("agent", usage.agent_spent, caps.agent_daily_spend),
        ("workspace", usage.spent, caps.daily_spend),
    ):
        if amount + reserve > most:
            message = f"{_SPENT[who]} for calls in 24 hours ({policy.money(most)}). {_RAISE}"
            return _cap("spend_cap", message, who, str(most))
    return None


def stop_connect(policy: Policy, *, connects: int, rooms: int) -> Stop | None:
    """Whether an agent's browser may come into one more room: `connects` within WINDOW, `rooms`
    that are open without a call or with one.
    """
    at_most = policy.caps.agent_calls_per_minute * CONNECTS_PER_CALL
    if connects >= at_most:
        message = "Your phone has connected too often within a minute. Wait a minute."
        return _cap("call_rate_cap", message, "agent", at_most, retryAfter=WINDOW.seconds)
    at_once = policy.caps.agent_calls_at_once
    if rooms >= at_once:
        message = f"{_WHO['agent']} {_calls(at_once)} in progress. Try again when one has ended."
        return _cap("concurrent_cap", message, "agent", at_once)
    return None


_WHO = {"agent": "You have", "workspace": "This workspace has"}
_SPENT = {
    "agent": "You’ve reached the spending limit per person",
    "workspace": "This workspace has reached its spending limit",
}
_RAISE = "An admin can raise it in Settings → Calling limits."


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _cap(code: str, message: str, who: str, at_most: object, **details: Any) -> Stop:
    return Stop(code, message, {"of": who, "limit": at_most, **details})
