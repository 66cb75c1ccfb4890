"""X-Twilio-Signature: vectors made with Twilio's own library."""

from __future__ import annotations

import pytest
from twilio.request_validator import RequestValidator

from sandbox.wire.signing import signature, signed_url

PARAMS = {
    "CallSid": "CA1234567890ABCDE",  # pragma: allowlist secret
    "Caller": "+14158675310",
    "Digits": "1234",
    "From": "+14158675310",
    "To": "+18005551212",
}


def test_the_official_vector() -> None:
    url = "https://example.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, PARAMS.items()) == "L/OH5YylLD5NRKLltdqwSvS0BnU="


def test_the_second_vector() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    params = PARAMS | {"Caller": "+12349013030", "From": "+12349013030"}
    signed = "0/KCTR6DLpKmkAf8muzZqo1nDgQ="  # pragma: allowlist secret
    assert signature("12345", url, params.items()) == signed


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://a.example:8443/x?y=1#rc=5", "https://a.example/x?y=1"),
        ("http://a.example:8000/x#rp=all", "http://a.example:8000/x"),
        ("https://user:pw@a.example/x", "https://a.example/x"),  # pragma: allowlist secret
        ("http://a.example/x?q=%20a+b", "http://a.example/x?q=%20a+b"),
    ],
)
def test_what_of_the_url_is_signed(url: str, signed: str) -> None:
    assert signed_url(url) == signed
    made = signature("12345", url, PARAMS.items())
    assert RequestValidator("12345").validate(signed, PARAMS, made)
