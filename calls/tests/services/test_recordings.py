"""Recordings: copied whole or not at all, and played to their own tenant only."""

import hashlib
import io
import math
import os
import re
import shutil
import struct
import wave
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import requests
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from calls import gateway, tasks
from calls.models import CallLog, Recording
from calls.services import recordings
from calls.tests.conftest import Scene, sid
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry

PAGES = "calls.pages.recordings"


def wav(seconds: float = 1.0) -> bytes:
    """A tone of 440 Hz, mono, 8 kHz, 16 bit."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        samples = [
            int(9000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(int(8000 * seconds))
        ]
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


@pytest.fixture
def storage(settings: Any, tmp_path: Path) -> Path:
    settings.RECORDINGS_DIR = tmp_path
    return tmp_path


def completed(dialled: Scene, recording_sid: str) -> Recording:
    """Twilio says that the recording is there, and it now waits to be fetched."""
    assert dialled.call
    recording = recordings.note_recording(
        dialled.room.tenant_id,
        call_id=dialled.call.pk,
        call_sid=dialled.call.twilio_call_sid or "",
        account_sid=dialled.room.account_sid,
        sid=recording_sid,
        status="completed",
        duration=1,
        channels=1,
        now=timezone.now(),
    )
    assert recording is not None
    return recording


@pytest.fixture
def waiting_recording(dialled: Scene) -> Recording:
    return completed(dialled, sid("RE"))


class Wire:
    """Stands in for Twilio's media host on the one seam below `requests`: a list of answers."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def install(self, monkeypatch: Any) -> None:
        monkeypatch.setattr("requests.Session.get", lambda _, url, **options: self(url, **options))

    def __call__(self, url: str, **options: Any) -> Any:
        self.asked.append((url, options))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.raw = io.BytesIO(body)
        return response


def fetched(recording: Recording, **later: float) -> tuple[float | None, Recording]:
    wait = recordings.fetch_recording(
        recording.tenant_id, recording.pk, now=timezone.now() + timedelta(**later)
    )
    with tenant_transaction(recording.tenant_id):
        return wait, Recording.objects.get(pk=recording.pk)


def test_a_recording_is_stored_whole_and_known_by_its_digest(
    waiting_recording: Recording, storage: Path, monkeypatch: Any
) -> None:
    audio = wav()
    wire = Wire((200, audio, {"Content-Length": str(len(audio))}))
    wire.install(monkeypatch)
    wait, recording = fetched(waiting_recording)
    assert (wait, recording.state, recording.size) == (None, "stored", len(audio))
    assert recording.sha256 == hashlib.sha256(audio).hexdigest()
    assert (storage / recording.path).read_bytes() == audio
    assert recording.path.startswith(recording.tenant_id.hex)
    assert list(storage.rglob("*.partial")) == []
    assert fetched(waiting_recording)[0] is None
    assert len(wire.asked) == 1, "a stored recording is not fetched again"


@pytest.mark.parametrize(
    "answer",
    [
        (404, b"", {}),
        (500, b"", {}),
        (503, b"", {}),
        (302, b"", {"Location": "http://evil.example/"}),
        (200, wav()[:9000], {"Content-Length": str(len(wav()))}),
        (200, b"<html>Sorry</html>", {"Content-Length": "18"}),
        (200, b"", {"Content-Length": "0"}),
        ConnectionError("gone"),
        TimeoutError("slow"),
    ],
)
def test_what_is_not_the_whole_recording_is_tried_again(
    waiting_recording: Recording, storage: Path, monkeypatch: Any, answer: Any
) -> None:
    if isinstance(answer, Exception):
        answer = requests.ConnectionError(answer)
    audio = wav()
    wire = Wire(answer, (200, audio, {"Content-Length": str(len(audio))}))
    wire.install(monkeypatch)
    wait, recording = fetched(waiting_recording)
    assert wait is not None
    assert recording.state == "waiting"
    assert recording.error
    assert list(storage.rglob("*.*")) == []
    wait, recording = fetched(waiting_recording, seconds=wait + 1)
    assert (wait, recording.state, recording.error) == (None, "stored", "")


def test_a_recording_that_never_comes_is_given_up_with_its_reason(
    waiting_recording: Recording, storage: Path, monkeypatch: Any
) -> None:
    wire = Wire(*[(404, b"", {})] * recordings.MAX_ATTEMPTS)
    wire.install(monkeypatch)
    seconds, waits = 0.0, []
    while (found := fetched(waiting_recording, seconds=seconds))[0] is not None:
        waits.append(found[0])
        seconds += found[0] + 1
    recording = found[1]
    assert recording.state == "failed" and recording.error and wire.answers == []
    # Soon at first, then less and less often, and not given up for days.
    assert waits == sorted(waits) and waits[0] <= 2 and waits[-1] == 6 * 3600
    assert timedelta(days=5) < timedelta(seconds=seconds) < timedelta(days=10)


def test_one_that_was_given_up_is_fetched_when_twilio_speaks_of_it_again(
    waiting_recording: Recording, dialled: Scene
) -> None:
    with tenant_transaction(waiting_recording.tenant_id):
        Recording.objects.update(state="failed", attempts=40, next_attempt_at=None)
    again = completed(dialled, waiting_recording.sid)
    assert (again.state, again.attempts) == ("waiting", 0)


def test_whose_lease_is_over_takes_nothing_from_the_next_one(
    waiting_recording: Recording, storage: Path, monkeypatch: Any, settings: Any
) -> None:
    """A worker stalls in its download; another one stores the recording; then the first fails."""
    assert recordings.LEASE.total_seconds() > settings.CELERY_TASK_TIME_LIMIT
    audio = wav()

    def stall(session: Any, url: str, **options: Any) -> Any:
        Wire((200, audio, {"Content-Length": str(len(audio))})).install(monkeypatch)
        assert fetched(waiting_recording, hours=1)[1].state == "stored"
        raise requests.ConnectionError("much later")

    monkeypatch.setattr("requests.Session.get", stall)
    wait, recording = fetched(waiting_recording)
    assert (wait, recording.state, recording.error) == (None, "stored", "")


def test_an_endless_body_is_cut_off(
    waiting_recording: Recording, storage: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(recordings, "MAX_BYTES", 1000)
    wire = Wire((200, wav(), {}))
    wire.install(monkeypatch)
    assert fetched(waiting_recording)[1].state == "waiting"
    assert list(storage.rglob("*.*")) == []


def test_two_workers_fetch_a_recording_once(
    waiting_recording: Recording, storage: Path, monkeypatch: Any
) -> None:
    audio = wav()
    inner: list[Any] = []

    def busy(session: Any, url: str, **options: Any) -> Any:
        inner.append(fetched(waiting_recording)[0])
        return Wire((200, audio, {"Content-Length": str(len(audio))}))(url, **options)

    monkeypatch.setattr("requests.Session.get", busy)
    assert fetched(waiting_recording)[1].state == "stored"
    assert inner == [None]


def test_a_worker_that_dies_gives_its_recording_back(
    waiting_recording: Recording, storage: Path, monkeypatch: Any
) -> None:
    def die(session: Any, url: str, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("requests.Session.get", die)
    with pytest.raises(KeyboardInterrupt):
        fetched(waiting_recording)
    audio = wav()
    wire = Wire((200, audio, {"Content-Length": str(len(audio))}))
    wire.install(monkeypatch)
    assert fetched(waiting_recording)[1].state == "waiting", "the lease still runs"
    assert fetched(waiting_recording, minutes=21)[1].state == "stored"


def test_of_one_that_is_deleted_while_it_is_fetched_nothing_stays(
    waiting_recording: Recording, storage: Path, monkeypatch: Any
) -> None:
    audio = wav()

    def delete(session: Any, url: str, **options: Any) -> Any:
        with tenant_transaction(waiting_recording.tenant_id):
            Recording.objects.get(pk=waiting_recording.pk).delete()
        return Wire((200, audio, {"Content-Length": str(len(audio))}))(url, **options)

    queued: list[Any] = []
    monkeypatch.setattr("requests.Session.get", delete)
    monkeypatch.setattr("calls.tasks.queue", lambda task, *ids: queued.append((task, ids)))
    tasks.fetch_recording(str(waiting_recording.tenant_id), str(waiting_recording.pk))
    (file,) = storage.rglob("*.wav")
    ((task, ids),) = queued
    task(*ids)
    assert not file.exists()


def test_only_our_own_url_is_ever_fetched(
    waiting_recording: Recording, storage: Path, settings: Any, monkeypatch: Any
) -> None:
    wire = Wire((404, b"", {}))
    wire.install(monkeypatch)
    fetched(waiting_recording)
    url, options = wire.asked[0]
    assert url == (
        f"{settings.TWILIO_SANDBOX_URL}/2010-04-01/Accounts/{settings.TWILIO_ACCOUNT_SID}"
        f"/Recordings/{waiting_recording.sid}.wav"
    )
    assert options["allow_redirects"] is False


@pytest.mark.parametrize("bad", ["", "RE1", "../../x", "RE" + "0" * 31 + "\n", "http://evil"])
def test_only_sids_make_a_url(bad: str) -> None:
    from calls.gateway.accounts import shared_account

    with pytest.raises(ValueError), gateway.open_recording(shared_account(), bad, channels=1):
        pass


# --- playback --------------------------------------------------------------------------------


@pytest.fixture
def stored(dialled: Scene, storage: Path) -> Recording:
    audio = wav(0.1)
    with tenant_transaction(dialled.room.tenant_id):
        recording = Recording.objects.create(
            call=dialled.call,
            sid=sid("RE"),
            account_sid=dialled.room.account_sid,
            state="stored",
            path="some/where.wav",
            size=len(audio),
        )
    (storage / "some").mkdir()
    (storage / "some" / "where.wav").write_bytes(audio)
    return recording


@pytest.mark.parametrize("lost", ["gone", "short"])
def test_a_stored_one_that_cannot_be_read_is_fetched_again_and_said(
    stored: Recording, storage: Path, cast: Any, signed_in: Any, monkeypatch: Any, lost: str
) -> None:
    client = signed_in(cast.bob)
    audio, file = wav(0.1), storage / stored.path
    if lost == "gone":
        file.unlink()
    else:
        file.write_bytes(audio[:-10])
    queued: list[Any] = []
    monkeypatch.setattr(f"{PAGES}.queue", lambda task, *ids: queued.append((task.name, *ids)))
    assert play(client, stored).status_code == 404
    assert queued == [("calls.tasks.fetch_recording", stored.tenant_id, stored.pk)]
    page = client.get(reverse("call", args=[stored.call_id])).content.decode()
    assert "The recording is on its way." in page and "<audio" not in page
    Wire((200, audio, {"Content-Length": str(len(audio))})).install(monkeypatch)
    assert fetched(stored)[1].state == "stored"
    assert body(play(client, stored)) == audio


@pytest.mark.parametrize("lost", ["missing", "empty", "unreadable"])
def test_without_its_disk_no_recording_is_lost(
    stored: Recording, storage: Path, cast: Any, signed_in: Any, monkeypatch: Any, lost: str
) -> None:
    aside = storage.with_name(f"{storage.name}-aside")
    if lost == "unreadable":
        refusal = PermissionError(13, "Permission denied")
        monkeypatch.setattr("pathlib.Path.open", Mock(side_effect=refusal))
    else:
        storage.rename(aside)
    if lost == "empty":
        storage.mkdir()
    client = signed_in(cast.bob)
    assert play(client, stored).status_code == 503
    with pytest.raises(CommandError, match="cannot be read|disk mounted"):
        call_command("fetch_recordings", "acme", "--check")
    monkeypatch.undo()
    if lost != "unreadable":
        shutil.rmtree(storage, ignore_errors=True)
        aside.rename(storage)
    assert body(play(client, stored)) == wav(0.1)


def test_one_that_was_given_up_can_be_asked_for_on_its_page_and_by_a_command(
    stored: Recording, storage: Path, cast: Any, signed_in: Any, monkeypatch: Any, capsys: Any
) -> None:
    client = signed_in(cast.bob)
    queued: list[Any] = []
    monkeypatch.setattr(f"{PAGES}.queue", lambda _, *ids: queued.append(ids))
    with tenant_transaction(stored.tenant_id):
        Recording.objects.update(state="failed", attempts=40)
    where = reverse("call", args=[stored.call_id])
    assert "Ask for it again" in client.get(where).content.decode()
    answer = client.post(reverse("fetch_recording", args=[stored.pk]))
    assert (answer.status_code, answer.headers["Location"]) == (302, where)
    assert queued == [(stored.tenant_id, stored.pk)]

    def state() -> tuple[str, int, bool]:
        with tenant_transaction(stored.tenant_id):
            found = Recording.objects.get(pk=stored.pk)
            return found.state, found.attempts, found.next_attempt_at is not None

    assert state() == ("waiting", 0, True)
    with tenant_transaction(stored.tenant_id):
        Recording.objects.update(state="failed", attempts=40, next_attempt_at=None)
    call_command("fetch_recordings", "acme")
    assert state() == ("waiting", 0, True)
    assert capsys.readouterr().out == "acme: 1 failed recording will be fetched again.\n"
    with tenant_transaction(stored.tenant_id):
        Recording.objects.update(state="stored", next_attempt_at=None)
    call_command("fetch_recordings", "acme", "--check")
    assert state()[0] == "stored"
    (storage / stored.path).unlink()
    call_command("fetch_recordings", "acme", "--check")
    assert state() == ("waiting", 0, True)
    with pytest.raises(CommandError, match="no workspace “nowhere”"):
        call_command("fetch_recordings", "nowhere")


def play(client: Client, recording: Recording, wanted: str = "") -> Any:
    headers = {"Range": wanted} if wanted else {}
    return client.get(reverse("recording", args=[recording.pk]), headers=headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("", 200, slice(None)),
        ("bytes=0-", 206, slice(None)),
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=100-199", 206, slice(100, 200)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-10", 206, slice(-10, None)),
        ("bytes=-999999", 206, slice(None)),
        ("bytes=0-999999", 206, slice(None)),
        ("bytes=999999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=9-3", 200, slice(None)),
        ("bytes=999999-3", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("lines=0-1", 200, slice(None)),
        ("nonsense", 200, slice(None)),
    ],
)
def test_a_recording_is_served_whole_or_in_the_wanted_part(
    stored: Recording, cast: Any, signed_in: Any, wanted: str, status: int, part: slice | None
) -> None:
    whole = wav(0.1)
    response = play(signed_in(cast.bob), stored, wanted)
    assert response.status_code == status
    if part is None:
        assert response.headers["Content-Range"] == f"bytes */{len(whole)}"
        return
    assert body(response) == whole[part]
    assert response.headers["Content-Length"] == str(len(whole[part]))
    assert response.headers["Content-Type"] == "audio/wav"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert re.fullmatch(
        r'inline; filename="call-[0-9-]{10}-[0-9a-f]{8}\.wav"',
        response.headers["Content-Disposition"],
    )


@pytest.mark.parametrize("wanted", ["", "bytes=0-9", "bytes=999999-"])
@pytest.mark.parametrize("header", ["x-accel-redirect", "x-sendfile"])
def test_a_proxy_is_told_where_a_recording_is_and_sends_it(
    stored: Recording,
    storage: Path,
    cast: Any,
    signed_in: Any,
    settings: Any,
    header: str,
    wanted: str,
) -> None:
    settings.RECORDINGS_SENT_BY = header
    client = signed_in(cast.bob)
    response = play(client, stored, wanted)
    if "999999" in wanted:
        assert response.status_code == 416 and header not in response.headers
        return
    assert (response.status_code, response.streaming, body(response)) == (200, False, b"")
    where = {"x-accel-redirect": "/stored-recordings/", "x-sendfile": f"{settings.RECORDINGS_DIR}/"}
    assert response.headers[header] == where[header] + stored.path
    assert response.headers["Content-Type"] == "audio/wav"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["Content-Disposition"].startswith('inline; filename="call-2')
    with tenant_transaction(cast.acme.pk):
        assert AuditEntry.objects.filter(action="recording_played").count() == 1
    client.force_login(cast.charlie.user)
    foreign = play(client, stored)
    assert foreign.status_code == 404 and header not in foreign.headers


@pytest.mark.parametrize("wanted", [["bytes=0-"], ["bytes=5-9", "bytes=0-1", "", "bytes=-3"]])
def test_one_listening_is_one_entry_of_the_trail_in_however_many_pieces(
    stored: Recording, cast: Any, signed_in: Any, wanted: list[str]
) -> None:
    client = signed_in(cast.bob)
    for part in wanted * 2:
        body(play(client, stored, part))
    url = reverse("recording", args=[stored.pk])
    kept = client.get(url + "?download=1")
    assert kept.headers["Content-Disposition"].startswith('attachment; filename="call-2')
    assert body(kept) == wav(0.1)
    body(play(signed_in(cast.alice), stored))
    play(client, stored, "bytes=999999-")
    with tenant_transaction(cast.acme.pk):
        noted = [
            (entry.action, entry.name, entry.object_id)
            for entry in AuditEntry.objects.filter(object_type="recording").order_by("at")
        ]
    assert noted == [
        ("recording_played", "Bob", str(stored.pk)),
        ("recording_downloaded", "Bob", str(stored.pk)),
        ("recording_played", "Alice", str(stored.pk)),
    ]


def test_what_cannot_be_noted_is_not_heard(
    stored: Recording, cast: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(cast.bob)
    client.raise_request_exception = False

    def fail(*args: Any, **kwargs: Any) -> None:
        raise IntegrityError("the trail is full")

    with monkeypatch.context() as broken:
        broken.setattr("tenants.trail.audit.record_look", fail)
        assert play(client, stored).status_code == 500
    assert play(client, stored).status_code == 200


def test_another_workspace_and_strangers_hear_nothing(
    stored: Recording, cast: Any, client: Client
) -> None:
    assert play(client, stored).status_code == 302
    client.force_login(cast.charlie.user)
    foreign = play(client, stored)
    stored.pk = cast.acme.pk
    nothing = play(client, stored)
    assert foreign.status_code == nothing.status_code == 404
    assert foreign.content == nothing.content


@pytest.mark.parametrize("state", ["recording", "waiting", "absent", "failed"])
def test_what_is_not_stored_cannot_be_played(
    stored: Recording, cast: Any, signed_in: Any, state: str
) -> None:
    with tenant_transaction(cast.acme.pk):
        Recording.objects.filter(pk=stored.pk).update(state=state)
    assert play(signed_in(cast.bob), stored).status_code == 404


def test_a_file_that_is_gone_is_404(stored: Recording, cast: Any, signed_in: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        Recording.objects.filter(pk=stored.pk).update(path="gone.wav")
    assert play(signed_in(cast.bob), stored).status_code == 404


def test_a_call_of_another_tenant_gets_no_recording(dialled: Scene, cast: Any) -> None:
    assert dialled.call
    with pytest.raises(LookupError):
        recordings.note_recording(
            cast.borealis.pk,
            call_id=dialled.call.pk,
            call_sid=dialled.call.twilio_call_sid or "",
            account_sid=dialled.room.account_sid,
            sid=sid("RE"),
            status="completed",
            duration=1,
            channels=1,
            now=timezone.now(),
        )
    with tenant_transaction(cast.acme.pk):
        assert not Recording.objects.exists()
        assert CallLog.objects.count() == 1


def test_two_who_fetch_the_same_at_once_store_it_whole(
    stored: Recording, storage: Path, monkeypatch: Any
) -> None:
    """Somebody has asked for it again while it was on its way; a third was killed at it."""
    audio = wav(0.2)
    other: list[Any] = []

    def chunks(*_: Any) -> Any:
        yield audio[:100]
        if not other:
            other.append(recordings._save(stored, iter([audio]), len(audio)))
        yield audio[100:]

    killed = storage / f"{stored.tenant_id.hex}/{stored.pk.hex}.killed.partial"
    killed.parent.mkdir(exist_ok=True)
    killed.write_bytes(b"RIFF")
    os.utime(killed, (0, 0))
    path, size, _ = recordings._save(stored, chunks(), len(audio))
    assert other == [(path, size, hashlib.sha256(audio).hexdigest())]
    assert (storage / path).read_bytes() == audio
    assert list(storage.rglob("*.partial")) == []
