"""What callers hear: fetched by whoever has its signed address, and found by nobody else."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product
from django.test import Client

from calls.gateway import addresses, stores
from calls.models import Sound
from calls.tests.services.test_recordings import wav
from tenants.fence.context import tenant_transaction

AUDIO = wav(0.5)


@pytest.fixture
def sound(cast: Any, settings: Any, tmp_path: Path) -> Sound:
    settings.RECORDINGS_DIR, settings.RECORDINGS_SENT_BY = tmp_path, "web"
    (tmp_path / "welcome.wav").write_bytes(AUDIO)
    with tenant_transaction(cast.acme.pk):
        made: Sound = Sound.objects.create(
            name="Welcome to Acme", path="welcome.wav", content_type="audio/wav", size=len(AUDIO)
        )
    return made


def path_of(sound: Sound) -> str:
    return addresses.sound(sound.tenant_id, sound.pk).removeprefix(product.PUBLIC_BASE_URL)


def test_who_has_the_address_hears_it_without_a_session(sound: Sound, client: Client) -> None:
    response = client.get(path_of(sound))
    assert b"".join(response.streaming_content) == AUDIO  # type: ignore[attr-defined]
    headers = response.headers
    assert (headers["Content-Type"], headers["Content-Length"]) == ("audio/wav", str(len(AUDIO)))
    assert headers["Cache-Control"] == "public, max-age=86400"
    assert "Set-Cookie" not in headers


def test_the_address_tells_nothing_of_the_workspace(sound: Sound) -> None:
    assert "acme" not in path_of(sound).lower()
    assert "welcome" not in path_of(sound).lower()


def test_a_part_of_it_is_sent_to_who_asks_for_a_part(sound: Sound, client: Client) -> None:
    response = client.get(path_of(sound), headers={"Range": "bytes=4-9"})
    assert response.status_code == 206
    assert b"".join(response.streaming_content) == AUDIO[4:10]  # type: ignore[attr-defined]
    assert client.get(path_of(sound), headers={"Range": "bytes=999999-"}).status_code == 416


def test_the_proxy_sends_it_where_there_is_one(sound: Sound, client: Client, settings: Any) -> None:
    settings.RECORDINGS_SENT_BY = "x-accel-redirect"
    response = client.get(path_of(sound))
    assert response.headers["X-Accel-Redirect"] == "/stored-recordings/welcome.wav"
    assert response.headers["Content-Type"] == "audio/wav"


def test_a_link_to_the_store_is_kept_by_nobody_as_it_is_good_for_minutes(
    sound: Sound, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "recordings", stores.Bucket)
    link = "https://store.example/welcome.wav"
    monkeypatch.setattr(stores.Bucket, "link", lambda self, path, **_: link)
    response = client.get(path_of(sound))
    assert (response.status_code, response.headers["Location"]) == (302, link)
    assert response.headers["Cache-Control"] == "private, no-store"


def test_an_address_of_which_anything_is_changed_leads_nowhere(
    sound: Sound, client: Client, cast: Any
) -> None:
    path = path_of(sound)
    others = addresses.sound(cast.borealis.pk, sound.pk).removeprefix(product.PUBLIC_BASE_URL)
    gone = addresses.sound(cast.acme.pk, uuid.uuid4()).removeprefix(product.PUBLIC_BASE_URL)
    head, _, signature = path.rpartition(".")
    forged = [
        f"{head[:-1]}{'0' if head[-1] != '0' else '1'}.{signature}",
        f"{head}.{signature[:-1]}",
        head,
        others,
        gone,
    ]
    assert [client.get(each).status_code for each in forged] == [404] * len(forged)


def test_people_of_another_workspace_do_not_find_it(sound: Sound, cast: Any) -> None:
    client = Client()
    client.force_login(cast.charlie.user)
    assert client.get(path_of(sound)).status_code == 404
    client.force_login(cast.bob.user)
    assert client.get(path_of(sound)).status_code == 200


def test_while_the_store_is_away_it_says_so(sound: Sound, client: Client, tmp_path: Path) -> None:
    (tmp_path / "welcome.wav").unlink()
    assert client.get(path_of(sound)).status_code == 503
