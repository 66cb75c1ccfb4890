"""The second factor: signing in with it, setting it up, changing it."""

from base64 import b32decode
from typing import Any

import pytest
import time_machine
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, User
from tenants.signing_in import second_factor
from tenants.tests.signing_in.second_factors import code_for, code_of, give, is_in, set_up, verify
from tenants.tests.signing_in.test_sign_in import PASSWORD, sign_in

BOB, CODE, SET_UP = "bob@acme.example", "/sign-in/code", "/sign-in/second-factor"
LOGS = "/api/twilio/call-logs"


def said(answer: Any) -> str:
    return " ".join(answer.context["form"].errors.get("code", []))


# --- signing in -----------------------------------------------------------------------------------


def test_the_password_alone_opens_nothing(half_in: Client) -> None:
    page = half_in.get("/contacts?q=maria", follow=True)
    assert page.redirect_chain[-1][0] == f"{CODE}?next=/contacts%3Fq%3Dmaria"
    assert page.headers["Cache-Control"].startswith(("private, no-store", "max-age=0"))
    assert "Acme" not in page.content.decode()
    for path in ("/calls", "/contacts", "/settings", "/account", SET_UP, "/admin/"):
        assert half_in.get(path).headers["Location"].startswith(("/sign-in", "/admin/login"))
    assert half_in.post("/calls/live-ticket").status_code == 302
    for answer in (half_in.get(LOGS), half_in.post("/api/twilio/access-token", {})):
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")


def test_the_code_of_the_app_completes_it_and_leads_where_one_wanted_to_go(
    half_in: Client, bob: User
) -> None:
    before = half_in.session.session_key
    answer = half_in.post(CODE, {"code": code_of(bob), "next": "/contacts"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/contacts")
    assert half_in.session.session_key != before
    assert is_in(half_in) and half_in.get(LOGS).status_code == 200


def test_a_place_elsewhere_is_not_gone_to(half_in: Client, bob: User) -> None:
    answer = half_in.post(CODE, {"code": code_of(bob), "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/calls"


@pytest.mark.parametrize("spelling", ["{0[0]}{0[1]}", " {0[0]} {0[1]} ", "{0[0]}-{0[1]}"])
def test_a_code_is_read_however_it_is_grouped(half_in: Client, bob: User, spelling: str) -> None:
    code = code_of(bob)
    assert half_in.post(CODE, {"code": spelling.format((code[:3], code[3:]))}).status_code == 302


@pytest.mark.parametrize("code", ["", "12", "abcdefgh", "x" * 41, "٣٣٣٣٣٣", "1\0", "9" * 40])
def test_a_wrong_code_stays_outside(half_in: Client, code: str) -> None:
    answer = half_in.post(CODE, {"code": code})
    assert answer.status_code == 200 and said(answer)
    assert not is_in(half_in)


def test_a_code_is_good_once(half_in: Client, bob: User) -> None:
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as clock:
        code = code_of(bob)
        assert half_in.post(CODE, {"code": code}).status_code == 302
        other = Client()
        sign_in(other, BOB)
        assert "already used" in said(other.post(CODE, {"code": code}))
        clock.shift(30)
        assert other.post(CODE, {"code": code_of(bob)}).status_code == 302


def test_a_backup_code_is_good_once_and_tells_how_many_are_left(
    half_in: Client, codes: list[str]
) -> None:
    page = half_in.post(CODE, {"code": f" {codes[0].upper()} "}, follow=True).content.decode()
    assert "You have 9 left." in page
    other = Client()
    sign_in(other, BOB)
    assert "Wrong code" in said(other.post(CODE, {"code": codes[0]}))
    assert not is_in(other)


def test_wrong_codes_count_and_a_password_does_not_forget_them(
    half_in: Client, bob: User, codes: list[str]
) -> None:
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as clock:
        for _ in range(4):
            assert half_in.post(CODE, {"code": "000000"}).status_code == 200
            clock.shift(60)  # the device's own pause is over
            half_in.post("/sign-out")
            sign_in(half_in, BOB)  # forgets no failures
        fifth = half_in.post(CODE, {"code": "000000"})
        assert fifth.status_code == 429 and fifth.headers["Retry-After"] == "900"
        assert said(fifth) == "Too many failed attempts. Try again in 15 minutes."
        right = half_in.post(CODE, {"code": code_of(bob)})
        assert right.status_code == 429 and not is_in(half_in)
        half_in.post("/sign-out")
        assert sign_in(half_in, BOB).status_code == 429  # the password's door is shut as well
        clock.shift(901)
        sign_in(half_in, BOB)
        assert verify(half_in, bob) and is_in(half_in)


def test_guesses_from_many_addresses_meet_the_devices_pause_which_has_an_end(
    codes: list[str], bob: User
) -> None:
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as clock:
        waits = []
        for number in range(15):
            attacker = Client(REMOTE_ADDR=f"203.0.113.{number}")
            sign_in(attacker, BOB)
            assert attacker.post(CODE, {"code": "000000"}).status_code == 200
            paused = attacker.post(CODE, {"code": "000000"})
            assert paused.status_code == 429
            waits.append(int(paused.headers["Retry-After"]))
            clock.shift(waits[-1])
        assert waits[:4] == [1, 2, 4, 8] and waits[-4:] == [1024] * 4
        owner = Client(REMOTE_ADDR="198.51.100.7")
        sign_in(owner, BOB)
        assert verify(owner, bob) and is_in(owner)


def test_nobody_gets_to_the_code_without_a_password(cast: Any, client: Client) -> None:
    for answer in (client.get(CODE), client.post(CODE, {"code": "000000"})):
        assert answer.headers["Location"] == "/sign-in"
    assert client.get(SET_UP).headers["Location"].startswith("/sign-in")


def test_somebody_elses_code_does_not_fit(half_in: Client, cast: Any) -> None:
    theirs = give(cast.alice.user)
    assert said(half_in.post(CODE, {"code": code_of(cast.alice.user)}))
    assert said(half_in.post(CODE, {"code": theirs[0]}))
    assert not is_in(half_in)


def test_the_trail_says_who_came_in_when_they_did_and_what_became_of_the_second_factor(
    cast: Any, bob: User, client: Client
) -> None:
    def noted() -> list[str]:
        with tenant_transaction(cast.acme.pk):
            entries = AuditEntry.objects.filter(person=bob.pk).order_by("at", "id")
            return list(entries.values_list("action", flat=True))

    sign_in(client, BOB)
    assert noted() == ["signed_in"]
    codes = set_up(client)
    client.post("/sign-out")
    sign_in(client, BOB)
    assert noted() == ["signed_in", "second_factor_on"]  # the password alone is not coming in
    client.post(CODE, {"code": codes[0]})
    assert noted()[2:] == ["signed_in"]
    client.post("/account", {"password": PASSWORD, "code": codes[1], "do": "off"})
    assert noted()[3:] == ["second_factor_off"]


# --- setting it up --------------------------------------------------------------------------------


def test_a_member_sets_it_up_and_signs_in_with_it(cast: Any, bob: User, client: Client) -> None:
    client.force_login(bob)
    other = Client()
    other.force_login(bob)
    assert "Two-factor sign-in is off" in client.get("/account").content.decode()
    page = client.get(SET_UP).content.decode()
    assert 'src="data:image/png;base64,' in page
    codes = set_up(client)
    assert len(set(codes)) == 10 and is_in(client)
    assert not is_in(other)  # signed out everywhere else
    account = client.get("/account").content.decode()
    assert "10 backup codes left" in account and codes[0] not in account
    assert client.get(SET_UP).headers["Location"] == "/account"
    client.post("/sign-out")
    sign_in(client, BOB)
    assert not is_in(client)
    assert client.post(CODE, {"code": codes[3]}).status_code == 302 and is_in(client)


def test_a_code_that_does_not_fit_sets_nothing_up(cast: Any, bob: User, client: Client) -> None:
    client.force_login(bob)
    secret = client.get(SET_UP).context["secret"]
    refused = client.post(SET_UP, {"code": "000000", "password": PASSWORD})
    assert refused.status_code == 422 and "Wrong code" in said(refused)
    assert refused.context["secret"] == secret == client.get(SET_UP).context["secret"]
    assert not TOTPDevice.objects.exists() and is_in(client)
    elsewhere = Client()
    elsewhere.force_login(bob)
    assert elsewhere.get(SET_UP).context["secret"] != secret


def test_a_session_without_the_password_sets_nothing_up(
    cast: Any, bob: User, client: Client
) -> None:
    client.force_login(bob)
    key = b32decode(client.get(SET_UP).context["secret"].replace(" ", ""))
    for password in ({}, {"password": "wrong"}):
        refused = client.post(SET_UP, {"code": code_for(key)} | password)
        assert refused.status_code == 422 and refused.context["form"].errors["password"]
    assert not TOTPDevice.objects.exists()


def test_a_second_device_is_not_added_beside_the_first(codes: list[str], bob: User) -> None:
    client = Client()
    sign_in(client, BOB)
    assert client.get(SET_UP).headers["Location"].startswith("/sign-in")
    assert client.post(SET_UP, {"code": "000000"}).status_code == 302
    assert TOTPDevice.objects.count() == 1


@pytest.mark.parametrize("do", ["off", "codes"])
@pytest.mark.parametrize("wrong", ["password", "code"])
def test_changing_it_needs_the_password_and_a_code(
    half_in: Client, bob: User, codes: list[str], do: str, wrong: str
) -> None:
    client = verify(half_in, bob)
    sent = {"password": PASSWORD, "code": codes[0], "do": do}
    refused = client.post("/account", sent | {wrong: "000000"})
    assert refused.status_code == 422 and list(refused.context["form"].errors) == [wrong]
    assert second_factor.has(bob) and second_factor.backup_codes_left(bob) == 10
    assert client.post("/account", sent | {"do": "all"}).status_code == 400
    assert client.post("/account", sent).status_code == (200 if do == "codes" else 303)
    assert second_factor.has(bob) == (do == "codes")


def test_new_backup_codes_make_the_old_ones_void(
    half_in: Client, bob: User, codes: list[str]
) -> None:
    client = verify(half_in, bob)
    sent = {"password": PASSWORD, "code": codes[0], "do": "codes"}
    new = client.post("/account", sent).context["codes"]
    assert len(new) == 10 and not set(new) & set(codes)
    with pytest.raises(second_factor.WrongCode):
        second_factor.check(bob, codes[1])
    assert second_factor.backup_codes_left(bob) == 10


def test_turning_it_off_ends_the_other_sessions_for_good(
    half_in: Client, bob: User, codes: list[str]
) -> None:
    client, other = verify(half_in, bob), Client()
    sign_in(other, BOB)
    other.post(CODE, {"code": codes[1]})
    assert is_in(other)
    client.post("/account", {"password": PASSWORD, "code": codes[0], "do": "off"})
    assert is_in(client) and not is_in(other)
    give(User.objects.get(pk=bob.pk))
    assert not is_in(other)


def test_wrong_passwords_on_the_account_page_are_throttled(
    half_in: Client, bob: User, codes: list[str]
) -> None:
    client = verify(half_in, bob)
    for _ in range(5):
        answer = client.post("/account", {"password": "wrong", "code": "x", "do": "off"})
    assert answer.status_code == 429
    right = client.post("/account", {"password": PASSWORD, "code": codes[0], "do": "off"})
    assert right.status_code == 429 and "Too many" in right.content.decode()
    assert second_factor.has(bob) and is_in(client)
