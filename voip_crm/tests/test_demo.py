"""The demo as a newcomer meets it."""

import io
import wave
from array import array
from pathlib import Path
from typing import Any

from calls.models import CallLog, Recording
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant, User
from voip_crm import demo


def test_recorded_calls_are_at_hand_and_last_as_long_as_what_is_heard(
    db: None, client: Any, settings: Any, tmp_path: Path
) -> None:
    settings.RECORDINGS_DIR = tmp_path
    demo.load()
    acme = Tenant.objects.get(slug="acme")
    client.force_login(User.objects.get(email="bob@acme.example"))
    assert client.get("/calls").content.decode().count("data-play=") == 2

    with tenant_transaction(acme.pk):
        recordings = list(Recording.objects.select_related("call"))
        newest = CallLog.objects.order_by("-started_at").first()
    assert newest in [recording.call for recording in recordings]
    for recording in recordings:
        played = client.get(f"/recordings/{recording.pk}")
        audio = b"".join(played.streaming_content)
        assert (played.status_code, len(audio)) == (200, recording.size)
        with wave.open(io.BytesIO(audio)) as file:
            assert (file.getnchannels(), file.getframerate()) == (2, 8000)
            seconds = round(file.getnframes() / 8000)
            samples = array("h", file.readframes(file.getnframes()))
        assert seconds == recording.duration == recording.call.duration
        assert min(max(samples[::2]), max(samples[1::2])) > 8000  # both are heard
        page = client.get(f"/calls/{recording.call_id}").content.decode()
        assert "data-recording-player" in page and "Recording ready" in page

    client.force_login(User.objects.get(email="charlie@borealis.example"))
    assert client.get(f"/recordings/{recordings[0].pk}").status_code == 404
    assert client.get("/calls").content.decode().count("data-play=") == 1
