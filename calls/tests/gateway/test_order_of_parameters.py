"""The order of an address's parameters: ours is alphabetical, and it alone may differ from what is
signed. Nothing else of an address may.
"""

import uuid
from itertools import product
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.conf import settings
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from calls import gateway
from calls.gateway import addresses
from calls.gateway.accounts import TwilioAccount, shared_account
from calls.gateway.addresses import in_our_order

ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
OURS = [
    addresses.voice_requests(),
    addresses.voice_requests(ONE),
    addresses.agent_status(ONE),
    addresses.leg_status(ONE, OTHER),
    addresses.conference_status(ONE, OTHER),
    addresses.leg_ended(ONE, OTHER),
    addresses.hold_music(ONE),
    addresses.recording_status(ONE, OTHER),
    addresses.caller_step(ONE, OTHER, "wait", turn="1", told="7"),
    addresses.outside_status(ONE, OTHER),
    addresses.message_kept(ONE),
    addresses.message_status(ONE),
    *addresses.of_number(ONE),
]
FORM = {"CallSid": "CA1", "CallStatus": "ringing"}
BASE = "https://crm.example/api/twilio/call-status"


def signature(url: str) -> str:
    return str(RequestValidator(settings.TWILIO_AUTH_TOKEN).compute_signature(url, FORM))


def is_signed(url: str, signed: str, account: TwilioAccount | None = None) -> bool:
    return gateway.is_signed(account or shared_account(), url, FORM, signature(signed))


def bare(url: str) -> str:
    return url.partition("#")[0]


@pytest.mark.parametrize("url", OURS)
def test_our_addresses_have_their_parameters_in_alphabetical_order(url: str) -> None:
    names = [name for name, _ in parse_qsl(urlsplit(url).query)]
    assert names == sorted(names)
    assert in_our_order(bare(url)) == bare(url)
    assert url.startswith(settings.PUBLIC_BASE_URL) and url.endswith("#" + addresses._RETRIES)


# What is hard about queries: blanks, escapes, signs that mean a space, signs that look like one.
_SIGNS = "abAB=+% é"
_TEXTS = [
    "",
    *_SIGNS,
    *map("".join, product(_SIGNS, repeat=2)),
    "%20",
    "%2B",
    "%61",
    "%C3%A9",
    "aB+%",
]
# One draw each, as a thousand examples want it.
parameters = st.sampled_from([*map("".join, product(_TEXTS, ["=", ""], _TEXTS))])
# Of a query that is empty the library does not see the question mark; Django does not show it.
queries = st.lists(parameters, min_size=1, max_size=5).filter("&".join)


def address(query: list[str]) -> str:
    return f"{BASE}?{'&'.join(query)}"


@given(st.sampled_from(OURS), st.data())
def test_ours_are_believed_in_any_order(url: str, data: Any) -> None:
    base, _, query = bare(url).partition("?")
    turned = data.draw(st.permutations(query.split("&")))
    assert is_signed(f"{base}?{'&'.join(turned)}" if query else base, bare(url))


@examples(max_examples=1000)
@given(queries, st.data())
def test_an_order_is_all_that_may_differ(query: list[str], data: Any) -> None:
    """Believed: what came, or our order of it. Nothing is dropped, added, or written anew."""
    came = address(query)
    ours = in_our_order(came)
    assert sorted(ours.partition("?")[2].split("&")) == sorted(came.partition("?")[2].split("&"))
    assert in_our_order(ours) == ours
    assert is_signed(came, came) and is_signed(came, ours)
    other = data.draw(
        st.permutations(query).map(address)
        | st.lists(parameters, max_size=5).map(address)
        | st.sampled_from([address(query[:-1]), address([*query, query[-1]]), BASE])
        | st.just(came.replace("+", "%20"))
        | st.just(came.replace("%20", "+"))
        | st.just(came + "&")
    )
    assume(other not in (came, ours))
    assert not is_signed(came, other)


@given(queries, st.sampled_from(_TEXTS), st.data())
def test_where_a_name_is_there_twice_its_order_counts(
    query: list[str], name: str, data: Any
) -> None:
    name = name.replace("=", "").replace("%", "").replace("&", "")
    twice = data.draw(st.permutations([*query, f"{name}=1", f"{name}=2"]))
    assert in_our_order(address(twice)) == address(twice)


def test_a_name_written_in_two_ways_is_there_twice() -> None:
    url = f"{BASE}?tenant=2&%74enant=1"
    assert in_our_order(url) == url
    assert in_our_order(f"{BASE}?b&a-b=2&a=1") == f"{BASE}?a=1&a-b=2&b"


def test_only_the_accounts_own_tokens_sign_either_order() -> None:
    came, ours = f"{BASE}?tenant=1&leg=2", f"{BASE}?leg=2&tenant=1"
    stranger = TwilioAccount("AC" + "0" * 32, ("another",), "", "", "")
    assert not is_signed(came, came, stranger) and not is_signed(came, ours, stranger)
    before = TwilioAccount("AC" + "0" * 32, ("another", settings.TWILIO_AUTH_TOKEN), "", "", "")
    assert is_signed(came, came, before) and is_signed(came, ours, before)


def test_the_usual_case_is_found_right_at_once(monkeypatch: Any) -> None:
    tried: list[str] = []

    def validate(self: Any, url: str, *_: Any) -> bool:
        tried.append(url)
        return True

    monkeypatch.setattr(RequestValidator, "validate", validate)
    monkeypatch.setattr("calls.gateway.tokens.in_our_order", None)  # not even asked
    assert is_signed(f"{BASE}?tenant=1&leg=2", "")
    assert tried == [f"{BASE}?tenant=1&leg=2"]
