"""The page of numbers: searched, bought, taken, pointed and given back by an admin."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from calls.facts.numbers import REFUSALS
from calls.gateway import addresses
from calls.models import Line, NumberOrder, PhoneNumber
from calls.pages import asking
from calls.services.inbound.plans import ensure_line
from calls.tests.shop import held, numbers_of, own_account, trail, writes
from sandbox.config import Number
from sandbox.tests.harness import ACCOUNT, OTHER_ACCOUNT, Box
from tenants.bricks.gates import Gate
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry

LIST, SEARCH, BUY = "/settings/numbers", "/settings/numbers/search", "/settings/numbers/buy"
ACME, BOREALIS, WANTED, FREE = "+14155550199", "+442079460199", "+12125550123", "+12125550170"
CHOSEN = {"number": WANTED, "country": "US", "kind": "local"}


def text(answer: Any) -> str:
    """What a person reads of <main>."""
    main = re.search(r"<main.*</main>", answer.content.decode(), re.DOTALL)
    assert main is not None
    plain = re.sub(r"<(select|script).*?</\1>|<[^>]+>", " ", main.group(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", plain).replace("&amp;", "&")


def of_acme(cast: Any) -> PhoneNumber:
    with tenant_transaction(cast.acme.pk):
        return PhoneNumber.objects.get(number=ACME)


def at_twilio(box: Box, number: str, account: str = ACCOUNT) -> Number | None:
    numbers = box.config.accounts[account].numbers.values()
    return next((each for each in numbers if each.phone_number == number), None)


@pytest.fixture
def admin(shop: Box, cast: Any, signed_in: Any) -> Any:
    return signed_in(cast.alice)


# --- the list ------------------------------------------------------------------------------------


def test_the_list_says_whom_callers_reach_and_nothing_of_another_workspace(
    admin: Any, shop: Box, cast: Any
) -> None:
    held(shop, FREE)
    assert "Line of" not in admin.get(LIST).content.decode()
    with tenant_transaction(cast.acme.pk):
        line = ensure_line(PhoneNumber.objects.get(number=ACME))
    page = admin.get(LIST)
    said = text(page)
    assert f'href="/settings/lines/{line.pk}" aria-label="Line of (415) 555-0199"' in (
        page.content.decode()
    )
    assert "(415) 555-0199" in said and "Default caller ID" in said
    assert "Callers reach this workspace." in said
    assert "Free numbers" in said and "(212) 555-0170" in said
    assert "7946" not in said and "Point here" not in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"voice_url": "", "voice_fallback_url": ""}, "Callers reach no one."),
        ({"voice_fallback_url": ""}, "but not while this site is away"),
        ({"voice_url": "https://pbx.example/"}, "Callers reach https://pbx.example/."),
    ],
)
def test_a_number_that_leads_elsewhere_is_pointed_here(
    admin: Any, shop: Box, cast: Any, change: dict[str, str], says: str
) -> None:
    number = at_twilio(shop, ACME)
    assert number is not None
    vars(number).update(change)
    page = admin.get(LIST)
    assert says in text(page) and "Point here" in text(page)
    done = admin.post(LIST, {"do": "point", "number": of_acme(cast).pk}, follow=True)
    assert "Callers of (415) 555-0199 reach this workspace." in done.content.decode()
    assert number.voice_url == addresses.number_called(cast.acme.pk)
    assert "Point here" not in text(done)


def test_a_free_number_is_taken(admin: Any, shop: Box, cast: Any) -> None:
    held(shop, FREE)
    done = admin.post(LIST, {"do": "take", "number": FREE}, follow=True)
    assert "Callers of (212) 555-0170 reach this workspace." in done.content.decode()
    assert FREE in numbers_of(cast.acme) and "Free numbers" not in text(done)


@pytest.mark.parametrize("number", [BOREALIS, "+12125550179", "x", "", "+1\0"])
def test_what_is_not_free_is_not_taken(admin: Any, shop: Box, cast: Any, number: str) -> None:
    before = writes(shop)
    answer = admin.post(LIST, {"do": "take", "number": number})
    assert answer.status_code == 422 and "no longer free" in text(answer)
    assert writes(shop) == before and numbers_of(cast.acme) == {ACME: True}


@pytest.mark.parametrize("do", ["point", "nothing", ""])
def test_a_number_of_another_workspace_is_not_there(
    admin: Any, shop: Box, cast: Any, do: str
) -> None:
    with tenant_transaction(cast.borealis.pk):
        theirs = PhoneNumber.objects.get()
    before = writes(shop)
    assert admin.post(LIST, {"do": do, "number": theirs.pk}).status_code == 404
    for send in (admin.get, admin.post):
        assert send(f"{LIST}/{theirs.pk}/release", {"typed": "0199"}).status_code == 404
    assert writes(shop) == before and numbers_of(cast.borealis) == {BOREALIS: True}


def test_a_workspace_without_a_number_is_led_to_one(admin: Any, shop: Box, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.all().delete()
    assert "No phone number yet." in text(admin.get(LIST))
    assert SEARCH in admin.get("/settings/caller-ids").content.decode()


def test_with_an_own_account_the_numbers_are_its_own(admin: Any, shop: Box, cast: Any) -> None:
    own_account(shop, cast.acme)
    held(shop, FREE, account=OTHER_ACCOUNT, voice_url="https://pbx.example/")
    said = text(admin.get(LIST))
    assert "Also in your Twilio account" in said and "Callers reach https://pbx.example/." in said
    assert "415" not in said


def test_more_numbers_cost_no_more_queries_and_one_question(
    admin: Any, shop: Box, cast: Any
) -> None:
    def cost() -> tuple[int, int]:
        since = len(shop.inspect("wire")["entries"])
        with CaptureQueriesContext(connection) as queries:
            admin.get(LIST)
        return len(queries), len(shop.inspect("wire")["entries"]) - since

    held(shop, FREE)
    few = cost()
    with tenant_transaction(cast.acme.pk):
        for n in range(20):
            PhoneNumber.objects.create(number=f"+1312555{n:04}", account_sid=ACCOUNT)
            held(shop, f"+1312555{n:04}", cast.acme)
            held(shop, f"+1312556{n:04}")
    assert cost() == few and few[1] == 1


@pytest.mark.parametrize("trouble", ["away", "refused", "broken", "crowded", "no account"])
def test_without_twilio_the_list_is_shown_and_says_so(
    admin: Any, shop: Box, settings: Any, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    if trouble == "away":
        settings.TWILIO_SANDBOX_URL = "http://127.0.0.1:9"
    elif trouble == "refused":
        shop.fault("rest-error", times=9, status=401, code=20003)
    elif trouble == "broken":
        shop.fault("rest-error", times=9, status=503)
    elif trouble == "crowded":
        monkeypatch.setattr(asking, "_places", Gate(0, patience=0))
    else:
        settings.TWILIO_AUTH_TOKEN = ""
    answer = admin.get(LIST)
    said = text(answer)
    assert answer.status_code == 200 and "can’t show whom your callers reach" in said
    assert "(415) 555-0199" in said and "no longer has" not in said
    assert ("telephone account" in said) is (trouble == "no account")


@pytest.mark.parametrize("path", [LIST, SEARCH, BUY, f"{LIST}/{'0' * 32}/release"])
def test_agents_may_not(shop: Box, cast: Any, signed_in: Any, path: str) -> None:
    before, client = writes(shop), signed_in(cast.bob)
    assert client.get(path, CHOSEN).status_code in (403, 404)
    assert client.post(path, CHOSEN).status_code in (403, 404, 405)
    assert writes(shop) == before


# --- search --------------------------------------------------------------------------------------


def test_nothing_is_asked_before_the_search(admin: Any, shop: Box) -> None:
    since = len(shop.inspect("wire")["entries"])
    answer = admin.get(SEARCH)
    assert answer.status_code == 200 and '<option value="US" selected>' in answer.content.decode()
    assert len(shop.inspect("wire")["entries"]) == since


def test_what_is_found_has_place_kind_and_price_and_can_be_chosen(admin: Any, shop: Box) -> None:
    sent = {"country": "US", "kind": "local", "area_code": "212", "digits": "(555) 012"}
    page = admin.get(SEARCH, sent)
    said = text(page)
    assert "Local numbers, United States" in said and "1.15 USD a month each" in said
    assert "(212) 555-0120 Local, New York, NY" in said
    (first, *_) = page.context["offers"]
    links = re.findall(r'href="(/settings/numbers/buy\?[^"]+)"', page.content.decode())
    query = parse_qs(urlsplit(links[0].replace("&amp;", "&")).query)
    assert query == {"number": [first["offer"].number], "country": ["US"], "kind": ["local"]}
    assert f"Buy {first['display']}?" in text(admin.get(links[0].replace("&amp;", "&")))


def test_a_price_that_twilio_does_not_tell_is_not_made_up(admin: Any, shop: Box) -> None:
    shop.fault("rest-error", match="PhoneNumbers/Countries/US", status=503)
    said = text(admin.get(SEARCH, {"country": "US", "kind": "local"}))
    assert "doesn’t tell us the price" in said and "USD" not in said
    shop.fault("rest-error", match="PhoneNumbers/Countries/US", status=503)
    said = text(admin.get(BUY, CHOSEN))
    assert "doesn’t tell us its price" in said and "USD" not in said


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"kind": "mobile"}, "Twilio has no mobile numbers there (United States)."),
        ({"country": "JP"}, "Twilio has no local numbers there (Japan)."),
        ({"digits": "98765432"}, "No local numbers match."),
        ({"country": "GB"}, "needs an address"),
    ],
)
def test_what_there_is_not_or_what_it_needs_is_said(
    admin: Any, shop: Box, sent: dict[str, str], says: str
) -> None:
    answer = admin.get(SEARCH, {"country": "US", "kind": "local"} | sent)
    assert answer.status_code == 200 and says in text(answer)


@pytest.mark.parametrize(
    ("sent", "at"),
    [
        ({"country": "XX"}, "country"),
        ({"country": ""}, "country"),
        ({"kind": "pager"}, "kind"),
        ({"area_code": "41"}, "area_code"),
        ({"area_code": "٤١٥"}, "area_code"),
        ({"area_code": "415", "country": "GB"}, "area_code"),
        ({"digits": "1"}, "digits"),
        ({"digits": "5;5"}, "digits"),
        ({"digits": "5\0"}, "digits"),
    ],
)
def test_what_cannot_be_searched_is_said_at_its_field(
    admin: Any, shop: Box, sent: dict[str, str], at: str
) -> None:
    since = len(shop.inspect("wire")["entries"])
    answer = admin.get(SEARCH, {"country": "US", "kind": "local"} | sent)
    assert answer.status_code == 422 and answer.context["form"].errors[at]
    assert answer.context["form"].errors[at][0] in answer.content.decode()
    assert len(shop.inspect("wire")["entries"]) == since


def test_a_search_that_twilio_does_not_answer_or_refuses_is_said(admin: Any, shop: Box) -> None:
    for status, code, says in ((503, 0, "couldn’t reach Twilio"), (400, 21451, REFUSALS[21451])):
        shop.fault("rest-error", match="AvailablePhoneNumbers", status=status, code=code)
        answer = admin.get(SEARCH, {"country": "US", "kind": "local"})
        assert answer.status_code == 422 and says in text(answer)


# --- purchase ------------------------------------------------------------------------------------


def test_a_number_is_bought_after_a_second_question(admin: Any, shop: Box, cast: Any) -> None:
    before = writes(shop)
    said = text(admin.get(BUY, CHOSEN))
    assert "Buy (212) 555-0123?" in said and "1.15 USD a month" in said
    assert "shared Twilio account is billed" in said and writes(shop) == before
    done = admin.post(BUY, {**CHOSEN, "label": "Sales"}, follow=True)
    assert "(212) 555-0123 is yours. Callers reach this workspace." in done.content.decode()
    assert "Sales" in text(done) and numbers_of(cast.acme) == {WANTED: False, ACME: True}
    with tenant_transaction(cast.acme.pk):
        entry = AuditEntry.objects.get(action="number_bought")
    assert (entry.person, entry.object_label) == (cast.alice.user_id, WANTED)
    # A second press, or the same form in another tab.
    before = writes(shop)
    assert admin.post(BUY, {**CHOSEN, "label": "Other"}).status_code == 303
    assert writes(shop) == before


def test_what_is_being_bought_is_not_asked_for_again(admin: Any, shop: Box, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        NumberOrder.objects.create(number=WANTED, account_sid=ACCOUNT)
    before = writes(shop)
    done = admin.post(BUY, CHOSEN, follow=True)
    assert "is being bought already" in done.content.decode()
    assert "(212) 555-0123 Being bought." in text(done) and writes(shop) == before


def test_an_answer_that_is_lost_is_said_and_looked_for(admin: Any, shop: Box, cast: Any) -> None:
    shop.fault("rest-error", match="POST", status=503)
    done = admin.post(BUY, CHOSEN, follow=True)
    assert "Twilio’s answer about (212) 555-0123 was lost." in done.content.decode()
    assert "Being bought" in text(done)


def test_twilio_away_buys_nothing_and_keeps_what_was_typed(
    admin: Any, shop: Box, cast: Any, settings: Any
) -> None:
    settings.TWILIO_SANDBOX_URL = "http://127.0.0.1:9"
    answer = admin.post(BUY, {**CHOSEN, "label": "Sales"})
    assert answer.status_code == 422 and 'value="Sales"' in answer.content.decode()
    assert "Not bought. We couldn’t reach Twilio." in text(answer)
    assert numbers_of(cast.acme) == {ACME: True}


def test_what_its_country_asks_for_is_said_and_asked(admin: Any, shop: Box, cast: Any) -> None:
    own_account(shop, cast.acme)
    account = shop.config.accounts[OTHER_ACCOUNT]
    account.addresses["AD" + "1" * 32] = account.bundles["BU" + "1" * 32] = "DE"
    sent = {"number": "+493023125123", "country": "DE", "kind": "local", "label": "Berlin"}
    assert "Bundle SID" not in text(admin.get(BUY, sent))
    answer = admin.post(BUY, sent)
    assert answer.status_code == 422 and REFUSALS[21649] in text(answer)
    assert "Bundle SID" in text(answer)
    answer = admin.post(BUY, sent | {"bundle_sid": "BU" + "1" * 32})
    assert answer.status_code == 422 and REFUSALS[21631] in text(answer)
    answer = admin.post(BUY, sent | {"bundle_sid": "BU" + "1" * 32, "address_sid": "AD1"})
    assert answer.status_code == 422 and "It starts with AD" in text(answer)
    sent |= {"bundle_sid": "BU" + "1" * 32, "address_sid": "AD" + "1" * 32}
    assert admin.post(BUY, sent).status_code == 303
    assert at_twilio(shop, "+493023125123", OTHER_ACCOUNT)


def test_the_shared_accounts_documents_are_not_a_workspaces(
    admin: Any, shop: Box, cast: Any
) -> None:
    address = "AD" + "1" * 32
    shop.config.accounts[ACCOUNT].addresses[address] = "GB"
    sent = {"number": "+442079460123", "country": "GB", "kind": "local"}
    answer = admin.post(BUY, sent | {"address_sid": address})
    assert answer.status_code == 422 and "Address SID" not in text(answer)
    assert "Your system administrator can buy it" in text(answer)
    assert at_twilio(shop, "+442079460123") is None


@pytest.mark.parametrize(
    "change", [{"number": "12125550123"}, {"number": ""}, {"country": "XX"}, {"kind": "x"}]
)
def test_what_no_search_has_found_cannot_be_bought(
    admin: Any, shop: Box, change: dict[str, str]
) -> None:
    before = writes(shop)
    assert admin.get(BUY, CHOSEN | change).status_code == 404
    assert admin.post(BUY, CHOSEN | change).status_code == 404
    assert writes(shop) == before


def test_a_label_that_is_too_long_is_said_and_nothing_is_bought(admin: Any, shop: Box) -> None:
    before = writes(shop)
    answer = admin.post(BUY, {**CHOSEN, "label": "x" * 61})
    assert answer.status_code == 422 and "at most 60" in text(answer)
    assert writes(shop) == before


# --- giving back ---------------------------------------------------------------------------------


def release(client: Any, row: PhoneNumber, typed: str = "0199", **more: Any) -> HttpResponse:
    answer: HttpResponse = client.post(f"{LIST}/{row.pk}/release", {"typed": typed}, **more)
    return answer


def test_a_number_is_released_once_its_digits_are_typed(admin: Any, shop: Box, cast: Any) -> None:
    row = of_acme(cast)
    assert "is deleted" not in text(admin.get(f"{LIST}/{row.pk}/release"))
    with tenant_transaction(cast.acme.pk):
        Line.objects.create(number=row, hours={})
    said = text(admin.get(f"{LIST}/{row.pk}/release"))
    assert "Its line, the plan for its callers, is deleted." in said
    assert "Release (415) 555-0199?" in said and "It’s your only number" in said
    for typed in ("", "199", "0198", "yes"):
        answer = release(admin, row, typed)
        assert answer.status_code == 422 and "Type 0199 to release this number." in text(answer)
    assert at_twilio(shop, ACME)
    done = release(admin, row, follow=True)
    assert "(415) 555-0199 is released." in done.content.decode()
    assert at_twilio(shop, ACME) is None and numbers_of(cast.acme) == {}
    assert trail(cast.acme) == [("number_released", ACME)]
    assert release(admin, row).status_code == 404, "a colleague was quicker"


def test_the_next_caller_id_is_said_before(admin: Any, shop: Box, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.create(number=FREE, account_sid=ACCOUNT)
    row = of_acme(cast)
    said = text(admin.get(f"{LIST}/{row.pk}/release"))
    assert "People you call will then see (212) 555-0170." in said and "only number" not in said
    release(admin, row, "+1 (415) 555-0199")
    assert numbers_of(cast.acme) == {FREE: True}


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [(400, 22350, REFUSALS[22350]), (503, 0, "it may be released or not")],
)
def test_a_release_that_fails_says_so_and_changes_nothing(
    admin: Any, shop: Box, cast: Any, status: int, code: int, says: str
) -> None:
    shop.fault("rest-error", match="DELETE", status=status, code=code)
    answer = release(admin, of_acme(cast))
    assert answer.status_code == 422 and says in text(answer)
    assert numbers_of(cast.acme) == {ACME: True}
