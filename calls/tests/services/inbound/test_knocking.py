"""Agents whose pages are closed are told of callers by browsers that are theirs now."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as product
from django.db import connection
from django.test import Client
from django.utils import timezone

from calls import tasks
from calls.facts.inbound.queues import Availability
from calls.facts.refusals import Refusal
from calls.gateway import pushes
from calls.gateway.pushes import Told
from calls.models import Caller, Group, PhoneNumber, PushSubscription
from calls.services import forgetting
from calls.services.inbound import availability, knocking, offers
from calls.services.inbound.knocking import MOST
from calls.tests.builders import an_inbound_call
from calls.tests.push_service import WEB_PUSH, Browser, PushService, certificate
from calls.tests.services.inbound.floor import Floor, seconds
from contacts.models import Contact
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Session
from tenants.people.services import add_member, set_active
from tenants.signing_in import sessions


@pytest.fixture(scope="module")
def a_certificate(tmp_path_factory: Any) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def service(a_certificate: Path, settings: Any, monkeypatch: Any) -> Iterator[PushService]:
    """The only one that the product knows; Web Push is switched on."""
    made = PushService(a_certificate)
    known = {**vars(WEB_PUSH), "hosts": (made.host,)}
    settings.WEB_PUSH = SimpleNamespace(**known)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(a_certificate))
    pushes._hangs.cache_clear()
    yield made
    made.close()


@pytest.fixture
def floor(cast: Any) -> Floor:
    return Floor(cast.acme)


def sign_in(member: Membership, client: Client | None = None) -> Client:
    """In a browser, in which they work in this workspace."""
    client = client or Client()
    client.force_login(member.user)
    session = client.session
    session["tenant_id"] = str(member.tenant_id)
    session.save()
    return client


def subscribe(client: Client, service: PushService, browser: Browser | None = None) -> Browser:
    """As the browser's page does."""
    browser = browser or Browser()
    said = {"endpoint": service.endpoint(browser), **browser.keys}
    answer = client.post("/calls/push", said)
    assert answer.status_code == 204, answer.content
    return browser


def is_available(member: Membership, floor: Floor) -> None:
    """By choice, though no page of theirs answers."""
    availability.choose(member, Availability.AVAILABLE, now=floor.now)


def received(service: PushService, browser: Browser) -> list[Any]:
    return service.received(browser, public_key=pushes.public_key(), contact=WEB_PUSH.contact)


def knock(floor: Floor, member: Membership, caller: Caller) -> bool:
    return knocking.knock(floor.tenant.pk, member.user_id, caller.call_id, now=timezone.now())


def browsers_of(member: Membership) -> int:
    with tenant_transaction(member.tenant_id):
        count: int = PushSubscription.objects.filter(user=member.user_id).count()
        return count


@pytest.fixture
def bob(cast: Any, floor: Floor) -> Membership:
    is_available(cast.bob, floor)
    member: Membership = cast.bob
    return member


@pytest.fixture
def group(floor: Floor, bob: Membership) -> Group:
    return floor.group([bob], nobody="later")


# --- the way of a knock ---------------------------------------------------------------------------


def test_a_browser_is_told_who_calls_and_nothing_else(
    floor: Floor, bob: Membership, group: Group, service: PushService
) -> None:
    browser = subscribe(sign_in(bob), service)
    with tenant_transaction(floor.tenant.pk):
        PhoneNumber.objects.update(label="Sales line")
        contact = Contact.objects.create(name="Maria Müller", company="Müller GmbH")
    caller = floor.call(group, contact=contact)
    tended = floor.tend(group)
    assert tended.knocks == [(bob.user_id, caller.call_id)]
    assert not tended.led_on, "they are waited for"
    assert not knock(floor, bob, caller)
    assert received(service, browser) == [
        {
            "id": str(caller.call_id),
            "title": "Incoming call",
            "body": "Maria Müller\nSales line",
            "seconds": 20,
        }
    ]


@pytest.mark.parametrize(
    ("number", "shown"), [("+14155550100", "(415) 555-0100"), ("anonymous", "Hidden number")]
)
def test_who_is_unknown_is_told_by_their_number(
    floor: Floor, bob: Membership, group: Group, service: PushService, number: str, shown: str
) -> None:
    browser = subscribe(sign_in(bob), service)
    caller = floor.call(group, from_number=number)
    knock(floor, bob, caller)
    [told] = received(service, browser)
    assert told["body"].partition("\n")[0] == shown


def test_who_opens_a_page_is_rung_there(
    floor: Floor, bob: Membership, group: Group, service: PushService
) -> None:
    subscribe(sign_in(bob), service)
    caller = floor.call(group)
    floor.tend(group)
    assert floor.offers(caller) == []
    floor.later(8)
    availability.note_seen(bob, now=floor.now)
    floor.tend(group)
    assert floor.rings_at(caller) == {"Bob"}
    assert floor.answer(bob, caller)


def test_who_opens_none_is_waited_for_a_moment_only(
    floor: Floor, bob: Membership, group: Group, service: PushService
) -> None:
    subscribe(sign_in(bob), service)
    caller = floor.call(group)
    tended = floor.tend(group)
    assert tended.look_again == floor.now + seconds(20)
    floor.later(19)
    assert floor.tend(group).led_on == []
    floor.later(1)
    assert floor.tend(group).led_on == [caller.call_id]


def test_without_a_browser_nobody_is_waited_for(
    floor: Floor, bob: Membership, group: Group, service: PushService
) -> None:
    caller = floor.call(group)
    tended = floor.tend(group)
    assert (tended.led_on, tended.knocks) == ([caller.call_id], [])


def test_switched_off_all_is_as_if_there_were_no_such_thing(
    floor: Floor, bob: Membership, group: Group, service: PushService, settings: Any
) -> None:
    client = sign_in(bob)
    subscribe(client, service)
    settings.WEB_PUSH = None
    caller = floor.call(group)
    tended = floor.tend(group)
    assert (tended.led_on, tended.knocks) == ([caller.call_id], [])
    assert client.post("/calls/push", {}).status_code == 404
    assert pushes.public_key() == ""
    page = client.get("/calls").content.decode()
    assert "push" not in page.partition('<div id="incoming"')[2].partition(">")[0]


@pytest.mark.django_db(transaction=True)
def test_it_goes_out_by_itself_in_no_transaction(
    committed_cast: Any, service: PushService, monkeypatch: Any
) -> None:
    bob, floor = committed_cast.bob, Floor(committed_cast.acme)
    is_available(bob, floor)
    group = floor.group([bob], nobody="later")
    browser = subscribe(sign_in(bob), service)
    inside: list[bool] = []
    tell = pushes.tell

    def watched(*args: Any, **options: Any) -> Any:
        inside.append(connection.in_atomic_block)
        return tell(*args, **options)

    monkeypatch.setattr(pushes, "tell", watched)
    caller = floor.call(group)
    tasks.tend_groups(floor.tenant.pk, [group.pk])
    until = time.monotonic() + 20
    while not service.asked and time.monotonic() < until:
        time.sleep(0.02)
    [told] = received(service, browser)
    assert told["id"] == str(caller.call_id)
    assert inside == [False]
    floor.hang_up(caller)


# --- what is too late -----------------------------------------------------------------------------


def test_what_has_changed_meanwhile_is_told_nobody(
    floor: Floor, cast: Any, bob: Membership, group: Group, service: PushService
) -> None:
    subscribe(sign_in(bob), service)
    with tenant_transaction(floor.tenant.pk):
        alone = an_inbound_call(floor.tenant)
    gone = floor.call(group)
    floor.hang_up(gone)
    answered = floor.call(group)
    availability.note_seen(bob, now=floor.now)
    floor.tend(group)
    offers.claim(bob, answered.call_id, now=floor.now)
    waits = floor.call(group)
    for caller in (alone, gone, answered, waits):  # Bob has a page, and is in a call
        knock(floor, bob, caller)
    assert service.asked == []


@pytest.mark.parametrize("chosen", [Availability.AWAY, Availability.DO_NOT_DISTURB])
def test_who_wants_no_calls_is_told_nothing(
    floor: Floor, bob: Membership, group: Group, service: PushService, chosen: Availability
) -> None:
    subscribe(sign_in(bob), service)
    caller = floor.call(group)
    availability.choose(bob, chosen, now=floor.now)
    knock(floor, bob, caller)
    assert service.asked == []
    assert floor.tend(group).led_on == [caller.call_id]


def test_where_a_notification_leads_says_what_became_of_the_call(
    floor: Floor, cast: Any, bob: Membership, group: Group, service: PushService
) -> None:
    client = sign_in(bob)
    caller, gone = floor.call(group), floor.call(group)
    path = f"/calls/{caller.call_id}/knocked"
    assert "Answered" not in client.get(path, follow=True).content.decode(), "it rings"
    floor.is_there(bob)
    floor.tend(group)
    floor.answer(bob, caller)
    floor.hang_up(gone)
    answer = client.get(path, follow=True)
    assert answer.redirect_chain == [("/calls", 302)]
    assert "Answered by Bob." in answer.content.decode()
    over = client.get(f"/calls/{gone.call_id}/knocked", follow=True).content.decode()
    assert "The caller is no longer waiting." in over
    elsewhere = sign_in(cast.charlie)
    assert elsewhere.get(path).status_code == 404


# --- whose browser it is --------------------------------------------------------------------------


def test_who_has_signed_out_is_told_nothing_in_that_browser(
    floor: Floor, bob: Membership, group: Group, service: PushService
) -> None:
    here, there = sign_in(bob), sign_in(bob)
    left, kept = subscribe(here, service), subscribe(there, service)
    here.post("/sign-out")
    assert browsers_of(bob) == 1
    knock(floor, bob, floor.call(group))
    assert received(service, left) == [] and len(received(service, kept)) == 1


def test_whose_session_has_ended_otherwise_is_told_nothing_and_not_waited_for(
    floor: Floor, bob: Membership, group: Group, service: PushService
) -> None:
    client = sign_in(bob)
    subscribe(client, service)
    caller = floor.call(group)
    Session.objects.filter(session_key=client.session.session_key).update(
        expire_date=timezone.now() - timedelta(seconds=1)
    )
    assert knock(floor, bob, caller), "their groups are to be tended"
    assert service.asked == [] and browsers_of(bob) == 0
    assert floor.tend(group).led_on == [caller.call_id]


def test_a_new_password_ends_it(
    floor: Floor, bob: Membership, group: Group, service: PushService
) -> None:
    subscribe(sign_in(bob), service)
    bob.user.set_password("another one, and longer")
    bob.user.save()
    knock(floor, bob, floor.call(group))
    assert service.asked == [] and browsers_of(bob) == 0


def test_who_signed_in_a_week_ago_is_told_nothing(
    floor: Floor, bob: Membership, group: Group, service: PushService
) -> None:
    client = sign_in(bob)
    subscribe(client, service)
    session = client.session
    session["signed_in_at"] = int(time.time()) - product.SESSION_LONGEST_SECONDS
    session.save()
    knock(floor, bob, floor.call(group))
    assert service.asked == [] and browsers_of(bob) == 0


def test_another_account_in_the_same_browser_is_told_nothing_of_the_first_one(
    floor: Floor, cast: Any, bob: Membership, group: Group, service: PushService
) -> None:
    """The browser has one address and one session, which is Charlie's now."""
    client = sign_in(bob)
    browser = subscribe(client, service)
    subscribe(sign_in(cast.charlie, client), service, browser)
    assert browsers_of(cast.charlie) == 1
    knock(floor, bob, floor.call(group))
    assert service.asked == [] and browsers_of(bob) == 0
    assert browsers_of(cast.charlie) == 1


def test_who_works_in_another_workspace_by_now_is_told_nothing_of_this_one(
    floor: Floor, cast: Any, bob: Membership, group: Group, service: PushService
) -> None:
    client = sign_in(bob)
    browser = subscribe(client, service)
    there, _ = add_member(cast.borealis, email=bob.user.email, account_is_theirs=True)
    sign_in(there, client)
    subscribe(client, service, browser)
    knock(floor, bob, floor.call(group))
    assert service.asked == []
    elsewhere = Floor(cast.borealis)
    is_available(there, elsewhere)
    of_borealis = elsewhere.call(elsewhere.group([there]))
    knock(elsewhere, there, of_borealis)
    assert [told["id"] for told in received(service, browser)] == [str(of_borealis.call_id)]


def test_a_call_of_another_workspace_is_told_nobody(
    floor: Floor, cast: Any, bob: Membership, service: PushService
) -> None:
    subscribe(sign_in(bob), service)
    elsewhere = Floor(cast.borealis)
    caller = elsewhere.call(elsewhere.group([cast.charlie]))
    knock(floor, bob, caller)
    knock(elsewhere, bob, caller)
    assert service.asked == []


def test_who_is_deactivated_is_told_nothing_any_more(
    floor: Floor, bob: Membership, group: Group, service: PushService
) -> None:
    subscribe(sign_in(bob), service)
    caller = floor.call(group)
    with tenant_transaction(floor.tenant.pk):
        set_active(bob, False)
    assert browsers_of(bob) == 0
    knock(floor, bob, caller)
    assert service.asked == []


# --- what push services say -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_forgotten_and_nobody_waits_for_it(
    floor: Floor, bob: Membership, group: Group, service: PushService, status: int
) -> None:
    browser = subscribe(sign_in(bob), service)
    service.answers[browser.name] = status, {}
    caller = floor.call(group)
    assert knock(floor, bob, caller)
    assert browsers_of(bob) == 0
    assert floor.tend(group).led_on == [caller.call_id]


@pytest.mark.parametrize("status", [301, 307, 400, 403, 429, 500, 503])
def test_whatever_else_it_says_the_browser_is_told_the_next_time(
    floor: Floor, bob: Membership, group: Group, service: PushService, status: int
) -> None:
    browser, other = subscribe(sign_in(bob), service), subscribe(sign_in(bob), service)
    elsewhere = {"Location": f"https://{service.host}/elsewhere"}
    service.answers[browser.name] = status, elsewhere
    caller = floor.call(group)
    assert not knock(floor, bob, caller)
    assert len(received(service, other)) == 1, "one's trouble is not the other's"
    assert {each.path for each in service.asked} == {
        f"/push/{browser.name}",
        f"/push/{other.name}",
    }, "nobody is led elsewhere"
    service.answers.clear()
    assert not knock(floor, bob, caller)
    assert len(received(service, browser)) == 2


def test_one_that_hangs_is_not_waited_for_and_left_alone_after_a_while(
    floor: Floor, bob: Membership, group: Group, service: PushService, monkeypatch: Any
) -> None:
    monkeypatch.setattr(pushes, "ASKED", (0.2, 0.2))
    subscribe(sign_in(bob), service)
    service.slow = 2
    caller = floor.call(group)
    began = time.monotonic()
    for _ in range(5):
        assert not knock(floor, bob, caller)
    assert time.monotonic() - began < 2
    assert len(service.asked) == 3
    assert browsers_of(bob) == 1


def test_one_that_nobody_serves_any_more_is_no_trouble(
    floor: Floor, bob: Membership, group: Group, service: PushService
) -> None:
    subscribe(sign_in(bob), service)
    caller = floor.call(group)
    service.close()
    assert not knock(floor, bob, caller)
    assert browsers_of(bob) == 1


def test_a_host_that_is_not_believed_any_more_is_not_asked(
    floor: Floor, bob: Membership, group: Group, service: PushService, settings: Any
) -> None:
    browser = subscribe(sign_in(bob), service)
    settings.WEB_PUSH = WEB_PUSH
    said = pushes.tell(service.endpoint(browser), browser.keys, {"a": 1}, lasts=seconds(1))
    assert said[0] is Told.GONE and service.asked == []


def test_one_with_another_certificate_is_told_nothing(
    floor: Floor, bob: Membership, group: Group, service: PushService, monkeypatch: Any
) -> None:
    subscribe(sign_in(bob), service)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    knock(floor, bob, floor.call(group))
    assert service.asked == []


# --- the door -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"endpoint": "https://localhost/x"}, "endpoint"),
        ({"endpoint": "http://169.254.169.254/latest"}, "endpoint"),
        ({"endpoint": ""}, "endpoint"),
        ({"p256dh": "BA"}, "p256dh"),
        ({"p256dh": ""}, "p256dh"),
        ({"auth": "x" * 23}, "auth"),
        ({"auth": ""}, "auth"),
    ],
)
def test_what_no_browser_says_is_refused_by_its_field(
    bob: Membership, service: PushService, wrong: dict[str, str], field: str
) -> None:
    browser, client = Browser(), sign_in(bob)
    said = {"endpoint": service.endpoint(browser), **browser.keys}
    answer = client.post("/calls/push", said | wrong)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"] == {"field": field}
    assert browsers_of(bob) == 0


def test_a_browser_has_one_row_and_a_person_not_too_many(
    cast: Any, bob: Membership, service: PushService
) -> None:
    client, browser = sign_in(bob), Browser()
    for _ in range(3):
        subscribe(client, service, browser)
    assert browsers_of(bob) == 1
    subscribe(sign_in(bob), service, browser)  # it has signed in anew
    assert browsers_of(bob) == 1
    subscribe(sign_in(cast.alice), service)
    newest = [subscribe(sign_in(bob), service) for _ in range(MOST + 2)][-MOST:]
    with tenant_transaction(bob.tenant_id):
        kept = PushSubscription.objects.filter(user=bob.user_id).order_by("pk")
        assert [row.endpoint for row in kept] == [service.endpoint(each) for each in newest]
    assert browsers_of(cast.alice) == 1


def test_switched_off_no_browser_is_kept(bob: Membership, settings: Any) -> None:
    settings.WEB_PUSH = None
    with pytest.raises(Refusal):
        knocking.subscribe(bob, session="x", endpoint="x", p256dh="x", auth="x", now=timezone.now())


def test_one_that_no_session_can_be_of_any_more_is_dropped(
    bob: Membership, service: PushService
) -> None:
    subscribe(sign_in(bob), service)
    for days, left in ((6, 1), (8, 0)):
        with tenant_transaction(bob.tenant_id):
            forgetting.forget_browsers(timezone.now() + timedelta(days=days))
        assert browsers_of(bob) == left


def test_a_key_is_made_by_a_command_and_serves(settings: Any, capsys: Any) -> None:
    from django.core.management import call_command

    call_command("make_push_key")
    name, _, key = capsys.readouterr().out.strip().partition("=")
    assert name == "WEB_PUSH_PRIVATE_KEY"
    settings.WEB_PUSH = SimpleNamespace(**{**vars(WEB_PUSH), "private_key": key})
    assert len(pushes.public_key()) == 87 and pushes.public_key() != key
    settings.WEB_PUSH = WEB_PUSH
    # RFC 8291, section 5: the sender's public key.
    assert pushes.public_key().startswith("BP4z9KsN6nGR")


def test_a_person_s_session_is_read_as_a_request_would(bob: Membership) -> None:
    client = sign_in(bob)
    found = sessions.member_of(client.session.session_key or "")
    assert found is not None
    assert (found.pk, found.tenant_id) == (bob.pk, bob.tenant_id)
    assert sessions.member_of("") is None and sessions.member_of("never" * 6) is None
