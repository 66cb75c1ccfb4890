"""Recordings in an S3-compatible store: moto's server, in a process of its own."""

import logging
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from botocore.exceptions import ParamValidationError
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from calls import tasks
from calls.gateway import stores
from calls.models import Recording
from calls.tests.conftest import Scene, dial, scene_of, sid
from calls.tests.services.test_recordings import Wire, completed, fetched, play, wav
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry
from voip_crm.recording_settings import origins
from voip_crm.tests import harness
from voip_crm.tests.environment import free_port

SECRET = "never+in/a/log"


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    processes, port = harness.Processes(), free_port()
    try:
        process = processes.start("s3", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
        processes.wait_for("s3", f"http://127.0.0.1:{port}")
        yield process, f"http://127.0.0.1:{port}"
    finally:
        processes.close()


@pytest.fixture
def bucket(server: Any, settings: Any, tmp_path: Path, monkeypatch: Any) -> Iterator[Any]:
    """boto3's own view of it, past the product."""
    settings.RECORDINGS_DIR = tmp_path
    settings.RECORDINGS_STORE = {
        "bucket_name": "recordings",
        "endpoint_url": server[1],
        "region_name": "us-east-1",
        "access_key": "AKIDEXAMPLE",
        "secret_key": SECRET,
        "addressing_style": "path",
    }
    own = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    found = boto3.resource("s3", endpoint_url=server[1], **own).Bucket("recordings")
    found.create()
    monkeypatch.setattr(stores, "ASKED", 1)
    stores.hangs.forget()
    yield found
    found.objects.delete()
    stores.hangs.forget()


@pytest.fixture
def away(server: Any) -> Iterator[Any]:
    """Two verbs: it takes connections and says nothing; it answers again."""
    process, _ = server
    yield lambda: process.send_signal(signal.SIGSTOP), lambda: process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGCONT)


def given(monkeypatch: Any, audio: bytes) -> None:
    Wire((200, audio, {"Content-Length": str(len(audio))})).install(monkeypatch)


@pytest.fixture
def dialled(cast: Any) -> Scene:
    return dial(scene_of(cast.bob), cast)


@pytest.fixture
def kept(dialled: Scene, bucket: Any, monkeypatch: Any) -> Recording:
    """Fetched from Twilio and kept in the store."""
    with monkeypatch.context() as wire:
        given(wire, wav(0.1))
        wait, recording = fetched(completed(dialled, sid("RE")))
    assert (wait, recording.state) == (None, "stored")
    return recording


def test_a_recording_is_kept_in_the_store_alone(
    kept: Recording, bucket: Any, tmp_path: Path
) -> None:
    (found,) = bucket.objects.all()
    assert found.key == kept.path == f"{kept.tenant_id.hex}/{kept.pk.hex}.wav"
    assert found.get()["Body"].read() == wav(0.1)
    assert found.get()["ContentType"] == "audio/wav"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    everybody = {grant["Grantee"].get("URI") for grant in found.Object().Acl().grants}
    assert everybody == {None}, "nobody beside the bucket's owner may read it"


def test_it_is_heard_by_a_link_that_is_good_for_a_short_time_and_one_workspace(
    kept: Recording, cast: Any, signed_in: Any, client: Any
) -> None:
    answer = play(signed_in(cast.bob), kept)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "private, no-store")
    link = urlsplit(answer.headers["Location"])
    asked = parse_qs(link.query)
    assert asked["X-Amz-Expires"] == ["301"] and asked["X-Amz-Signature"]
    part = requests.get(link.geturl(), headers={"Range": "bytes=4-7"}, timeout=10)
    assert (part.status_code, part.content) == (206, wav(0.1)[4:8])
    assert part.headers["Content-Type"] == "audio/wav"
    assert part.headers["Content-Disposition"].startswith('inline; filename="call-2')
    url = reverse("recording", args=[kept.pk])
    saved = client.get(f"{url}?download").headers["Location"]
    assert "attachment" in parse_qs(urlsplit(saved).query)["response-content-disposition"][0]
    with tenant_transaction(cast.acme.pk):
        noted = [entry.action for entry in AuditEntry.objects.filter(object_type="recording")]
    assert sorted(noted) == ["recording_downloaded", "recording_played"]
    client.force_login(cast.charlie.user)
    foreign = play(client, kept)
    assert (foreign.status_code, foreign.headers.get("Location")) == (404, None)


@pytest.mark.parametrize("lost", ["gone", "short"])
def test_an_object_that_is_gone_is_fetched_again(
    kept: Recording, bucket: Any, cast: Any, signed_in: Any, monkeypatch: Any, lost: str
) -> None:
    client = signed_in(cast.bob)
    bucket.Object(kept.path).delete()
    if lost == "short":
        bucket.Object(kept.path).put(Body=wav(0.1)[:-10])
    queued: list[Any] = []
    monkeypatch.setattr("calls.pages.recordings.queue", lambda task, *ids: queued.append(ids))
    assert play(client, kept).status_code == 404
    assert queued == [(kept.tenant_id, kept.pk)]
    given(monkeypatch, wav(0.1))
    assert fetched(kept)[1].state == "stored"
    assert play(client, kept).status_code == 302


def test_while_the_store_is_away_a_recording_waits_and_whoever_listens_is_told(
    kept: Recording,
    cast: Any,
    signed_in: Any,
    monkeypatch: Any,
    away: Any,
    caplog: Any,
) -> None:
    monkeypatch.setattr(stores, "GIVEN", 1)
    client = signed_in(cast.bob)
    stop, back = away
    stop()
    answer = play(client, kept)
    assert (answer.status_code, answer.headers.get("Location")) == (503, None)
    assert "store of recordings doesn’t answer" in answer.content.decode()
    with tenant_transaction(cast.acme.pk):
        Recording.objects.update(state="waiting", next_attempt_at=timezone.now())
    given(monkeypatch, wav(0.1))
    wait, recording = fetched(kept)
    assert wait and (recording.state, recording.attempts) == ("waiting", 2)
    assert recording.error == "The store of recordings is away: ReadTimeoutError."
    page = client.get(reverse("call", args=[kept.call_id])).content.decode()
    assert "The last try failed; we’ll keep trying." in page
    # After three in a row nobody is kept waiting by it.
    with pytest.raises(stores.StoreAway, match="is away"):
        stores.recordings().size("x")
    with pytest.raises(stores.StoreAway, match="has not answered for a while"):
        stores.recordings().size("x")
    back()
    stores.hangs.forget()
    given(monkeypatch, wav(0.1))
    wait, recording = fetched(kept, seconds=wait + 1)
    assert (wait, recording.state, recording.error) == (None, "stored", "")
    assert SECRET not in caplog.text


def test_a_store_that_refuses_is_tried_again_and_its_key_is_in_no_log(
    dialled: Scene, bucket: Any, settings: Any, monkeypatch: Any, caplog: Any, capsys: Any
) -> None:
    caplog.set_level(logging.INFO)
    settings.RECORDINGS_STORE = settings.RECORDINGS_STORE | {"bucket_name": "nobodys"}
    given(monkeypatch, wav(0.1))
    wait, recording = fetched(completed(dialled, sid("RE")))
    assert wait and recording.error == "The store of recordings refused: NoSuchBucket."
    assert "NoSuchBucket" in caplog.text
    assert not [word for word in (SECRET, "AKIDEXAMPLE", "Signature") if word in caplog.text]


def test_a_link_that_cannot_be_signed_is_said(
    kept: Recording, cast: Any, signed_in: Any, monkeypatch: Any
) -> None:
    client = signed_in(cast.bob)
    refuse = Mock(side_effect=ParamValidationError(report="Expires"))
    monkeypatch.setattr("botocore.signers.RequestSigner.generate_presigned_url", refuse)
    answer = play(client, kept)
    assert (answer.status_code, refuse.call_count) == (503, 1)
    assert "store of recordings doesn’t answer" in answer.content.decode()


def test_of_a_bucket_that_is_not_there_nothing_is_lost(
    kept: Recording, cast: Any, signed_in: Any, settings: Any
) -> None:
    settings.RECORDINGS_STORE = settings.RECORDINGS_STORE | {"bucket_name": "nobodys"}
    assert play(signed_in(cast.bob), kept).status_code == 503
    with pytest.raises(CommandError, match="The store of recordings refused"):
        call_command("fetch_recordings", "acme", "--check")
    with tenant_transaction(cast.acme.pk):
        assert Recording.objects.get(pk=kept.pk).state == "stored"


def test_the_command_looks_into_the_store_and_says_when_it_is_away(
    kept: Recording, bucket: Any, cast: Any, settings: Any, capsys: Any
) -> None:
    bucket.Object(kept.path).delete()
    call_command("fetch_recordings", "acme", "--check")
    assert "1 of 1 stored ones whose files cannot be read" in capsys.readouterr().out
    with tenant_transaction(cast.acme.pk):
        assert Recording.objects.get(pk=kept.pk).state == "waiting"
        Recording.objects.update(state="stored", next_attempt_at=None)
    settings.RECORDINGS_STORE = settings.RECORDINGS_STORE | {"endpoint_url": "http://127.0.0.1:9"}
    with pytest.raises(CommandError, match="The store of recordings is away"):
        call_command("fetch_recordings", "acme", "--check")


@pytest.mark.parametrize("where", ["store", "folder"])
def test_what_is_deleted_is_deleted_there_too(
    kept: Recording,
    bucket: Any,
    settings: Any,
    tmp_path: Path,
    monkeypatch: Any,
    where: str,
) -> None:
    if where == "folder":
        settings.RECORDINGS_STORE = {}
        (tmp_path / kept.path).write_bytes(wav(0.1))
    queued: list[Any] = []
    monkeypatch.setattr(
        "tenants.bricks.queueing.queue", lambda task, *given: queued.append((task, given))
    )
    with tenant_transaction(kept.tenant_id):
        kept.call.delete()
    assert queued == [(tasks.remove_audio, (kept.tenant_id, kept.path))]
    tasks.remove_audio(str(kept.tenant_id), kept.path)
    tasks.remove_audio(str(kept.tenant_id), kept.path)  # any task may run twice
    assert stores.recordings().size(kept.path) is None
    again: list[Any] = []
    monkeypatch.setattr("calls.tasks.queue", lambda task, *given, countdown: again.append(given))
    settings.RECORDINGS_STORE = {"addressing_style": "path", "endpoint_url": "http://127.0.0.1:9"}
    settings.RECORDINGS_STORE |= {"bucket_name": "x", "access_key": "x", "secret_key": "x"}
    tasks.remove_audio(str(kept.tenant_id), kept.path)
    assert again == [(str(kept.tenant_id), kept.path)]


def test_all_threads_of_a_process_share_one_way_to_the_store(bucket: Any) -> None:
    """Each of its own would take 17 MB."""
    made: list[Any] = []
    threads = [
        threading.Thread(target=lambda: made.append(stores._storage(stores.ASKED).connection))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
        thread.join()
    assert len(made) == 3 and len({id(connection) for connection in made}) == 1


@pytest.mark.parametrize("is_amazon", [True, False])
def test_pages_may_play_what_is_linked_to_and_from_nowhere_else(
    settings: Any, is_amazon: bool
) -> None:
    settings.RECORDINGS_STORE = {
        "bucket_name": "recordings",
        "endpoint_url": "https://s3.eu-central-1.amazonaws.com",
        "region_name": "eu-central-1",
        "access_key": "x",
        "secret_key": "x",
        "addressing_style": "virtual" if is_amazon else "path",
    }
    if not is_amazon:
        settings.RECORDINGS_STORE |= {"endpoint_url": "https://store.example:9000"}
    link = urlsplit(stores.Bucket().link("a/b.wav", seconds=10))
    own = "https://recordings.s3.eu-central-1.amazonaws.com"
    found = origins(settings.RECORDINGS_STORE)
    assert found == [own if is_amazon else "https://store.example:9000"]
    assert found == [f"{link.scheme}://{link.netloc}"]
    assert origins({}) == []
