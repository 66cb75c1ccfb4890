"""Recordings have sound, the right length, and are reported."""

from __future__ import annotations

import io
import time
import wave
from array import array
from datetime import timedelta
from typing import Any

import requests

from sandbox.media.audio import decode
from sandbox.tests.harness import ACCOUNT, OTHER_ACCOUNT, OTHER_TOKEN, TOKEN, Box, until


def get(url: str, auth: tuple[str, str] | None = (ACCOUNT, TOKEN), **kw: Any) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    return session.get(url, auth=auth, **kw)


def recorded(box: Box, seconds: float = 1.0) -> dict[str, str]:
    """The completed callback of a recorded dual call."""
    made = box.dial(
        "vc_rec",
        "100",
        record=True,
        recording_channels="dual",
        recording_status_callback=f"{box.application.url}/recording",
        recording_status_callback_event=["in-progress", "completed", "absent"],
    )
    until(lambda: box.status(made.call_sid) == "in-progress")
    time.sleep(seconds)
    box.command(f"calls/{made.call_sid}/hangup")
    until(lambda: len(box.application.to("/recording")) == 2)
    first, last = (r.params for r in box.application.to("/recording"))
    assert first["RecordingStatus"] == "in-progress"
    assert first["CallSid"] == last["CallSid"] == made.call_sid
    return last


def test_a_recorded_call_can_be_fetched(box: Box) -> None:
    last = recorded(box, 1.8)
    assert last["RecordingStatus"] == "completed"
    assert last["RecordingSource"] == "OutboundAPI"
    assert last["RecordingChannels"] == "2"
    assert last["RecordingUrl"].startswith(f"{box.url}/2010-04-01/Accounts/{ACCOUNT}/Recordings/RE")
    answer = get(last["RecordingUrl"] + ".wav")
    assert answer.headers["Content-Type"] == "audio/x-wav"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        seconds = file.getnframes() / 8000
        samples = array("h", file.readframes(file.getnframes()))
    assert 1 <= seconds < 8 and abs(seconds - int(last["RecordingDuration"])) < 1
    assert max(samples[::2]) > 1000, "channel 1 is what the phone said"
    assert len(decode(get(last["RecordingUrl"] + ".mp3").content)) > 8000
    part = get(last["RecordingUrl"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    mono = get(last["RecordingUrl"] + ".wav?RequestedChannels=1")
    with wave.open(io.BytesIO(mono.content)) as file:
        assert file.getnchannels() == 1


def test_media_are_for_their_account_and_go_when_deleted(box: Box) -> None:
    last = recorded(box, 0.3)
    url = last["RecordingUrl"]
    assert get(url, None).status_code == 401
    assert get(url, (OTHER_ACCOUNT, OTHER_TOKEN)).status_code == 404
    recording = box.client.recordings(last["RecordingSid"])
    assert recording.fetch().channels == 2
    assert recording.delete()
    assert get(url).status_code == 404


def test_recording_by_the_api_pauses_and_stops(box: Box) -> None:
    made = box.dial("vc_api", "100")
    until(lambda: box.status(made.call_sid) == "in-progress")
    call = box.client.calls(made.call_sid)
    started = call.recordings.create(
        recording_channels="dual",
        recording_status_callback=f"{box.application.url}/recording",
        recording_status_callback_event=["completed"],
    )
    time.sleep(0.5)
    current = call.recordings("Twilio.CURRENT")
    assert current.update(status="paused", pause_behavior="silence").status == "paused"
    assert current.update(status="in-progress").status == "in-progress"
    assert current.update(status="stopped").status == "stopped"
    done = until(lambda: box.application.to("/recording"))[0].params
    assert done["RecordingSid"] == started.sid
    assert done["RecordingSource"] == "StartCallRecordingAPI"
    assert [r.sid for r in call.recordings.list()] == [started.sid]
    assert started.sid in [r.sid for r in box.client.recordings.list(call_sid=made.call_sid)]


def test_recordings_are_found_by_their_time(box: Box) -> None:
    sid = recorded(box, 0.2)["RecordingSid"]
    made = box.client.recordings(sid).fetch().date_created
    hour = timedelta(hours=1)

    def found(**filters: Any) -> bool:
        return sid in [r.sid for r in box.client.recordings.list(**filters)]

    assert found(date_created_after=made, date_created_before=made + hour)
    assert found(date_created=made.date()) and found()
    assert not found(date_created_after=made + hour) and not found(date_created_before=made - hour)


def test_an_unanswered_call_has_no_recording(box: Box) -> None:
    made = box.dial("vc_none", "102", record=True)
    until(lambda: box.status(made.call_sid) == "busy")
    assert box.client.calls(made.call_sid).recordings.list() == []
