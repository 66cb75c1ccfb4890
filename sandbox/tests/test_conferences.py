"""Conference events: each once, in order, with the facts that the log is folded from."""

from __future__ import annotations

import time
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from sandbox.tests.harness import Box, until


def room_with(box: Box, name: str, *labels: str, **options: Any) -> dict[str, str]:
    """A conference of phones that have answered: call SIDs by label."""
    sids = {}
    for label in labels:
        made = box.dial(
            name,
            "100",
            label=label,
            conference_status_callback=f"{box.application.url}/conference",
            conference_status_callback_event=["start", "end", "join", "leave", "mute", "hold"]
            + ["modify"],
            **options,
        )
        sids[label] = made.call_sid
    until(lambda: all(box.status(sid) == "in-progress" for sid in sids.values()))
    return sids


def settled(box: Box, count: int) -> list[str]:
    until(lambda: len(box.application.to("/conference")) >= count)
    time.sleep(0.1)
    return box.application.events("/conference")


def test_two_people_meet_and_the_moderator_leaves(box: Box) -> None:
    contact = room_with(box, "vc_meet", "contact")["contact"]
    agent = room_with(box, "vc_meet", "agent", end_conference_on_exit=True)["agent"]
    live = box.client.conferences.list(friendly_name="vc_meet", status="in-progress")
    assert len(live) == 1
    box.command(f"calls/{agent}/hangup")
    assert settled(box, 6) == [
        "participant-join",
        "participant-join",
        "conference-start",
        "participant-leave",
        "participant-leave",
        "conference-end",
    ]
    by = {
        (r.params["StatusCallbackEvent"], r.params.get("ParticipantLabel")): r.params
        for r in box.application.to("/conference")
    }
    left = by["participant-leave", "agent"]
    assert left["ReasonParticipantLeft"] == "participant_hung_up"
    assert left["ParticipantCallStatus"] == "completed"
    assert left["EndConferenceOnExit"] == "true"
    pulled = by["participant-leave", "contact"]
    assert pulled["ReasonParticipantLeft"] == "moderator_ended_conference"
    end = by["conference-end", None]
    assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    assert end["CallSidEndingConference"] == agent
    assert end["ParticipantLabelEndingConference"] == "agent"
    assert end["FriendlyName"] == "vc_meet"
    assert box.status(contact) == "completed"
    assert box.client.conferences(live[0].sid).fetch().status == "completed"


def test_mute_and_hold_are_told_when_they_change(box: Box) -> None:
    room_with(box, "vc_hold", "contact", "agent")
    who = box.client.conferences("vc_hold").participants("contact")
    who.update(muted=True)
    who.update(muted=True)
    who.update(hold=True)
    assert who.fetch().hold and who.fetch().muted
    who.update(hold=False, muted=False)
    events = settled(box, 7)
    assert sorted(events[3:]) == [
        "participant-hold",
        "participant-mute",
        "participant-unhold",
        "participant-unmute",
    ]


def test_a_held_phone_hears_the_music_of_its_hold_url(box: Box) -> None:
    sids = room_with(box, "vc_music", "contact", "agent")
    box.application.twiml["/hold"] = "<Response><Say>Please wait for us</Say></Response>"
    who = box.client.conferences("vc_music").participants("contact")
    who.update(hold=True, hold_url=f"{box.application.url}/hold")
    asked = until(lambda: box.application.to("/hold"))[0]
    assert asked.method == "GET" and asked.params["CallSid"] == sids["contact"]
    until(lambda: 150 < box.inspect(f"calls/{sids['contact']}/heard")["dominant_hz"] < 750)
    said = until(lambda: box.inspect(f"calls/{sids['agent']}/heard"))
    until(lambda: box.inspect(f"calls/{sids['agent']}/heard")["silent"])
    assert said["seconds"] > 0


@pytest.mark.parametrize(("end", "again"), [("", False), ("<Redirect/>", True)])
def test_the_music_of_a_hold_url_ends_unless_it_redirects(box: Box, end: str, again: bool) -> None:
    name = f"vc_music_{again}"
    sids = room_with(box, name, "contact", "agent")
    box.application.twiml["/hold"] = f"<Response><Say>Hi</Say>{end}</Response>"
    who = box.client.conferences(name).participants("contact")
    who.update(hold=True, hold_url=f"{box.application.url}/hold")
    until(lambda: box.application.to("/hold"))
    time.sleep(1.6)

    def sounds() -> bool:
        return bool(box.inspect(f"calls/{sids['contact']}/heard")["rms_last_second"] > 50)

    assert sounds() == again


def test_whom_a_coach_speaks_to(box: Box) -> None:
    sids = room_with(box, "vc_coach", "contact", "agent", muted=True)
    coach = room_with(box, "vc_coach", "sup")["sup"]
    room = box.client.conferences("vc_coach").participants
    with pytest.raises(TwilioRestException) as refused:
        room("sup").update(coaching=True, call_sid_to_coach="CA" + "0" * 32)
    assert refused.value.code == 13240
    room("sup").update(coaching=True, call_sid_to_coach=sids["agent"])
    assert room(coach).fetch().coaching
    until(lambda: box.inspect(f"calls/{sids['agent']}/heard")["rms_last_second"] > 300)
    until(lambda: box.inspect(f"calls/{sids['contact']}/heard")["silent"])


def test_kicking_the_last_one_ends_the_conference(box: Box) -> None:
    sids = room_with(box, "vc_kick", "contact")
    assert box.client.conferences("vc_kick").participants("contact").delete()
    assert settled(box, 3) == ["participant-join", "participant-leave", "conference-end"]
    end = box.application.to("/conference")
    reasons = {r.params.get("ReasonConferenceEnded") for r in end}
    assert "last-participant-kicked" in reasons
    assert box.status(sids["contact"]) == "completed"


def test_ending_by_rest_cancels_who_still_rings(box: Box) -> None:
    room_with(box, "vc_end", "agent")
    ringing = box.dial("vc_end", "103").call_sid
    until(lambda: box.status(ringing) == "ringing")
    live = box.client.conferences.list(friendly_name="vc_end")[0]
    assert live.update(status="completed").status == "completed"
    until(lambda: box.status(ringing) == "canceled")
    ended = box.client.conferences(live.sid).fetch()
    assert ended.reason_conference_ended == "conference-ended-via-api"


def test_a_participant_that_could_not_be_added(box: Box) -> None:
    room_with(box, "vc_add", "agent")
    box.dial("vc_add", "102", label="contact")
    assert settled(box, 2) == ["participant-join", "participant-leave"]
    left = next(
        r.params
        for r in box.application.to("/conference")
        if r.params["StatusCallbackEvent"] == "participant-leave"
    )
    assert left["ReasonParticipantLeft"] == "participant_add_failed"
    assert left["ParticipantCallStatus"] == "busy"
    assert [p.label for p in box.client.conferences("vc_add").participants.list()] == ["agent"]


def test_only_the_first_callback_of_a_conference_counts(box: Box) -> None:
    room_with(box, "vc_first", "contact")
    box.dial("vc_first", "100", conference_status_callback=f"{box.application.url}/second")
    until(lambda: "conference-start" in box.application.events("/conference"))
    assert not box.application.to("/second")


def test_the_end_on_exit_flag_does_not_change_while_held(box: Box) -> None:
    room_with(box, "vc_flag", "contact", "agent")
    who = box.client.conferences("vc_flag").participants("contact")
    who.update(hold=True)
    assert who.update(end_conference_on_exit=True).end_conference_on_exit is False
    who.update(hold=False)
    assert who.update(end_conference_on_exit=True).end_conference_on_exit is True


def test_who_speaks_is_told_when_asked_for(box: Box) -> None:
    for name in ("one", "two"):
        box.dial(
            "vc_speaker",
            "100",
            label=name,
            conference_status_callback=f"{box.application.url}/conference",
            conference_status_callback_event=["speaker"],
        )
    until(lambda: "participant-speech-start" in box.application.events("/conference"))
    for name in ("one", "two"):
        box.client.conferences("vc_speaker").participants(name).update(muted=True)
    until(lambda: "participant-speech-stop" in box.application.events("/conference"))


def test_a_conference_is_recorded_as_a_whole(box: Box) -> None:
    for _ in range(2):
        box.dial(
            "vc_whole",
            "100",
            conference_record="record-from-start",
            conference_recording_status_callback=f"{box.application.url}/recording",
        )
    until(lambda: box.client.conferences.list(friendly_name="vc_whole", status="in-progress"))
    time.sleep(0.4)
    box.client.conferences.list(friendly_name="vc_whole")[0].update(status="completed")
    told = until(lambda: box.application.to("/recording"))[0].params
    assert told["RecordingSource"] == "Conference" and told["RecordingChannels"] == "1"
    assert told["ConferenceSid"].startswith("CF") and "CallSid" not in told
