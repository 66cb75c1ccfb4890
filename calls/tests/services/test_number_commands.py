"""list, search, buy, point and release, as an operator types them."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from calls.facts.numbers import REFUSALS
from calls.gateway import addresses
from calls.models import NumberOrder
from calls.tests.shop import held, numbers_of, own_account, trail, writes
from sandbox.tests.harness import ACCOUNT, OTHER_ACCOUNT, Box
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry

ACME, BOREALIS, WANTED, FREE = "+14155550199", "+442079460199", "+12125550123", "+12125550170"
Run = Callable[..., str]
COMMANDS = ("list_numbers", "search_numbers", "buy_number", "point_number", "release_number")


@pytest.fixture
def run(shop: Box) -> Run:
    def run_it(command: str, *arguments: str) -> str:
        out = io.StringIO()
        call_command(command, *arguments, stdout=out)
        return out.getvalue()

    return run_it


def refused(run: Run, *arguments: str) -> str:
    with pytest.raises(CommandError) as error:
        run(*arguments)
    return str(error.value)


def test_numbers_are_listed_with_whom_callers_reach(run: Run, shop: Box, cast: Any) -> None:
    held(shop, FREE)
    with tenant_transaction(cast.acme.pk):
        NumberOrder.objects.create(number=WANTED, account_sid=ACCOUNT)
    said = run("list_numbers", "acme").splitlines()
    assert said == [
        f"{ACME}  callers: here  default",
        f"{WANTED}  being bought, not confirmed yet",
        f"{FREE}  free: manage.py point_number acme …",
    ]
    told = json.loads(run("list_numbers", "acme", "--json"))
    assert told["workspace"] == "acme" and told["account"] == ACCOUNT
    (number,) = told["numbers"]
    assert (number["number"], number["callers"], number["is_held"]) == (ACME, "here", True)
    assert told["being_bought"] == [WANTED]
    assert told["free"] == [{"number": FREE, "leads_to": ""}]
    assert BOREALIS not in json.dumps(told)
    shop.config.accounts[ACCOUNT].numbers = {}
    assert "no longer has it" in run("list_numbers", "acme")


def test_numbers_are_searched(run: Run, shop: Box) -> None:
    said = run("search_numbers", "acme", "--area-code", "212", "--contains", "012")
    assert said.startswith("+12125550120  New York, NY\n")
    assert "1.15 USD a month each. To buy one: manage.py buy_number acme" in said
    told = json.loads(run("search_numbers", "borealis", "--kind", "toll-free", "--json"))
    assert told["monthly_price"] == "2.15 USD" and told["numbers"][0]["country"] == "GB"
    assert "needs an address" in run("search_numbers", "borealis")


def test_a_search_that_cannot_be_is_an_error(run: Run, shop: Box) -> None:
    for arguments, says in (
        (["--kind", "mobile"], "no such numbers (mobile, US)"),
        (["--contains", "98765432"], "found none"),
        (["--contains", "1"], "2 to 14"),
        (["--area-code", "415", "--country", "gb"], "Only US and Canadian"),
        (["--area-code", "15"], REFUSALS[21451]),
        (["--country", "../x"], "two letters"),
    ):
        assert says in refused(run, "search_numbers", "acme", *arguments)


def test_a_number_is_bought_with_yes_only_and_once(run: Run, shop: Box, cast: Any) -> None:
    before = writes(shop)
    assert "billed to" in refused(run, "buy_number", "acme", WANTED) and writes(shop) == before
    assert run("buy_number", "acme", WANTED, "--label", "Sales", "--yes").startswith(
        f"acme: {WANTED} (PN"
    )
    assert "already had" in run("buy_number", "acme", WANTED, "--yes")
    assert writes(shop) == before + 1
    with tenant_transaction(cast.acme.pk):
        entry = AuditEntry.objects.get(action="number_bought")
    assert entry.name == "Operator"


def test_with_documents_a_number_is_bought_that_needs_them(run: Run, shop: Box) -> None:
    address = "AD" + "1" * 32
    shop.config.accounts[ACCOUNT].addresses[address] = "GB"
    said = refused(run, "buy_number", "borealis", "+442079460123", "--yes")
    assert said == f"+442079460123 was not bought. {REFUSALS[21631]}"
    run("buy_number", "borealis", "+442079460123", "--yes", "--address", address)


def test_a_lost_answer_is_said(run: Run, shop: Box) -> None:
    shop.fault("rest-error", match="POST", status=503)
    said = refused(run, "buy_number", "acme", WANTED, "--yes")
    assert "answer was lost" in said and "list_numbers" in said
    assert "a moment ago" in refused(run, "buy_number", "acme", WANTED, "--yes")


def test_a_number_is_pointed(run: Run, shop: Box, cast: Any) -> None:
    number = held(shop, FREE, voice_url="https://pbx.example/")
    assert run("point_number", "acme", FREE) == f"acme: callers of {FREE} reach the workspace.\n"
    assert number.voice_url == addresses.number_called(cast.acme.pk)
    assert trail(cast.acme) == [("number_assigned", FREE), ("number_pointed", FREE)]
    assert "another workspace" in refused(run, "point_number", "acme", BOREALIS)
    assert "no free number" in refused(run, "point_number", "acme", "+12125550179")


def test_a_number_is_released_with_yes_only(run: Run, shop: Box, cast: Any) -> None:
    held(shop, FREE)
    run("point_number", "acme", FREE)
    before = writes(shop)
    said = refused(run, "release_number", "acme", ACME)
    assert f"{FREE} becomes the default" in said and writes(shop) == before
    assert "is released" in run("release_number", "acme", ACME, "--yes")
    assert "no one there can call" in refused(run, "release_number", "acme", FREE)
    run("release_number", "acme", FREE, "--yes")
    assert numbers_of(cast.acme) == {} and numbers_of(cast.borealis) == {BOREALIS: True}
    assert "acme has no number" in refused(run, "release_number", "acme", BOREALIS, "--yes")


def test_by_an_own_account_they_are_its_own(run: Run, shop: Box, cast: Any) -> None:
    own_account(shop, cast.acme)
    run("buy_number", "acme", WANTED, "--yes")
    assert json.loads(run("list_numbers", "acme", "--json"))["account"] == OTHER_ACCOUNT


@pytest.mark.parametrize("command", COMMANDS)
def test_what_goes_wrong_is_one_line(run: Run, shop: Box, settings: Any, command: str) -> None:
    number = [] if command in ("list_numbers", "search_numbers") else [ACME]
    yes = ["--yes"] if command in ("buy_number", "release_number") else []
    assert "no workspace “x”" in refused(run, command, "x", *number, *yes)
    if number:
        assert "\n" not in refused(run, command, "acme", "12", *yes)
        number = [WANTED] if command == "buy_number" else number
    settings.TWILIO_SANDBOX_URL = "http://127.0.0.1:9"
    assert "could not be asked" in refused(run, command, "acme", *number, *yes)
    settings.TWILIO_AUTH_TOKEN = ""
    assert "twilio_doctor" in refused(run, command, "acme", *number, *yes)
