"""A workspace's own Twilio account: tried at the sandbox before it is kept, used, given up."""

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from calls import gateway
from calls.facts.refusals import Refusal
from calls.gateway import accounts
from calls.gateway.accounts import AccountGone, TwilioNotConfigured, account_for, account_of, sid_of
from calls.models import OwnAccount, PhoneNumber, Recording
from calls.services import caller_ids, forgetting, reconcile, recordings
from calls.services.setup import own_accounts
from calls.tests.conftest import Scene, sid
from sandbox.config import Number
from sandbox.tests.harness import ACCOUNT, KEY, OTHER_ACCOUNT, OTHER_TOKEN, SECRET, TOKEN, Box
from tenants.fence.context import tenant_transaction

PAGE = "/settings/telephone-account"
OTHER_KEY, OTHER_SECRET = "SK" + "2" * 32, "the-secret-of-the-other-key"
NUMBER = "+14155550171"
GIVEN = {
    "sid": OTHER_ACCOUNT,
    "auth_token": OTHER_TOKEN,
    "api_key_sid": OTHER_KEY,
    "api_key_secret": OTHER_SECRET,
}


@pytest.fixture(scope="module")
def running_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(str(tmp_path_factory.mktemp("sandbox")))
    yield box
    box.close()


@pytest.fixture
def box(running_box: Box, cast: Any, settings: Any) -> Box:
    """The shared account and one more, which has a key, a number and no application yet."""
    settings.TWILIO_SANDBOX_URL = running_box.url
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = ACCOUNT, TOKEN
    settings.TWILIO_API_KEY_SID, settings.TWILIO_API_KEY_SECRET = KEY, SECRET
    other = running_box.config.accounts[OTHER_ACCOUNT]
    other.auth_token, other.secondary_token, other.status = OTHER_TOKEN, "", "active"
    other.api_keys, other.applications = {OTHER_KEY: OTHER_SECRET}, {}
    other.numbers = {sid("PN"): Number(sid("PN"), NUMBER)}
    for tenant in (cast.acme, cast.borealis):
        with tenant_transaction(tenant.pk):
            PhoneNumber.objects.update(account_sid=ACCOUNT)
    return running_box


@pytest.fixture
def connected(box: Box, cast: Any) -> OwnAccount:
    return own_accounts.connect(cast.acme, **GIVEN)


def accounts_of(tenant: Any) -> list[OwnAccount]:
    with tenant_transaction(tenant.pk):
        return list(OwnAccount.objects.order_by("created_at"))


# --- connecting ----------------------------------------------------------------------------------


def test_an_admin_connects_the_workspaces_own_account(box: Box, cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.alice)
    assert "The shared account" in client.get(PAGE).content.decode()
    page = client.post(PAGE, {"do": "connect", **GIVEN}, follow=True).content.decode()
    assert "Calls go through your own account from now on." in page
    assert OTHER_ACCOUNT in page and "It has 1 number to call from." in page
    assert OTHER_TOKEN not in page and OTHER_SECRET not in page
    account = account_of(cast.acme.pk)
    assert (account.sid, account.auth_tokens) == (OTHER_ACCOUNT, (OTHER_TOKEN,))
    (application,) = box.config.accounts[OTHER_ACCOUNT].applications.values()
    assert account.twiml_app_sid == application.sid
    assert f"voice-webhook?tenant={cast.acme.pk.hex}#" in application.voice_url
    assert f"call-status?tenant={cast.acme.pk.hex}#" in application.status_callback
    assert account_of(cast.borealis.pk).sid == ACCOUNT
    with tenant_transaction(cast.acme.pk):
        assert caller_ids.choose_caller_id(cast.acme).number == NUMBER


@pytest.mark.parametrize(
    ("wrong", "at", "said"),
    [
        ({"sid": ""}, "sid", "Enter the account"),
        ({"sid": "AC1"}, "sid", "starts with AC"),
        ({"sid": OTHER_ACCOUNT + "/../x"}, "sid", "starts with AC"),
        ({"sid": ACCOUNT, "auth_token": TOKEN}, "sid", "the shared account"),
        ({"sid": "AC" + "9" * 32}, "auth_token", "rejected this token"),
        ({"auth_token": "wrong-token"}, "auth_token", "rejected this token"),
        ({"auth_token": "short"}, "auth_token", "too short"),
        ({"auth_token": "with a\nbreak"}, "auth_token", "has invalid characters"),
        ({"auth_token": "the-second-token"}, "auth_token", "secondary token"),
        ({"api_key_sid": "SK1"}, "api_key_sid", "starts with SK"),
        ({"api_key_sid": "SK" + "9" * 32}, "api_key_sid", "no such API key"),
        ({"api_key_secret": "wrong-secret"}, "api_key_secret", "rejected this secret"),
        ({"status": "suspended"}, "sid", "suspended"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_kept(
    box: Box, cast: Any, signed_in: Any, wrong: dict[str, str], at: str, said: str
) -> None:
    other = box.config.accounts[OTHER_ACCOUNT]
    other.secondary_token = "the-second-token"
    other.status = wrong.get("status", "active")
    answer = signed_in(cast.alice).post(PAGE, {"do": "connect", **GIVEN, **wrong})
    assert answer.status_code == 422
    assert said in " ".join(answer.context["connecting"].errors[at])
    page = answer.content.decode()
    assert said in page
    assert not any(secret in page for secret in (OTHER_SECRET, "wrong-token", "wrong-secret"))
    assert accounts_of(cast.acme) == [] and not other.applications
    other.status = "active"
    assert signed_in(cast.alice).post(PAGE, {"do": "connect", **GIVEN}).status_code == 303


@pytest.mark.parametrize(
    "name", ["ACCOUNT_SID", "AUTH_TOKEN", "API_KEY_SID", "API_KEY_SECRET", "TWIML_APP_SID"]
)
def test_the_shared_account_is_whole_or_there_is_none(cast: Any, settings: Any, name: str) -> None:
    assert account_of(cast.acme.pk).sid == settings.TWILIO_ACCOUNT_SID
    setattr(settings, f"TWILIO_{name}", "")
    with pytest.raises(TwilioNotConfigured):
        account_of(cast.acme.pk)


def test_the_token_before_is_believed_until_its_time(monkeypatch: Any) -> None:
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    later = now + timedelta(microseconds=1)
    assert accounts._tokens("new", "old", later) == ("new", "old")
    for previous, until in (("old", now), ("old", None), ("", later), (None, later)):
        assert accounts._tokens("new", previous, until) == ("new",)


def test_of_several_accounts_the_one_that_is_named_is_found(cast: Any) -> None:
    sids = [f"AC{serial:032x}" for serial in range(6)]
    with tenant_transaction(cast.acme.pk):
        for each in sids:
            OwnAccount.objects.create(
                sid=each, auth_token=each, api_key_secret="x", retired_at=timezone.now()
            )
    assert [account_for(cast.acme.pk, each).auth_tokens for each in sids] == [(s,) for s in sids]
    with pytest.raises(AccountGone):
        account_for(cast.acme.pk, f"AC{6:032x}")


def test_an_account_belongs_to_one_workspace(connected: OwnAccount, cast: Any) -> None:
    with pytest.raises(own_accounts.NotAccepted, match="connected to another workspace"):
        own_accounts.connect(cast.borealis, **GIVEN)
    assert accounts_of(cast.borealis) == []
    assert account_of(cast.borealis.pk).sid == ACCOUNT
    with pytest.raises(AccountGone):
        account_for(cast.borealis.pk, OTHER_ACCOUNT)


def test_twilio_out_of_reach_is_said_and_nothing_is_kept(
    box: Box, cast: Any, signed_in: Any, settings: Any
) -> None:
    settings.TWILIO_SANDBOX_URL = "http://127.0.0.1:9"
    answer = signed_in(cast.alice).post(PAGE, {"do": "connect", **GIVEN})
    assert answer.status_code == 422
    assert "We couldn’t check this with Twilio" in answer.content.decode()
    assert accounts_of(cast.acme) == []


@pytest.mark.parametrize("do", ["connect", "token", "disconnect", ""])
def test_only_admins_may_look_and_change(
    connected: OwnAccount, cast: Any, signed_in: Any, do: str
) -> None:
    client = signed_in(cast.bob)
    answers = [client.get(PAGE), client.post(PAGE, {"do": do, **GIVEN})]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert all(OTHER_ACCOUNT not in answer.content.decode() for answer in answers)
    assert account_of(cast.acme.pk).sid == OTHER_ACCOUNT


def test_another_workspace_sees_nothing_of_it(
    connected: OwnAccount, cast: Any, client: Any
) -> None:
    from tenants.models import Role
    from tenants.people.services import add_member

    admin, _ = add_member(cast.borealis, email="eve@borealis.example", role=Role.ADMIN)
    client.force_login(admin.user)
    page = client.get(PAGE).content.decode()
    assert "The shared account" in page and OTHER_ACCOUNT not in page
    client.post(PAGE, {"do": "disconnect"})
    assert client.post(PAGE, {"do": "token", "auth_token": OTHER_TOKEN}).status_code == 422
    assert account_of(cast.acme.pk).sid == OTHER_ACCOUNT


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def run(box: Box, monkeypatch: Any) -> Callable[..., str]:
    def run_it(*arguments: str, typed: str = f"{OTHER_TOKEN}\n{OTHER_SECRET}\n") -> str:
        out = io.StringIO()
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        call_command("connect_account", *arguments, stdout=out)
        return out.getvalue()

    return run_it


def test_an_operator_connects_it_with_secrets_from_standard_input(
    run: Callable[..., str], cast: Any
) -> None:
    arguments = ("acme", "--sid", OTHER_ACCOUNT, "--key", OTHER_KEY)
    assert run(*arguments) == f"acme now calls through {OTHER_ACCOUNT}.\n"
    assert account_of(cast.acme.pk).api_key_secret == OTHER_SECRET
    assert run(*arguments) == f"acme now calls through {OTHER_ACCOUNT}.\n"
    assert len(accounts_of(cast.acme)) == 1


@pytest.mark.parametrize(
    ("workspace", "sid_given", "typed", "says"),
    [
        ("nowhere", OTHER_ACCOUNT, "", "Known: acme, borealis"),
        ("acme", "AC1", f"{OTHER_TOKEN}\n{OTHER_SECRET}\n", "sid: It starts with AC"),
        ("acme", OTHER_ACCOUNT, "", "auth_token: Enter"),
        ("acme", OTHER_ACCOUNT, f"{'x' * 32}\n{OTHER_SECRET}\n", "auth_token: Twilio rejected"),
    ],
)
def test_the_command_refuses_with_the_reason(
    run: Callable[..., str], cast: Any, workspace: str, sid_given: str, typed: str, says: str
) -> None:
    with pytest.raises(CommandError, match=says) as refusal:
        run(workspace, "--sid", sid_given, "--key", OTHER_KEY, typed=typed)
    assert OTHER_SECRET not in str(refusal.value)
    assert accounts_of(cast.acme) == []


# --- rotating, leaving ---------------------------------------------------------------------------


def test_a_token_is_rotated_before_it_is_promoted(
    box: Box, connected: OwnAccount, cast: Any, signed_in: Any
) -> None:
    client, other = signed_in(cast.alice), box.config.accounts[OTHER_ACCOUNT]
    refused = client.post(PAGE, {"do": "token", "auth_token": "the-second-token"})
    assert refused.status_code == 422 and "Twilio rejected" in refused.content.decode()
    other.secondary_token = "the-second-token"
    page = client.post(PAGE, {"do": "token", "auth_token": "the-second-token"}, follow=True)
    assert "The old one works for one more day." in page.content.decode()
    assert account_of(cast.acme.pk).auth_tokens == ("the-second-token", OTHER_TOKEN)
    with tenant_transaction(cast.acme.pk):
        until = OwnAccount.objects.get().previous_until
        OwnAccount.objects.update(previous_until=timezone.now())
    assert until is not None and until <= timezone.now() + timedelta(hours=24)
    assert account_of(cast.acme.pk).auth_tokens == ("the-second-token",)


def test_what_was_made_with_an_account_stays_its_own_until_its_secrets_are_forgotten(
    box: Box, waiting: Scene, cast: Any, signed_in: Any
) -> None:
    """A room of the shared account, then an own one, then the shared one again."""
    tenant_id, room = cast.acme.pk, waiting.room
    assert room.account_sid == ACCOUNT
    own_accounts.connect(cast.acme, **GIVEN)
    assert (sid_of(tenant_id), account_for(tenant_id, room.account_sid).sid) == (
        OTHER_ACCOUNT,
        ACCOUNT,
    )
    with tenant_transaction(tenant_id):
        assert caller_ids.choose_caller_id(cast.acme, account_sid=ACCOUNT).account_sid == ACCOUNT
        shared_number = PhoneNumber.objects.get(account_sid=ACCOUNT)
        with pytest.raises(Refusal, match="this number anymore"):
            caller_ids.choose_caller_id(cast.acme, number_id=shared_number.pk)
    page = signed_in(cast.alice).post(PAGE, {"do": "disconnect"}, follow=True).content.decode()
    assert "The shared account" in page and OTHER_ACCOUNT not in page
    assert account_of(tenant_id).sid == ACCOUNT
    assert account_for(tenant_id, OTHER_ACCOUNT).auth_tokens == (OTHER_TOKEN,)
    now = timezone.now()
    for passed, is_kept in ((timedelta(hours=47), True), (timedelta(hours=49), False)):
        with tenant_transaction(tenant_id):
            forgetting.forget_retired_accounts(now + passed)
        assert (len(accounts_of(cast.acme)) == 1) is is_kept
        with tenant_transaction(tenant_id):  # another workspace may bring the numbers along
            assert PhoneNumber.objects.filter(account_sid=OTHER_ACCOUNT).exists() is is_kept
    with pytest.raises(AccountGone):
        account_for(tenant_id, OTHER_ACCOUNT)


def test_a_room_and_a_recording_of_a_forgotten_account_come_to_an_end(
    box: Box, dialled: Scene, cast: Any
) -> None:
    gone, assert_call = "AC" + "8" * 32, dialled.call
    assert assert_call
    with tenant_transaction(cast.acme.pk):
        type(dialled.room).objects.filter(pk=dialled.room.pk).update(account_sid=gone)
        recording = Recording.objects.create(
            call=assert_call,
            sid=sid("RE"),
            account_sid=gone,
            state="waiting",
            next_attempt_at=timezone.now(),
        )
    later = timezone.now() + timedelta(seconds=60)
    reconcile.sweep_tenant(cast.acme.pk, now=later)
    assert recordings.fetch_recording(cast.acme.pk, recording.pk, now=later)
    assert dialled.fresh().status == "failed"
    with tenant_transaction(cast.acme.pk):
        dialled.room.refresh_from_db()
        recording.refresh_from_db()
    assert dialled.room.closed_at is not None
    assert "no longer connected" in recording.error


def test_unreadable_secrets_are_an_error_at_every_door_and_connecting_again_mends_them(
    connected: OwnAccount, box: Box, cast: Any, signed_in: Any, settings: Any
) -> None:
    from cryptography.fernet import Fernet

    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(TwilioNotConfigured):
        account_of(cast.acme.pk)
    client = signed_in(cast.alice)
    token = client.post("/api/twilio/access-token", {}, content_type="application/json")
    assert token.json()["error"]["code"] == "twilio_not_configured"
    said = client.post(PAGE, {"do": "token", "auth_token": OTHER_TOKEN})
    assert "connect it again" in said.content.decode()
    assert account_of(cast.borealis.pk).sid == ACCOUNT
    assert client.post(PAGE, {"do": "connect", **GIVEN}).status_code == 303
    assert account_of(cast.acme.pk).auth_tokens == (OTHER_TOKEN,)


def test_the_doctor_looks_at_each_workspaces_own_account(
    connected: OwnAccount, box: Box, cast: Any
) -> None:
    import json

    def findings(workspace: str) -> dict[str, Any]:
        out = io.StringIO()
        with pytest.raises(CommandError):  # no site answers at the public address here
            call_command("twilio_doctor", "--json", "--workspace", workspace, stdout=out)
        return {one["check"]: one for one in json.loads(out.getvalue())["findings"]}

    own, shared = findings("acme"), findings("borealis")
    assert OTHER_ACCOUNT in own["credentials"]["says"] and "settings" not in own
    assert own["twiml_app"]["verdict"] == own["api_key"]["verdict"] == "right"
    assert own["number"]["verdict"] == "right"
    assert ACCOUNT in shared["credentials"]["says"] and "settings" in shared
    (application,) = box.config.accounts[OTHER_ACCOUNT].applications.values()
    application.voice_url = "https://elsewhere.example/"
    assert findings("acme")["twiml_app"]["verdict"] == "wrong"


def test_the_gateway_reaches_no_other_host(connected: OwnAccount, cast: Any) -> None:
    from calls.gateway.client import rest

    client = rest(account_of(cast.acme.pk))
    for url in ("https://evil.example/", "https://api.twilio.com.evil.example/", "http://[::1]/"):
        with pytest.raises(ValueError, match="Not a Twilio host"):
            client.request("GET", url)
    assert gateway.fetch_account(account_of(cast.acme.pk)).status == "active"
