"""The demo as a newcomer meets it."""

import io
import wave
from array import array
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from calls.facts.inbound.missed import Missed
from calls.gateway import addresses
from calls.models import BlockedCaller, Caller, CallLog, PhoneNumber, Recording
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant, User
from voip_crm import demo, local


def test_recorded_calls_are_at_hand_and_last_as_long_as_what_is_heard(
    db: None, client: Any, settings: Any, tmp_path: Path
) -> None:
    settings.RECORDINGS_DIR = tmp_path
    demo.load()
    acme = Tenant.objects.get(slug="acme")
    client.force_login(User.objects.get(email="bob@acme.example"))
    assert client.get("/calls").content.decode().count("data-play=") == 4

    with tenant_transaction(acme.pk):
        recordings = list(Recording.objects.select_related("call"))
        newest = CallLog.objects.order_by("-started_at").first()
    assert newest in [recording.call for recording in recordings]
    assert [recording.is_voicemail for recording in recordings].count(True) == 2
    for recording in recordings:
        played = client.get(f"/recordings/{recording.pk}")
        audio = b"".join(played.streaming_content)
        assert (played.status_code, len(audio)) == (200, recording.size)
        channels = 1 if recording.is_voicemail else 2
        with wave.open(io.BytesIO(audio)) as file:
            assert (file.getnchannels(), file.getframerate()) == (channels, 8000)
            seconds = round(file.getnframes() / 8000)
            samples = array("h", file.readframes(file.getnframes()))
        assert seconds == recording.duration
        assert recording.is_voicemail or seconds == recording.call.duration
        assert min(max(samples[side::channels]) for side in range(channels)) > 8000  # all are heard
        page = client.get(f"/calls/{recording.call_id}").content.decode()
        assert "data-recording-player" in page and "Recording ready" in page

    client.force_login(User.objects.get(email="charlie@borealis.example"))
    assert client.get(f"/recordings/{recordings[0].pk}").status_code == 404
    assert client.get("/calls").content.decode().count("data-play=") == 1


def test_whoever_has_called_is_there_from_the_start(
    db: None, client: Any, settings: Any, tmp_path: Path
) -> None:
    settings.RECORDINGS_DIR = tmp_path
    demo.load()
    acme = Tenant.objects.get(slug="acme")
    with tenant_transaction(acme.pk):
        came_in = list(CallLog.objects.filter(direction=CallLog.Direction.INBOUND))
        to_return = {call.missed for call in came_in if call.missed and not call.missed_done_at}
        answered = [call for call in came_in if call.duration]
        blocked = CallLog.objects.get(from_number=BlockedCaller.objects.get().number)
        messages = Recording.objects.filter(is_voicemail=True)
        heard = {str(message.call.contact): str(message.heard_by) for message in messages}
        assert not Caller.objects.filter(left_at=None).exists()  # no one waits
        assert not messages.exclude(tell_at=None).exists()  # and no one is mailed
        just_now = timezone.now() - timedelta(minutes=1)
        assert not CallLog.objects.filter(created_at__gt=just_now).exists()  # limits count them
    assert {call.missed for call in came_in} == {"", *Missed}
    assert to_return == {"voicemail", "callback", "waiting", "nobody-available"}
    assert {str(call.user) for call in answered} == {"Alice Ames", "Bob Baker"}
    assert all(call.wait_seconds for call in answered)
    assert (blocked.missed, blocked.user) == ("", None)
    assert heard == {"Maria Gonzalez": "None", "Liam O'Connor": "Alice Ames"}

    client.force_login(User.objects.get(email="bob@acme.example"))
    page = client.get("/calls").content.decode()
    assert "4 to return" in page and "Hidden number" in page
    client.force_login(User.objects.get(email="charlie@borealis.example"))
    assert "1 to return" in client.get("/calls").content.decode()


def test_the_sandbox_has_what_was_bought_when_it_is_started_again(cast: Any) -> None:
    """It forgets; the rows know, and each number leads to its workspace again."""
    bought, sid = "+12125550123", "PN" + "1" * 32
    with tenant_transaction(cast.borealis.pk):
        PhoneNumber.objects.create(
            number=bought, account_sid=settings.TWILIO_ACCOUNT_SID, twilio_sid=sid
        )
        PhoneNumber.objects.create(number="+12125550124", account_sid="AC" + "9" * 32)
    held = {each["phone_number"]: each for each in local.numbers_held()}
    ours = addresses.of_number(cast.borealis.pk)
    assert held[bought] == {
        "sid": sid,
        "phone_number": bought,
        "friendly_name": "",
        "voice_url": ours.called,
        "voice_fallback_url": ours.fallback,
        "status_callback": ours.status,
    }
    acme = held[demo.NUMBERS["acme"][0][0]]
    assert acme["voice_url"] == addresses.number_called(cast.acme.pk)
    assert set(held) == {
        *(number for numbers in demo.NUMBERS.values() for number, _ in numbers),
        *demo.FREE_NUMBERS,
        bought,
    }
    assert "voice_url" not in held[demo.FREE_NUMBERS[0]]
