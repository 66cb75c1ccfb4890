"""Addresses that browsers name: only push services that we know are sent anything."""

import pytest

from calls.facts.pushes import LONGEST_ENDPOINT, is_public_key, is_push_service, is_secret
from calls.tests.push_service import WEB_PUSH, Browser, said

HOSTS = WEB_PUSH.hosts


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/dEf:APA91b_x-y",
        "https://FCM.googleapis.com:443/fcm/send/x",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
        "https://wns2-par02p.notify.windows.com/w/?token=BQYA%2bx%3d",
        "https://web.push.apple.com/QGuQyavXutnMH",
    ],
)
def test_the_addresses_that_browsers_have(endpoint: str) -> None:
    assert is_push_service(endpoint, HOSTS)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "fcm.googleapis.com/x",
        "http://fcm.googleapis.com/x",
        "HTTPS://fcm.googleapis.com/x",
        "https://fcm.googleapis.com:444/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evil.example/fcm.googleapis.com",
        "https://fcm.googleapis.com@evil.example/x",
        "https://evil.example@fcm.googleapis.com/x",
        "https://evil.example\\@fcm.googleapis.com/x",
        "https://evil.example#@fcm.googleapis.com/x",
        "https://evil.example#.push.apple.com/x",
        "https://evil.example?.push.apple.com",
        "https://evil.example%2f.push.apple.com/x",
        "https://evil.example\t.push.apple.com/x",
        "https://evil.example\n.push.apple.com/x",
        "https://fcm.googleapis.com/x\r\nHost: evil.example",
        "https://fcm.googleapis.com/ x",
        "https://ƒcm.googleapis.com/x",
        "https://push.apple.com/x",
        "https://.push.apple.com.evil.example/x",
        "https://.push.apple.com/x",
        "https://a..push.apple.com/x",
        "https://" + "a" * 64 + ".push.apple.com/x",
        "https://xpush.apple.com/x",
        "https://localhost/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1:6379/x",
        "file:///etc/passwd",
        "https://fcm.googleapis.com/" + "x" * LONGEST_ENDPOINT,
    ],
)
def test_nothing_else_is_one(endpoint: str) -> None:
    assert not is_push_service(endpoint, HOSTS)


def test_one_at_a_port_of_its_own_is_named_with_it() -> None:
    assert is_push_service("https://localhost:8443/x", ["localhost:8443"])
    assert not is_push_service("https://localhost:8444/x", ["localhost:8443"])
    assert not is_push_service("https://localhost/x", ["localhost:8443"])


def test_keys_are_those_of_a_browser() -> None:
    for _ in range(20):
        keys = Browser().keys
        assert is_public_key(keys["p256dh"]) and is_secret(keys["auth"])
        assert is_public_key(keys["p256dh"] + "=") and is_secret(keys["auth"] + "==")
        for padding in ("==", "=" * 5, "=" * 1000):  # more than rows have room for
            assert not is_public_key(keys["p256dh"] + padding)
        for padding in ("=", "=" * 6, "=" * 1000):
            assert not is_secret(keys["auth"] + padding)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "BA",
        "!" * 87,
        said(bytes(65)),
        said(b"\x04" + bytes(64)),  # no point of the curve
        said(b"\x04" + b"\xff" * 64),
        said(b"\x02" + bytes(32)),
        "B" * 4000,
    ],
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert not is_public_key(text) and not is_secret(text)
