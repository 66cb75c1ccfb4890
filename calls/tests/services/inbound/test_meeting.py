"""A call that came in, from the claim to its end, in rows; Twilio is asked in test_meeting_live."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from calls import gateway
from calls.facts import states
from calls.facts.inbound import meeting as names
from calls.facts.inbound.missed import NOBODY_ANSWERED, WAITING
from calls.facts.refusals import Refusal
from calls.facts.rooms import BRING_AGAIN, Step
from calls.gateway.accounts import account_of
from calls.models import AgentAvailability, Caller, CallEvent, CallLeg, CallLog, Conference, Offer
from calls.services.inbound import meeting, offers
from calls.services.rooms import findings, presence, progress
from calls.tests.conftest import admitted, sid
from calls.tests.services.inbound.floor import Floor
from calls.tests.waiting_callers import GROUP, Line
from tenants.fence.context import tenant_transaction


@dataclass
class Asked:
    """What Twilio was asked for; it does it, and says nothing of it yet."""

    redirected: list[tuple[str, str]] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    status: str = "in-progress"
    is_in_room: bool = False
    trouble: list[Exception] = field(default_factory=list)

    def _goes_wrong(self) -> None:
        if self.trouble:
            raise self.trouble.pop(0)

    def redirect(self, account: Any, call_sid: str, url: str) -> gateway.CallFacts:
        self._goes_wrong()
        self.redirected.append((call_sid, url.partition("step=")[2].partition("&")[0]))
        return gateway.CallFacts(call_sid, self.status, None, None)

    def record_call(self, account: Any, call_sid: str, callback: str) -> None:
        self._goes_wrong()
        self.recorded.append(call_sid)

    def hang_up(self, account: Any, call_sid: str, *, ringing: bool) -> gateway.CallFacts:
        self.hung_up.append(call_sid)
        return gateway.CallFacts(call_sid, "completed", timezone.now(), 1)

    def find_participant(self, account: Any, room: str, label: str) -> str | None:
        return sid("CA") if self.is_in_room else None


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    for name in ("redirect", "record_call", "hang_up", "find_participant"):
        monkeypatch.setattr(gateway, name, getattr(asked, name))
    return asked


@pytest.fixture
def talk(line: Line, cast: Any, twilio: Asked) -> Line:
    """Bob and the caller talk."""
    line.claim(cast.bob)
    line.connect(cast.bob)
    line.tend()
    line.hear(states.CONFERENCE, "participant-join", line.leg)
    line.tend()
    return line


def test_the_caller_rings_while_they_wait_and_nothing_is_done(line: Line, twilio: Asked) -> None:
    assert line.tend().steps == []
    call = line.call()
    assert (call.status, call.user_id, call.wait_seconds, call.missed) == (
        "ringing",
        None,
        None,
        "",
    )
    assert line.room().closed_at is None
    assert not twilio.redirected


def test_the_winner_comes_the_caller_is_brought_and_they_talk(
    line: Line, cast: Any, twilio: Asked
) -> None:
    line.claim(cast.bob)
    leg = line.admit(cast.bob)
    assert line.tend().steps == []
    room = line.hear(states.CONFERENCE, "participant-join", leg)
    assert room is not None  # so that it is tended at once
    assert line.tend().steps == [Step.BRING]
    assert twilio.redirected == [(line.leg.call_sid, "bridge")]
    assert line.tend().steps == []  # twice is once
    assert line.call().status == "ringing"
    assert line.hear(states.CONFERENCE, "participant-join", line.leg) is not None
    assert line.tend().steps == [Step.MEET]
    assert line.tend().steps == []
    call = line.call()
    assert (call.status, call.user_id) == ("in-progress", cast.bob.user.pk)
    assert call.answered_at and call.wait_seconds is not None
    assert 29 <= call.wait_seconds <= 40
    assert twilio.redirected == [(line.leg.call_sid, "bridge")]
    assert line.fresh().left_at is not None


def test_the_caller_hangs_up_after_the_talk(talk: Line, cast: Any, twilio: Asked) -> None:
    talk.hear(states.CALL, "completed", talk.leg, duration=90)
    assert talk.tend().steps[:1] == [Step.CLOSE]
    call = talk.call()
    assert (call.status, call.outcome, call.missed) == ("completed", "completed", "")
    assert call.duration is not None and call.duration < 60  # since they talk
    assert talk.room().closed_at is not None
    with tenant_transaction(cast.acme.pk):
        agent_leg = CallLeg.objects.get(party="agent")
    assert twilio.hung_up == [agent_leg.call_sid]


def test_the_agent_ends_the_talk(talk: Line, twilio: Asked) -> None:
    with tenant_transaction(talk.tenant.pk):
        room = Conference.objects.get(pk=talk.room_id)
        assert findings.ask_end(room) is not None
    assert talk.tend().steps[:1] == [Step.CLOSE]
    assert twilio.hung_up[0] == talk.leg.call_sid and len(twilio.hung_up) == 2
    assert talk.room().closed_at is not None
    assert talk.call().status == "completed"


def test_an_agent_who_is_lost_may_come_back(
    talk: Line, cast: Any, twilio: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    monkeypatch.setattr(gateway, "set_hold", lambda *_, hold, music: held.append(hold))
    with tenant_transaction(talk.tenant.pk):
        Conference.objects.update(conference_sid=sid("CF"))
        agent_leg = CallLeg.objects.get(party="agent")
    talk.hear(states.CONFERENCE, "participant-leave", agent_leg)
    assert talk.tend().steps == [Step.HOLD]
    talk.hear(states.CONFERENCE, "participant-hold", talk.leg)
    talk.connect(cast.bob)
    assert talk.tend().steps == [Step.RESUME]
    assert held == [True, False]
    assert talk.call().user_id == cast.bob.user.pk


def by_phone(talk: Line) -> CallLeg:
    """As if Bob had taken the call on his own telephone."""
    with tenant_transaction(talk.tenant.pk):
        CallLeg.objects.filter(party="agent").update(is_phone=True)
        return CallLeg.objects.get(party="agent")


def test_whoever_puts_down_a_telephone_has_ended_the_call(talk: Line, twilio: Asked) -> None:
    phone = by_phone(talk)
    talk.hear(states.CONFERENCE, "participant-leave", phone)
    assert talk.tend().steps[:1] == [Step.CLOSE]
    assert talk.leg.call_sid in twilio.hung_up


def test_who_has_gone_on_in_a_browser_may_be_lost_and_come_back(
    talk: Line, cast: Any, twilio: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "set_hold", lambda *_, **__: None)
    phone = by_phone(talk)
    browser = talk.connect(cast.bob)
    assert talk.tend().steps == [Step.RELIEVE] and phone.call_sid in twilio.hung_up
    talk.hear(states.CONFERENCE, "participant-leave", phone)
    talk.hear(states.CONFERENCE, "participant-leave", browser)
    assert talk.tend().steps == [Step.HOLD]


def test_who_goes_before_they_met_gives_the_caller_back_first_in_line(
    line: Line, cast: Any, twilio: Asked
) -> None:
    with tenant_transaction(cast.acme.pk):
        AgentAvailability.objects.create(user=cast.bob.user)
    line.claim(cast.bob)
    leg = line.connect(cast.bob)
    line.hear(states.CONFERENCE, "participant-leave", leg)
    line.hear(states.CALL, "completed", leg)
    tended = line.tend()
    assert (tended.steps, tended.groups, tended.led_on) == ([Step.GIVE_BACK], {GROUP}, [])
    caller, room = line.fresh(), line.room()
    assert caller.claimed_at is None and caller.returned_at and caller.left_at is None
    assert room.agent_id is None and room.closed_at is None
    assert line.call().status == "ringing"
    assert not twilio.hung_up and not twilio.redirected
    with tenant_transaction(cast.acme.pk):
        assert AgentAvailability.objects.get().asleep_at is not None
    # And the next one has them, though the first one's room has ended meanwhile.
    line.claim(cast.alice)
    second = line.connect(cast.alice)
    assert line.tend().steps == [Step.BRING]
    line.hear(states.CONFERENCE, "participant-join", line.leg)
    assert line.tend().steps == [Step.MEET]
    assert line.call().user_id == cast.alice.user.pk
    assert second.conference_id == line.room_id


def test_end_call_before_they_met_gives_the_caller_back(
    line: Line, cast: Any, twilio: Asked
) -> None:
    for is_there in (False, True):
        line.claim(cast.bob)
        leg = line.connect(cast.bob) if is_there else None
        with tenant_transaction(cast.acme.pk):
            assert findings.ask_end(Conference.objects.get(pk=line.room_id)) is not None
        steps = line.tend().steps
        assert steps == [Step.GIVE_BACK, *([Step.DISMISS] if is_there else [])]
        assert twilio.hung_up == ([leg.call_sid] if leg else [])
    assert line.call().status == "ringing" and line.fresh().claimed_at is None
    line.claim(cast.bob, ago=0)  # what they asked for then counts no more
    line.connect(cast.bob)
    assert line.tend().steps == [Step.BRING]


def test_a_caller_who_comes_into_an_empty_room_is_sent_back(
    line: Line, cast: Any, twilio: Asked
) -> None:
    line.claim(cast.bob)
    leg = line.connect(cast.bob)
    assert line.tend().steps == [Step.BRING]
    line.hear(states.CONFERENCE, "participant-leave", leg)
    line.hear(states.CONFERENCE, "participant-join", line.leg)
    tended = line.tend()
    assert (tended.steps, tended.led_on) == ([Step.GIVE_BACK], [line.call_id])
    line.hear(states.CONFERENCE, "participant-leave", line.leg)
    assert line.tend().steps == []
    call = line.call()
    assert (call.status, call.answered_at, call.user_id) == ("ringing", None, None)


def test_the_caller_hangs_up_while_the_winner_connects(
    line: Line, cast: Any, twilio: Asked
) -> None:
    line.claim(cast.bob)
    leg = line.admit(cast.bob)
    line.hear(states.CALL, "completed", line.leg, duration=31)
    tended = line.tend()
    assert tended.steps[:2] == [Step.LET_GO, Step.CLOSE] and tended.groups == {GROUP}
    assert twilio.hung_up == [leg.call_sid]
    call = line.call()
    assert (call.status, call.missed, call.user_id) == ("no-answer", "waiting", None)
    assert line.room().closed_at is not None
    with pytest.raises(Refusal, match="over"):
        line.admit(cast.bob)


def test_a_caller_who_gives_up_leaves_the_line_and_their_rings_end(
    line: Line, cast: Any, twilio: Asked
) -> None:
    with tenant_transaction(cast.acme.pk):
        Offer.objects.create(caller=line.caller, user=cast.bob.user, offered_at=timezone.now())
    assert line.hear(states.CALL, "completed", line.leg, duration=31) is not None
    tended = line.tend()
    assert (tended.steps, tended.groups) == ([Step.LET_GO], {GROUP})
    assert line.room().closed_at is not None
    assert line.fresh().left_at is not None
    with tenant_transaction(cast.acme.pk):
        assert Offer.objects.get().end == "left"
    assert line.tend().steps == []


def test_only_the_winner_comes_in(line: Line, cast: Any) -> None:
    with pytest.raises(Refusal):  # nobody has claimed it
        line.admit(cast.bob)
    line.claim(cast.bob)
    with pytest.raises(Refusal):
        line.admit(cast.alice)
    line.admit(cast.bob)
    with tenant_transaction(cast.acme.pk):
        assert Conference.objects.count() == 1


def test_a_winner_who_was_too_slow_is_told(line: Line, cast: Any, twilio: Asked) -> None:
    request_id = line.room().client_request_id
    line.claim(cast.bob)
    with tenant_transaction(cast.acme.pk):
        Caller.objects.update(claimed_at=None, returned_at=timezone.now())
        Conference.objects.update(agent=None)
    for winner in (None, cast.alice):
        if winner:
            line.claim(winner)
        with pytest.raises(Refusal, match="went back to the line"):
            admitted(cast.bob, account_of(cast.acme.pk), request_id)
    # Whose leg had come in by then goes.
    line.claim(cast.bob, ago=5)
    leg = line.admit(cast.bob)
    line.claim(cast.alice, ago=0)
    line.hear(states.CONFERENCE, "participant-join", leg)
    assert line.tend().steps == [Step.DISMISS]
    assert twilio.hung_up == [leg.call_sid]


def test_answering_is_not_refused_by_the_limits_of_dialling(line: Line, cast: Any) -> None:
    from calls.selectors import limits

    with tenant_transaction(cast.acme.pk):
        policy = limits.chosen(lock=True)
        policy.agent_calls_at_once = policy.calls_at_once = 1
        policy.daily_spend = policy.agent_daily_spend = 0
        policy.save()
        an_outbound(cast)
    line.claim(cast.bob)
    line.admit(cast.bob)


def an_outbound(cast: Any) -> None:
    CallLog.objects.create(
        direction="OUTBOUND",
        user=cast.bob.user,
        from_number="+14155550199",
        to_number="+14155550101",
        started_at=timezone.now(),
    )


def test_one_who_has_not_come_in_is_looked_for_before_they_are_sent_again(
    line: Line, cast: Any, twilio: Asked
) -> None:
    line.claim(cast.bob, ago=60)
    line.connect(cast.bob)
    line.tend()
    with tenant_transaction(cast.acme.pk):
        CallEvent.objects.filter(name=names.BRINGING).update(at=timezone.now() - BRING_AGAIN)
    twilio.is_in_room = True
    assert line.tend().steps == [Step.BRING, Step.MEET]
    assert len(twilio.redirected) == 1
    assert line.call().status == "in-progress"


def test_one_who_has_not_come_in_is_sent_again(line: Line, cast: Any, twilio: Asked) -> None:
    line.claim(cast.bob, ago=60)
    line.connect(cast.bob)
    line.tend()
    with tenant_transaction(cast.acme.pk):
        CallEvent.objects.filter(name=names.BRINGING).update(at=timezone.now() - BRING_AGAIN)
    assert line.tend().steps == [Step.BRING]
    assert len(twilio.redirected) == 2


@pytest.mark.parametrize(
    "trouble", [gateway.TwilioUnreachable("away"), gateway.TwilioBusy("429"), None]
)
def test_what_was_not_done_is_done_at_the_next_try(
    line: Line, cast: Any, twilio: Asked, trouble: Exception | None
) -> None:
    line.claim(cast.bob)
    line.connect(cast.bob)
    if trouble:
        twilio.trouble.append(trouble)
    else:
        twilio.status = "ringing"
    with pytest.raises(gateway.TwilioError):
        line.tend()
    twilio.status = "in-progress"
    assert line.tend().steps == [Step.BRING]


def test_a_lost_answer_is_waited_for(line: Line, cast: Any, twilio: Asked) -> None:
    line.claim(cast.bob)
    line.connect(cast.bob)
    twilio.trouble.append(gateway.OutcomeUnknown("lost"))
    assert line.tend().steps == [Step.BRING]
    assert line.tend().steps == []


def test_a_caller_who_has_hung_up_meanwhile_is_no_trouble(
    line: Line, cast: Any, twilio: Asked
) -> None:
    line.claim(cast.bob)
    line.connect(cast.bob)
    twilio.status = "completed"
    assert line.tend().steps[:3] == [Step.BRING, Step.LET_GO, Step.CLOSE]
    assert line.call().missed == "waiting" and line.room().closed_at


def test_calls_that_come_in_are_recorded_once_if_the_workspace_records(
    line: Line, cast: Any, twilio: Asked
) -> None:
    with tenant_transaction(cast.acme.pk):
        type(cast.acme).objects.filter(pk=cast.acme.pk).update(records_calls=True)
    line.claim(cast.bob)
    line.connect(cast.bob)
    line.tend()
    assert not line.call().is_recorded
    line.hear(states.CONFERENCE, "participant-join", line.leg)
    twilio.trouble.append(gateway.TwilioUnreachable("away"))
    with pytest.raises(gateway.TwilioError):
        line.tend()
    assert not line.call().is_recorded
    assert line.tend().steps == [Step.MEET]
    assert line.tend().steps == []
    assert twilio.recorded == [line.leg.call_sid]
    assert line.call().is_recorded


def test_calls_that_come_in_are_not_recorded_if_the_workspace_does_not(
    line: Line, cast: Any, twilio: Asked
) -> None:
    with tenant_transaction(cast.acme.pk):
        type(cast.acme).objects.filter(pk=cast.acme.pk).update(records_calls=False)
    line.claim(cast.bob)
    line.connect(cast.bob)
    line.tend()
    line.hear(states.CONFERENCE, "participant-join", line.leg)
    assert line.tend().steps == [Step.MEET]
    assert not twilio.recorded and not line.call().is_recorded


def test_a_row_is_the_same_in_whatever_order_its_events_come(
    line: Line, cast: Any, twilio: Asked
) -> None:
    """Also doubled: all of a call whose first agent was lost on the way."""
    begin = timezone.now() - timedelta(seconds=100)
    line.claim(cast.bob, ago=99)
    bob = line.admit(cast.bob)
    line.claim(cast.alice, ago=80)
    alice = line.admit(cast.alice)

    def at(seconds: float) -> Any:
        return begin + timedelta(seconds=seconds)

    story: list[tuple[str, str, CallLeg, float]] = [
        (states.CONFERENCE, "participant-join", bob, 3),
        (states.CONFERENCE, "participant-leave", bob, 4),
        (states.CALL, "completed", bob, 5),
        (states.LOCAL, names.GIVEN_BACK, line.leg, 6),
        (states.CONFERENCE, "participant-join", alice, 22),
        (states.CONFERENCE, "participant-join", line.leg, 24),
        (states.CONFERENCE, "participant-leave", line.leg, 60),
        (states.CALL, "completed", line.leg, 61),
        (states.CONFERENCE, "participant-leave", alice, 61),
        (states.CALL, "completed", alice, 62),
        (states.LOCAL, NOBODY_ANSWERED, line.leg, 2),
    ]
    chance, rows = random.Random(4), set()
    for _ in range(12):
        heard = [*enumerate(story), *enumerate(story)]
        chance.shuffle(heard)
        with tenant_transaction(cast.acme.pk):
            CallEvent.objects.exclude(name=WAITING).delete()
        for number, (kind, name, leg, when) in heard:
            said = progress.Heard(
                kind, name, at(when), {"n": str(number)}, number, call_sid=leg.call_sid or ""
            )
            progress.hear(cast.acme.pk, said, leg_id=leg.pk)
        call = line.call()
        rows.add((call.status, call.user_id, call.answered_at, call.duration, call.missed))
        assert line.room().closed_at is not None
    assert rows == {("completed", cast.alice.user.pk, at(24), 37, "")}


def test_nothing_that_comes_in_counts_as_spent(talk: Line, cast: Any) -> None:
    from calls.selectors import limits

    with tenant_transaction(cast.acme.pk):
        usage = limits.usage(cast.acme, cast.bob.user.pk, now=timezone.now())
    assert (usage.calls, usage.running, usage.agent_running, usage.spent) == (0, 0, 0, 0)


def test_who_holds_the_floor_may_talk_for_hours(line: Line, cast: Any) -> None:
    line.claim(cast.bob)
    longest = presence.admit_agent(
        cast.bob,
        account=account_of(cast.acme.pk),
        client_request_id=line.room().client_request_id,
        call_sid=sid("CA"),
    ).longest
    assert longest == presence.LONGEST_TALK


def test_the_line_says_into_whose_rooms_nobody_may_come_any_more(cast: Any, twilio: Asked) -> None:
    floor = Floor(cast.acme)
    group = floor.group([cast.bob, cast.alice])
    floor.is_there(cast.bob, cast.alice)
    caller = floor.call(group)
    floor.tend(group)
    offers.confirm(cast.bob, [caller.call_id], now=floor.now)
    offers.claim(cast.bob, caller.call_id, now=floor.now)
    with tenant_transaction(cast.acme.pk):
        room = Conference.objects.get(call=caller.call_id)
    leg = admitted(cast.bob, account_of(cast.acme.pk), room.client_request_id)[1]
    floor.later(8)
    tended = floor.tend(group)
    assert tended.left == [room.pk]
    assert meeting.tend(cast.acme.pk, room.pk).steps == [Step.DISMISS]
    assert twilio.hung_up == [leg.call_sid]
    assert not floor.tend(group).left
