"""assign_number against the sandbox, as an operator types it."""

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from calls.models import PhoneNumber
from sandbox.config import Number
from sandbox.tests.harness import ACCOUNT, APP, KEY, OTHER_ACCOUNT, SECRET, TOKEN, Box
from tenants.fence.context import tenant_transaction

NEW, SID = "+14155550177", "PN" + "7" * 32
Run = Callable[..., str]


@pytest.fixture(scope="module")
def running_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(str(tmp_path_factory.mktemp("sandbox")))
    box.config.accounts[ACCOUNT].numbers[SID] = Number(SID, NEW)
    yield box
    box.close()


@pytest.fixture
def run(running_box: Box, cast: Any, settings: Any) -> Run:
    settings.TWILIO_SANDBOX_URL, settings.TWILIO_TWIML_APP_SID = running_box.url, APP
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = ACCOUNT, TOKEN
    settings.TWILIO_API_KEY_SID, settings.TWILIO_API_KEY_SECRET = KEY, SECRET

    def run_it(*arguments: str) -> str:
        out = io.StringIO()
        call_command("assign_number", *arguments, stdout=out)
        return out.getvalue()

    return run_it


def numbers_of(tenant: Any) -> list[tuple[Any, ...]]:
    with tenant_transaction(tenant.pk):
        return list(
            PhoneNumber.objects.order_by("created_at").values_list(
                "pk", "number", "label", "account_sid", "twilio_sid", "is_default"
            )
        )


def test_a_number_of_the_account_becomes_the_workspaces_with_its_sid(run: Run, cast: Any) -> None:
    assert run("acme", "(415) 555-0177", "--label", "Sales") == f"acme: {NEW} ({SID}).\n"
    assert numbers_of(cast.acme)[-1][1:] == (NEW, "Sales", ACCOUNT, SID, False)


def test_doing_it_again_changes_nothing(run: Run, cast: Any) -> None:
    run("acme", NEW, "--label", "Sales", "--default", "--account", ACCOUNT)
    before = numbers_of(cast.acme)
    assert "already had" in run("acme", NEW)
    run("acme", NEW, "--label", "Sales", "--default")
    assert numbers_of(cast.acme) == before


def test_a_workspace_has_one_default_number(run: Run, cast: Any) -> None:
    assert "its default" in run("acme", NEW, "--default")
    assert [(row[1], row[5]) for row in numbers_of(cast.acme)] == [
        ("+14155550199", False),
        (NEW, True),
    ]


def test_a_number_noted_under_an_old_account_moves_to_this_one(run: Run, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.update(number=NEW, account_sid=OTHER_ACCOUNT, twilio_sid="")
    run("acme", NEW)
    (row,) = numbers_of(cast.acme)
    assert row[3:5] == (ACCOUNT, SID)


def test_a_number_of_another_workspace_is_refused(run: Run, cast: Any) -> None:
    run("borealis", NEW)
    before = numbers_of(cast.acme), numbers_of(cast.borealis)
    with pytest.raises(CommandError, match="belongs to another workspace"):
        run("acme", NEW, "--default")
    assert (numbers_of(cast.acme), numbers_of(cast.borealis)) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["acme", "+14155550178"], "does not own"),
        (["acme", "12"], "number"),
        (["acme", "911"], "Emergency"),
        (["nowhere", NEW], "Known: acme, borealis"),
        (["acme", NEW, "--account", "AC" + "9" * 32], "is served by"),
        (["acme", NEW, "--label", "l" * 61], "longer than 60"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    run: Run, cast: Any, arguments: list[str], says: str
) -> None:
    before = numbers_of(cast.acme)
    with pytest.raises(CommandError, match=says):
        run(*arguments)
    assert numbers_of(cast.acme) == before


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("TWILIO_SANDBOX_URL", "http://127.0.0.1:9", "TwilioUnreachable no connection"),
        ("TWILIO_API_KEY_SECRET", "wrong", "twilio_doctor"),
        ("TWILIO_TWIML_APP_SID", "", "No Twilio account is set up"),
    ],
)
def test_without_twilio_nothing_is_assigned(
    run: Run, cast: Any, settings: Any, setting: str, value: str, says: str
) -> None:
    before = numbers_of(cast.acme)
    setattr(settings, setting, value)
    with pytest.raises(CommandError, match=says):
        run("acme", NEW)
    assert numbers_of(cast.acme) == before


def test_the_environments_number_is_the_first_workspaces(
    run: Run, cast: Any, settings: Any
) -> None:
    with pytest.raises(CommandError, match="TWILIO_PHONE_NUMBER"):
        run("acme")
    settings.TWILIO_PHONE_NUMBER = NEW
    assert run("acme").startswith(f"acme: {NEW} ({SID})")


def test_who_names_none_is_told_which_are_free(run: Run, cast: Any) -> None:
    with pytest.raises(CommandError, match="no workspace has: .*" + re.escape(NEW)):
        run("acme")
    run("borealis", NEW)
    with pytest.raises(CommandError, match="no workspace has") as refusal:
        run("acme")
    assert NEW not in str(refusal.value)
