"""An agent's own phone is called with a code by the sandbox, and is theirs once it is typed in."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from calls.facts.refusals import Refusal
from calls.models import CallingPolicy, CodeCall, OwnPhone, PhoneNumber, StoppedCall
from calls.selectors import limits, queues
from calls.services import own_phones
from sandbox.tests.harness import until
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry

NUMBER, OTHER = "+14155550120", "+14155550121"


@pytest.fixture(autouse=True)
def _nobody_was_called(shop: Any) -> None:
    cache.clear()
    shop.server.exchange.calls.clear()


def phone_of(member: Any) -> OwnPhone | None:
    with tenant_transaction(member.tenant_id):
        return own_phones.of_member(member)


def called(shop: Any, number: str = NUMBER) -> list[Any]:
    return [call for call in shop.inspect("state")["calls"] if call["to"] == number]


def code_heard(shop: Any, number: str = NUMBER) -> str:
    """As whoever answers the newest call hears it, twice."""
    sid = called(shop, number)[-1]["sid"]
    prompts = until(lambda: shop.inspect(f"calls/{sid}")["prompts"])
    text = prompts[0]["text"]
    codes = re.findall(r"(?:\d, ){5}\d", text)
    assert len(codes) == 2 and codes[0] == codes[1] and "Acme" in text
    return str(codes[0])


def call(member: Any, number: str = NUMBER, *, now: datetime | None = None) -> None:
    cache.clear()
    own_phones.call_with_code(member, number, now=now or timezone.now())


def refusal(member: Any, number: str, now: datetime | None = None) -> Refusal:
    with pytest.raises(Refusal) as refused:
        call(member, number, now=now)
    return refused.value


def test_a_phone_is_its_agents_once_the_code_is_typed_in(shop: Any, cast: Any) -> None:
    own_phones.call_with_code(cast.bob, "(415) 555-0120", now=timezone.now())
    (made,) = called(shop)
    with tenant_transaction(cast.acme.pk):
        assert made["from"] == PhoneNumber.objects.get().number
        assert [agent.phone for agent in queues.everybody()] == [False, False]
    row = phone_of(cast.bob)
    assert row and (row.number, row.wanted, row.confirmed_at) == ("", NUMBER, None)
    code = code_heard(shop)
    digits = code.replace(", ", "")
    assert digits not in row.code
    own_phones.confirm(cast.bob, f" {digits[:3]} {digits[3:]}", now=timezone.now())
    row = phone_of(cast.bob)
    assert row and (row.number, row.wanted, row.code) == (NUMBER, "", "") and row.confirmed_at
    with tenant_transaction(cast.acme.pk):
        theirs = {agent.id: agent.phone for agent in queues.everybody()}
        assert theirs == {cast.bob.user_id.hex: True, cast.alice.user_id.hex: False}
        assert AuditEntry.objects.filter(action="own_phone_set").count() == 1
    with pytest.raises(Refusal, match="hasn’t been called"):  # it worked once
        own_phones.confirm(cast.bob, digits, now=timezone.now())


def test_the_old_number_rings_until_the_new_one_is_confirmed(shop: Any, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        OwnPhone.objects.create(user=cast.bob.user, number=OTHER, confirmed_at=timezone.now())
    assert "already" in refusal(cast.bob, OTHER).message
    call(cast.bob)
    row = phone_of(cast.bob)
    assert row and row.number == OTHER and row.confirmed_at
    own_phones.confirm(cast.bob, code_heard(shop).replace(", ", ""), now=timezone.now())
    row = phone_of(cast.bob)
    assert row and row.number == NUMBER


def test_five_tries_and_ten_minutes(shop: Any, cast: Any) -> None:
    now = timezone.now()
    call(cast.bob, now=now)
    code = code_heard(shop).replace(", ", "")
    wrong = f"{(int(code) + 1) % 10**6:06}"
    with pytest.raises(Refusal, match="expired"):
        own_phones.confirm(cast.bob, code, now=now + timedelta(minutes=10))
    for left in ("4 more tries", "3 more tries", "2 more tries", "1 more try", "called again"):
        with pytest.raises(Refusal, match=left):
            own_phones.confirm(cast.bob, wrong, now=now)
    with pytest.raises(Refusal, match="can’t be tried again"):
        own_phones.confirm(cast.bob, code, now=now)
    row = phone_of(cast.bob)
    assert row and row.number == "" and row.tries == 5
    call(cast.bob, now=now + timedelta(minutes=2))  # a new one is tried anew
    own_phones.confirm(cast.bob, code_heard(shop).replace(", ", ""), now=now)


def test_a_code_is_one_agents_and_of_one_number(shop: Any, cast: Any) -> None:
    call(cast.bob)
    code = code_heard(shop).replace(", ", "")
    for other in (cast.alice, cast.charlie):
        with pytest.raises(Refusal, match="hasn’t been called"):
            own_phones.confirm(other, code, now=timezone.now())
    with tenant_transaction(cast.acme.pk):
        OwnPhone.objects.update(wanted=OTHER)
    with pytest.raises(Refusal, match="not the code"):
        own_phones.confirm(cast.bob, code, now=timezone.now())


def test_nobody_is_called_over_and_over(shop: Any, cast: Any) -> None:
    now = timezone.now()
    call(cast.bob, now=now)
    assert "Wait a minute" in refusal(cast.bob, NUMBER, now + timedelta(seconds=30)).message
    assert refusal(cast.bob, OTHER, now + timedelta(seconds=30)).code == "too_many_codes"
    # A colleague cannot have the same number called either.
    assert refusal(cast.alice, NUMBER, now + timedelta(seconds=30)).code == "too_many_codes"
    call(cast.alice, now=now + timedelta(minutes=2))
    call(cast.alice, now=now + timedelta(minutes=4))
    said = refusal(cast.bob, NUMBER, now + timedelta(minutes=6)).message
    assert said == "We’ve called too often. Try again in 54 minutes."
    assert len(called(shop)) == 3
    with tenant_transaction(cast.acme.pk):
        assert CodeCall.objects.count() == 3
    # What is a day old is forgotten.
    call(cast.bob, OTHER, now=now + timedelta(days=2))
    with tenant_transaction(cast.acme.pk):
        assert CodeCall.objects.count() == 1


def test_how_long_to_wait_is_said_in_words(shop: Any, cast: Any) -> None:
    now = timezone.now()
    for ago in range(6):
        with tenant_transaction(cast.acme.pk):
            at = now - timedelta(hours=23 - ago)
            CodeCall.objects.create(user=cast.bob.user, number=OTHER, asked_at=at)
    for later, said in ((0, "an hour"), (-1, "2 hours"), (1, "59 minutes")):
        message = refusal(cast.bob, NUMBER, now + timedelta(minutes=later)).message
        assert message == f"We’ve called too often. Try again in {said}."


def test_another_workspace_waits_for_the_same_number_too(shop: Any, cast: Any) -> None:
    now = timezone.now()
    own_phones.call_with_code(cast.bob, NUMBER, now=now)
    with pytest.raises(Refusal, match="Wait a minute"):
        own_phones.call_with_code(cast.charlie, NUMBER, now=now)
    assert phone_of(cast.charlie) is None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter your phone number."),
        ("911", "Emergency numbers"),
        ("+1 900 555 0123", "Premium-rate"),
        ("415", "number"),
        ("+14155550120;ext=12", "without an extension"),
        ("+14155550199", "a number of your workspace"),
        ("+53 5 2641234", "are not allowed here"),
    ],
)
def test_what_is_wrong_with_a_number(shop: Any, cast: Any, typed: str, said: str) -> None:
    assert said in refusal(cast.bob, typed).message
    assert phone_of(cast.bob) is None and not shop.inspect("state")["calls"]


def test_who_was_stopped_by_a_limit_is_told_to_the_admins(shop: Any, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        limits.chosen(lock=True)
        CallingPolicy.objects.update(countries=["US"])
    refusal(cast.bob, "+49 30 901820103")
    with tenant_transaction(cast.acme.pk):
        assert StoppedCall.objects.get().rule == "country_not_allowed"


def test_a_call_that_twilio_refuses_counts_for_nothing(shop: Any, cast: Any) -> None:
    shop.fault("rest-error", match="/Calls.json", status=400, code=21211)
    assert refusal(cast.bob, NUMBER).code == "twilio_error"
    row = phone_of(cast.bob)
    assert row and row.called_at is None and row.code == ""
    with tenant_transaction(cast.acme.pk):
        assert not CodeCall.objects.exists()
    # Nobody waits for a call that was none, neither here nor in another workspace.
    own_phones.call_with_code(cast.charlie, NUMBER, now=timezone.now())
    cache.clear()
    call(cast.bob)


def test_a_lost_answer_may_have_been_a_call(shop: Any, cast: Any) -> None:
    shop.fault("rest-accept-then-drop", match="/Calls.json")
    assert refusal(cast.bob, NUMBER).code == "submission_unknown"
    own_phones.confirm(cast.bob, code_heard(shop).replace(", ", ""), now=timezone.now())
    row = phone_of(cast.bob)
    assert row and row.number == NUMBER


def test_a_workspace_without_a_number_calls_nobody(shop: Any, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.all().delete()
    assert refusal(cast.bob, NUMBER).code == "no_caller_id"
