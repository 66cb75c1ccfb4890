"""What came before its room is bound by the sweep, in the workspace that it speaks of and nowhere
else; what cannot be bound stands in nobody's way and is dropped after a week.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from calls import tasks
from calls.facts.patience import KEPT, KEPT_OF_BROWSER, PAUSE
from calls.gateway import addresses
from calls.gateway.accounts import TwilioAccount, account_of
from calls.models import CallEvent, CallLeg, CallLog, Conference, OwnAccount, UnroutedEvent
from calls.services import forgetting, reconcile
from calls.services.callbacks import aside, routing
from calls.services.callbacks.reading import Callback, Form, Hook
from calls.services.setup import doctor
from calls.services.setup.findings import Verdict
from calls.tests.conftest import admitted, sid
from calls.tests.services.test_toll_fraud import policy
from calls.tests.webhooks.test_forged_webhooks import digest, own_account
from tenants.fence.context import tenant_transaction
from tenants.models import Membership

STATUS, VOICE = "/api/twilio/call-status", "/api/twilio/voice-webhook"
CAME = "Sun, 22 Nov 2026 12:00:01 +0000"


@dataclass
class Later:
    """A room of a member, its contact's leg and its call: their ids are known before there is one.

    `told` sends what Twilio tells of them to our webhook; `make` makes them.
    """

    member: Any
    webhook: Callable[..., Any]
    room_id: uuid.UUID = field(default_factory=uuid.uuid4)
    leg_id: uuid.UUID = field(default_factory=uuid.uuid4)
    call_id: uuid.UUID = field(default_factory=uuid.uuid4)
    call_sid: str = field(default_factory=lambda: sid("CA"))
    recording_sid: str = field(default_factory=lambda: sid("RE"))

    @property
    def tenant_id(self) -> uuid.UUID:
        return self.member.tenant_id

    def told(self, hook: Hook, **more: str) -> Any:
        account = account_of(self.tenant_id)
        url, fields = {
            Hook.LEG: (
                addresses.leg_status(self.tenant_id, self.leg_id),
                {"CallStatus": "ringing", "Timestamp": CAME},
            ),
            Hook.ROOM: (
                addresses.conference_status(self.tenant_id, self.room_id),
                {"StatusCallbackEvent": "participant-join", "ConferenceSid": "CF" + "a" * 32},
            ),
            Hook.LEG_ENDED: (
                addresses.leg_ended(self.tenant_id, self.leg_id),
                {"CallStatus": "completed"},
            ),
            Hook.RECORDING: (
                addresses.recording_status(self.tenant_id, self.call_id),
                {"RecordingSid": self.recording_sid, "RecordingStatus": "completed"},
            ),
        }[hook]
        parts = urlsplit(url)
        fields |= {"AccountSid": account.sid, "CallSid": self.call_sid} | more
        token = account.auth_tokens[0]
        answer = self.webhook(f"{parts.path}?{parts.query}", token=token, **fields)
        assert answer.status_code in (200, 204)
        return answer

    def make(self, account: TwilioAccount | None = None) -> None:
        account = account or account_of(self.tenant_id)
        with tenant_transaction(self.tenant_id):
            room = Conference.objects.create(
                pk=self.room_id,
                agent=self.member.user,
                client_request_id=uuid.uuid4(),
                account_sid=account.sid,
            )
            CallLog.objects.create(
                pk=self.call_id,
                user=self.member.user,
                conference=room,
                direction="OUTBOUND",
                started_at=timezone.now(),
            )
            CallLeg.objects.create(pk=self.leg_id, conference=room, party="contact")

    def heard(self) -> list[tuple[str, str]]:
        with tenant_transaction(self.tenant_id):
            events = CallEvent.objects.filter(conference_id=self.room_id).order_by("id")
            return list(events.values_list("kind", "name"))


@pytest.fixture
def bobs(cast: Any, webhook: Any) -> Later:
    return Later(cast.bob, webhook)


@pytest.fixture
def charlies(cast: Any, webhook: Any) -> Later:
    """Of Borealis, which calls by an account of its own."""
    own_account(cast.borealis, 11)
    return Later(cast.charlie, webhook)


def sweep(tenant_id: uuid.UUID) -> list[uuid.UUID]:
    """At a time when every event is due, and no room so old that Twilio would be asked about it."""
    UnroutedEvent.objects.update(next_try_at=timezone.now())
    return reconcile.sweep_tenant(tenant_id, now=timezone.now())


def in_a_minute(times: int = 1) -> Any:
    return timezone.now() + times * timedelta(minutes=1)


@pytest.mark.parametrize("whose", ["bobs", "charlies"])
@pytest.mark.parametrize(
    ("hook", "reason", "stored"),
    [
        (Hook.LEG, "no such leg", ("call", "ringing")),
        (Hook.ROOM, "no such room", ("conference", "participant-join")),
        (Hook.LEG_ENDED, "no such leg", ("action", "leg-ended")),
    ],
)
def test_an_event_that_came_before_its_room_is_bound_by_the_sweep(
    request: Any, whose: str, hook: Hook, reason: str, stored: tuple[str, str]
) -> None:
    later: Later = request.getfixturevalue(whose)
    later.told(hook)
    event = UnroutedEvent.objects.get()
    assert (event.reason, event.named_tenant) == (reason, later.tenant_id)
    sweep(later.tenant_id)
    assert UnroutedEvent.objects.get().reason == reason
    later.make()
    sweep(later.tenant_id)
    assert not UnroutedEvent.objects.exists()
    assert later.heard() == [stored]
    with tenant_transaction(later.tenant_id):
        heard = CallEvent.objects.get(conference_id=later.room_id)
    # When it happened if it said so, or when it came: not when it was bound.
    said = heard.at.strftime("%a, %d %b %Y %H:%M:%S %z")
    assert said == CAME if hook is Hook.LEG else heard.at == event.received_at
    later.told(hook)
    assert later.heard() == [stored] and not UnroutedEvent.objects.exists()


def test_news_of_a_browser_that_came_before_its_room_is_bound_by_its_identity(
    cast: Any, webhook: Any
) -> None:
    """The application's callback has one address for everybody."""
    news = {"From": f"client:{cast.bob.identity}", "CallStatus": "ringing", "CallSid": sid("CA")}
    assert webhook(STATUS, **news).status_code == 204
    assert UnroutedEvent.objects.get().named_tenant == cast.acme.pk
    room, leg = admitted(cast.bob, account_of(cast.acme.pk), call_sid=news["CallSid"])
    aside.hear_again(cast.borealis.pk, now=in_a_minute())
    assert UnroutedEvent.objects.exists()
    aside.hear_again(cast.acme.pk, now=in_a_minute())
    assert not UnroutedEvent.objects.exists()
    with tenant_transaction(cast.acme.pk):
        assert leg.events.get().conference_id == room.pk


@pytest.mark.parametrize("whose", ["bobs", "charlies"])
def test_a_recording_that_came_before_its_call_is_fetched(request: Any, whose: str) -> None:
    later: Later = request.getfixturevalue(whose)
    later.told(Hook.RECORDING)
    assert UnroutedEvent.objects.get().reason == "no such call"
    later.make()
    [due] = sweep(later.tenant_id)
    assert not UnroutedEvent.objects.exists()
    with tenant_transaction(later.tenant_id):
        recording = CallLog.objects.get(pk=later.call_id).recordings.get()
    assert (recording.pk, recording.sid) == (due, later.recording_sid)


# --- isolation -----------------------------------------------------------------------------------


def kept(account: TwilioAccount, hook: Hook, form: Form, **ids: uuid.UUID) -> None:
    """As if it had been signed and kept aside: whatever may stand in the table."""
    form = {"AccountSid": account.sid, "CallSid": sid("CA"), "CallStatus": "completed", **form}
    aside.keep(Callback(hook, account, ids, form, timezone.now()), "no such room")


HOOKS = list(Hook)


@pytest.mark.parametrize("hook", HOOKS)
def test_an_event_is_never_bound_to_a_workspace_that_its_account_does_not_serve(
    bobs: Later, charlies: Later, hook: Hook
) -> None:
    """Charlie's account has signed a callback of Acme's, whose room then appears."""
    charlies_account = account_of(charlies.tenant_id)
    ids = {"room": bobs.room_id, "leg": bobs.leg_id, "call": bobs.call_id}
    form = {"RecordingSid": sid("RE"), "From": f"client:{bobs.member.identity}"}
    kept(charlies_account, hook, form, tenant=bobs.tenant_id, **ids)
    kept(charlies_account, hook, form, **ids)  # only the identity is of Acme
    kept(charlies_account, hook, form, tenant=charlies.tenant_id, **ids)
    bobs.make()
    charlies.make()
    before = digest(aside=False)
    for tenant_id in (bobs.tenant_id, charlies.tenant_id):
        aside.hear_again(tenant_id, now=in_a_minute())
    assert digest(aside=False) == before
    assert UnroutedEvent.objects.count() == 3
    reasons = set(UnroutedEvent.objects.values_list("reason", flat=True))
    assert "its account is gone" in reasons and len(reasons) == 2
    with pytest.raises(routing.Unroutable, match="no such tenant"):
        own = {"tenant": bobs.tenant_id, **ids}
        routing.hear(Callback(hook, charlies_account, own, form, timezone.now()))
    assert digest(aside=False) == before


@pytest.mark.parametrize("hook", HOOKS)
def test_an_event_of_the_shared_account_is_not_bound_to_a_room_of_an_own_one(
    bobs: Later, charlies: Later, hook: Hook
) -> None:
    shared = account_of(bobs.tenant_id)
    ids = {"room": charlies.room_id, "leg": charlies.leg_id, "call": charlies.call_id}
    if hook is Hook.ROOM:
        del ids["leg"]
    form = {"RecordingSid": sid("RE"), "RecordingStatus": "completed"}
    kept(shared, hook, form, tenant=charlies.tenant_id, **ids)
    charlies.make()
    before = digest(aside=False)
    aside.hear_again(charlies.tenant_id, now=in_a_minute())
    assert digest(aside=False) == before
    others = dict.fromkeys((Hook.RECORDING, Hook.OUTSIDE), "no such call")
    others[Hook.PHONE] = "no such ring"
    reason = others.get(hook, "another account's room")
    assert UnroutedEvent.objects.get().reason == reason
    # The same, once the room is that account's.
    with tenant_transaction(charlies.tenant_id):
        Conference.objects.update(account_sid=shared.sid)
    aside.hear_again(charlies.tenant_id, now=in_a_minute(5))
    # To outside numbers and agents' phones only those are led who have called us.
    assert UnroutedEvent.objects.exists() == (hook in (Hook.OUTSIDE, Hook.PHONE))


def test_an_account_that_is_gone_speaks_no_more(charlies: Later) -> None:
    charlies.told(Hook.LEG)
    charlies.make()
    with tenant_transaction(charlies.tenant_id):
        OwnAccount.objects.all().delete()
    aside.hear_again(charlies.tenant_id, now=in_a_minute())
    assert UnroutedEvent.objects.get().reason == "its account is gone"
    assert charlies.heard() == []


# --- what we refused ourselves -------------------------------------------------------------------


@pytest.mark.parametrize("why", ["a second tab", "an unreadable id", "a limit", "removed"])
def test_news_of_a_browser_that_was_refused_alarms_nobody_and_is_soon_dropped(
    cast: Any, webhook: Any, why: str
) -> None:
    request_id, wish = uuid.uuid4(), "nonsense"
    if why in ("a second tab", "a limit"):
        admitted(cast.bob, account_of(cast.acme.pk), request_id)
        wish = str(request_id) if why == "a second tab" else str(uuid.uuid4())
    if why == "a limit":
        policy(cast.acme, agent_calls_at_once=1)
    if why == "removed":
        with tenant_transaction(cast.acme.pk):
            Membership.objects.filter(pk=cast.bob.pk).update(is_active=False)
    fields = {"From": f"client:{cast.bob.identity}", "CallSid": sid("CA")}
    told = webhook(VOICE, **fields, CallStatus="ringing", clientRequestId=wish).content.decode()
    assert "<Hangup" in told
    # Twilio's news of the application's leg, by the one address, which names none.
    news = {
        "CallStatus": "completed",
        "CallDuration": "3",
        "CallbackSource": "call-progress-events",
    }
    assert webhook(STATUS, **fields, **news).status_code == 204

    finding = doctor._kept_aside()
    assert (finding.verdict, finding.why) == (Verdict.RIGHT, "")
    received_at = UnroutedEvent.objects.get().received_at
    aside.hear_again(cast.acme.pk, now=received_at + KEPT_OF_BROWSER / 2)
    forgetting.forget_kept_aside(received_at + KEPT_OF_BROWSER - timedelta(seconds=1))
    assert UnroutedEvent.objects.exists()
    forgetting.forget_kept_aside(received_at + KEPT_OF_BROWSER)
    assert not UnroutedEvent.objects.exists()


def test_what_is_not_of_our_browsers_is_no_refusal_of_ours(cast: Any, webhook: Any) -> None:
    for caller in ("+14155550100", "client:somebody", ""):
        assert webhook(STATUS, From=caller, CallSid=sid("CA")).status_code == 204
    path = f"{STATUS}?tenant={cast.acme.pk.hex}&leg={uuid.uuid4().hex}"
    webhook(path, From=f"client:{cast.bob.identity}", CallSid=sid("CA"))
    reasons = UnroutedEvent.objects.order_by("pk").values_list("reason", flat=True)
    assert list(reasons) == ["no such tenant"] * 3 + ["no such leg"]
    assert doctor._kept_aside().verdict == Verdict.UNKNOWN
    forgetting.forget_kept_aside(timezone.now() + KEPT_OF_BROWSER)
    assert UnroutedEvent.objects.count() == 4


# --- bounded work --------------------------------------------------------------------------------


def test_what_cannot_be_bound_stands_in_nobodys_way(
    cast: Any, webhook: Any, bobs: Later, monkeypatch: Any
) -> None:
    monkeypatch.setattr(aside, "AT_ONCE", 2)
    for _ in range(5):
        Later(cast.bob, webhook).told(Hook.LEG)
    bobs.told(Hook.LEG)
    bobs.make()
    now, tried = in_a_minute(), []
    real = routing.hear

    def hear(callback: Callback) -> Any:
        tried.append(callback.ids["leg"])
        return real(callback)

    monkeypatch.setattr(routing, "hear", hear)
    for sweep in (1, 2, 3):
        aside.hear_again(cast.acme.pk, now=now)
        assert len(tried) == 2 * sweep
    assert tried[-1] == bobs.leg_id and len(set(tried)) == 6
    assert bobs.heard() == [("call", "ringing")]
    aside.hear_again(cast.acme.pk, now=now + PAUSE / 2)
    assert len(tried) == 6  # each has its pause
    aside.hear_again(cast.acme.pk, now=now + timedelta(hours=1))
    assert len(tried) == 8


def test_an_event_that_breaks_is_tried_later_and_the_next_one_now(
    cast: Any, webhook: Any, bobs: Later, caplog: Any
) -> None:
    Later(cast.bob, webhook).told(Hook.LEG)
    UnroutedEvent.objects.update(hook="newer")
    bobs.told(Hook.LEG)
    bobs.make()
    aside.hear_again(cast.acme.pk, now=in_a_minute())
    assert bobs.heard() == [("call", "ringing")]
    left = UnroutedEvent.objects.get()
    assert left.next_try_at > in_a_minute() and "could not be heard again" in caplog.text


def test_after_a_week_it_is_dropped(bobs: Later, monkeypatch: Any) -> None:
    for hook in (Hook.LEG, Hook.ROOM):
        bobs.told(hook)
    old = UnroutedEvent.objects.filter(hook=Hook.LEG)
    old.update(received_at=timezone.now() - KEPT, named_tenant=None)
    tasks.sweep()
    assert UnroutedEvent.objects.get().hook == Hook.ROOM


def test_one_of_before_addresses_were_kept_is_left_alone_until_it_is_dropped(
    bobs: Later,
) -> None:
    UnroutedEvent.objects.create(key="old", account_sid=sid("AC"), reason="leg", payload={})
    bobs.make()
    tasks.sweep()
    old = UnroutedEvent.objects.get()
    assert (old.hook, old.ids, old.named_tenant, old.reason) == ("", {}, None, "leg")


def test_the_same_said_of_two_rooms_is_two_events(cast: Any, webhook: Any, bobs: Later) -> None:
    other = Later(cast.bob, webhook, call_sid=bobs.call_sid)
    for _ in "twice":
        for later in (bobs, other):
            later.told(Hook.ROOM)
    assert UnroutedEvent.objects.count() == 2
    other.make()
    aside.hear_again(cast.acme.pk, now=in_a_minute())
    assert other.heard() == [("conference", "participant-join")]
    assert UnroutedEvent.objects.get().ids["room"] == bobs.room_id.hex
