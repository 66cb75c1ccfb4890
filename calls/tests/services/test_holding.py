"""Numbers that an account holds: taken, pointed here, given back; never another workspace's."""

from typing import Any

import pytest

from calls.facts.numbers import Leads
from calls.gateway import OutcomeUnknown, TwilioRefused, TwilioUnreachable, addresses
from calls.gateway.accounts import account_of
from calls.models import CallLog, PhoneNumber
from calls.services.setup import holding
from calls.services.setup.numbers import NumberNotOwned, NumberTaken, unowned
from calls.tests.builders import an_outbound_call
from calls.tests.shop import held, numbers_of, own_account, trail, writes
from sandbox.tests.harness import ACCOUNT, APP, OTHER_ACCOUNT, Box
from tenants.fence.context import tenant_transaction

ACME, BOREALIS, FREE = "+14155550199", "+442079460199", "+12125550170"


def survey(tenant: Any) -> holding.Survey:
    return holding.survey(tenant, account=account_of(tenant.pk))


def take(tenant: Any, number: str, **more: Any) -> PhoneNumber:
    return holding.take(tenant, number=number, account=account_of(tenant.pk), **more)


def row_of(tenant: Any, number: str) -> PhoneNumber:
    with tenant_transaction(tenant.pk):
        return PhoneNumber.objects.get(number=number)


def target(box: Box, number: str, account: str = ACCOUNT) -> str:
    (found,) = [
        n for n in box.config.accounts[account].numbers.values() if n.phone_number == number
    ]
    return found.voice_url


# --- whose they are ------------------------------------------------------------------------------


def test_on_the_shared_account_a_workspace_sees_its_own_and_what_nobody_uses(
    shop: Box, cast: Any
) -> None:
    held(shop, FREE)
    held(shop, "+12125550171", cast.acme)  # bought for it, and not written down
    held(shop, "+12125550172", cast.borealis)  # the same of another
    held(shop, "+12125550173", voice_url="https://pbx.example/")
    held(shop, "+12125550174", voice_application_sid=APP)
    found = survey(cast.acme)
    assert [ours.row.number for ours in found.ours] == [ACME]
    assert [each.number for each in found.free] == [FREE, "+12125550171"]
    assert [each.number for each in survey(cast.borealis).free] == [FREE, "+12125550172"]


def test_a_number_of_another_workspace_is_not_shown_wherever_it_leads(shop: Box, cast: Any) -> None:
    for number in shop.config.accounts[ACCOUNT].numbers.values():
        number.voice_url = number.voice_fallback_url = ""
    assert survey(cast.acme).free == [] and survey(cast.borealis).free == []


@pytest.mark.parametrize("url", ["", "theirs", "ours"])
def test_a_number_of_another_workspace_is_not_taken_wherever_it_leads(
    shop: Box, cast: Any, url: str
) -> None:
    (theirs,) = [
        n for n in shop.config.accounts[ACCOUNT].numbers.values() if n.phone_number == BOREALIS
    ]
    whose = {"theirs": cast.borealis, "ours": cast.acme}.get(url)
    theirs.voice_url = addresses.number_called(whose.pk) if whose else ""
    before = vars(theirs).copy()
    with pytest.raises((NumberTaken, NumberNotOwned)):
        take(cast.acme, BOREALIS)
    with pytest.raises(NumberTaken):
        take(cast.acme, BOREALIS, by_operator=True)
    assert vars(theirs) == before and numbers_of(cast.acme) == {ACME: True}
    assert numbers_of(cast.borealis) == {BOREALIS: True} and trail(cast.acme) == []


def test_a_number_of_another_workspace_is_neither_pointed_nor_released(
    shop: Box, cast: Any
) -> None:
    theirs, before = row_of(cast.borealis, BOREALIS), writes(shop)
    for change in (holding.point, holding.release):
        with pytest.raises(PhoneNumber.DoesNotExist):
            change(cast.acme, number_id=theirs.pk)
    assert writes(shop) == before and numbers_of(cast.borealis) == {BOREALIS: True}


def test_what_leads_elsewhere_on_the_shared_account_is_only_taken_by_its_operator(
    shop: Box, cast: Any
) -> None:
    held(shop, FREE, voice_url="https://pbx.example/")
    with pytest.raises(NumberNotOwned):
        take(cast.acme, FREE)
    assert target(shop, FREE) == "https://pbx.example/"
    take(cast.acme, FREE, by_operator=True)
    assert target(shop, FREE) == addresses.number_called(cast.acme.pk)


@pytest.mark.parametrize("number", ["", "x", "+1", "+12125550179", "+1212555017"])
def test_what_the_account_does_not_hold_is_not_taken(shop: Box, cast: Any, number: str) -> None:
    held(shop, FREE)
    with pytest.raises(NumberNotOwned):
        take(cast.acme, number)


def test_only_the_database_knows_whose_numbers_are(shop: Box, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        asked = [ACME, BOREALIS, FREE]
        assert unowned(ACCOUNT, asked) == {FREE}
        assert unowned(OTHER_ACCOUNT, asked) == set(asked)
        assert unowned(ACCOUNT, []) == set()
    assert numbers_of(cast.acme) == {ACME: True} and numbers_of(cast.borealis) == {BOREALIS: True}


def test_all_of_its_own_account_may_be_taken(shop: Box, cast: Any) -> None:
    own_account(shop, cast.acme)
    held(shop, FREE, account=OTHER_ACCOUNT, voice_url="https://pbx.example/")
    assert [each.number for each in survey(cast.acme).free] == [FREE]
    row = take(cast.acme, FREE)
    assert (row.account_sid, survey(cast.acme).free) == (OTHER_ACCOUNT, [])
    assert target(shop, FREE, OTHER_ACCOUNT) == addresses.number_called(cast.acme.pk)


# --- whom callers reach --------------------------------------------------------------------------


def test_a_number_is_taken_and_pointed_once(shop: Box, cast: Any) -> None:
    held(shop, FREE, voice_application_sid="")
    take(cast.acme, FREE)
    assert numbers_of(cast.acme) == {FREE: False, ACME: True}
    assert trail(cast.acme) == [("number_assigned", FREE), ("number_pointed", FREE)]
    before = writes(shop)
    take(cast.acme, FREE)
    assert writes(shop) == before and len(trail(cast.acme)) == 2


def test_what_was_taken_and_not_pointed_can_be_pointed(shop: Box, cast: Any) -> None:
    held(shop, FREE)
    shop.fault("rest-error", match="POST", status=503)
    with pytest.raises(OutcomeUnknown):
        take(cast.acme, FREE)
    (ours,) = [each for each in survey(cast.acme).ours if each.row.number == FREE]
    assert ours.leads is Leads.NOWHERE
    holding.point(cast.acme, number_id=ours.row.pk)
    assert target(shop, FREE) == addresses.number_called(cast.acme.pk)
    assert trail(cast.acme)[-1] == ("number_pointed", FREE)


def test_an_application_no_longer_has_the_calls_of_a_number_that_is_pointed(
    shop: Box, cast: Any
) -> None:
    (number,) = [
        n for n in shop.config.accounts[ACCOUNT].numbers.values() if n.phone_number == ACME
    ]
    number.voice_application_sid = APP
    holding.point(cast.acme, number_id=row_of(cast.acme, ACME).pk)
    assert number.voice_application_sid == ""
    assert survey(cast.acme).ours[0].leads is Leads.HERE


def test_what_the_account_lost_is_said(shop: Box, cast: Any) -> None:
    shop.config.accounts[ACCOUNT].numbers = {}
    assert survey(cast.acme).ours[0][1:] == (None, None)
    with pytest.raises(NumberNotOwned):
        holding.point(cast.acme, number_id=row_of(cast.acme, ACME).pk)


# --- giving back ---------------------------------------------------------------------------------


def release(tenant: Any, number: str) -> holding.Follows:
    return holding.release(tenant, number_id=row_of(tenant, number).pk)


def is_held(box: Box, number: str) -> bool:
    return number in {n.phone_number for n in box.config.accounts[ACCOUNT].numbers.values()}


def test_a_released_number_is_gone_there_and_here_but_not_from_the_history(
    shop: Box, cast: Any
) -> None:
    held(shop, FREE)
    take(cast.acme, FREE)
    with tenant_transaction(cast.acme.pk):
        call = an_outbound_call(cast.acme, user=cast.bob.user, from_number=ACME)
    follows = release(cast.acme, ACME)
    assert not follows.is_last and str(follows.next_default) == FREE
    assert not is_held(shop, ACME) and numbers_of(cast.acme) == {FREE: True}
    assert ("number_released", ACME) in trail(cast.acme)
    with tenant_transaction(cast.acme.pk):
        assert CallLog.objects.get(pk=call.pk).from_number == ACME


def test_the_last_number_may_go_and_that_is_said(shop: Box, cast: Any) -> None:
    assert release(cast.acme, ACME) == (True, None)
    assert numbers_of(cast.acme) == {} and numbers_of(cast.borealis) == {BOREALIS: True}


def test_a_lost_answer_of_a_release_is_looked_for(shop: Box, cast: Any) -> None:
    shop.fault("rest-accept-then-drop", match="DELETE")
    release(cast.acme, ACME)
    assert not is_held(shop, ACME) and numbers_of(cast.acme) == {}


def test_a_release_that_was_not_done_or_may_not_be_changes_nothing_here(
    shop: Box, cast: Any, settings: Any
) -> None:
    shop.fault("rest-error", match="DELETE", status=503)
    with pytest.raises(OutcomeUnknown):
        release(cast.acme, ACME)
    shop.fault("rest-error", match="DELETE", status=400, code=22350)
    with pytest.raises(TwilioRefused):
        release(cast.acme, ACME)
    there = settings.TWILIO_SANDBOX_URL
    settings.TWILIO_SANDBOX_URL = "http://127.0.0.1:9"
    with pytest.raises(TwilioUnreachable):
        release(cast.acme, ACME)
    settings.TWILIO_SANDBOX_URL = there
    assert is_held(shop, ACME) and numbers_of(cast.acme) == {ACME: True}
    release(cast.acme, ACME)
    assert not is_held(shop, ACME) and numbers_of(cast.acme) == {}


def test_what_twilio_has_no_more_only_goes_here(shop: Box, cast: Any) -> None:
    shop.config.accounts[ACCOUNT].numbers = {}
    before = writes(shop)
    release(cast.acme, ACME)
    assert numbers_of(cast.acme) == {} and writes(shop) == before
