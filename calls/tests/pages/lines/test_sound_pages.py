"""Sounds: uploaded, listened to, named, chosen, removed; and what is refused, and why."""

import html
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from calls.facts.inbound.plans import Announcement
from calls.gateway import addresses, stores
from calls.models import Sound
from calls.tests.facts.test_sounds import mp3, wav
from calls.tests.pages.lines.conftest import LINES, Office, fields
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry

NEW = f"{LINES}/sounds/new"


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> Path:
    settings.RECORDINGS_DIR, settings.RECORDINGS_SENT_BY = tmp_path, "web"
    return tmp_path


def upload(client: Client, data: bytes = b"", *, name: str = "Welcome", **more: str) -> Any:
    file = SimpleUploadedFile("any.bin", wav(2) if data == b"" else data)
    return client.post(NEW, {"name": name, "file": file, **more})


def only(office: Office) -> Sound:
    with tenant_transaction(office.cast.acme.pk):
        found: Sound = Sound.objects.get()
    return found


def test_an_uploaded_sound_is_kept_listened_to_and_played_to_callers(
    office: Office, store: Path
) -> None:
    assert upload(office.client).status_code == 303
    sound = only(office)
    assert (sound.content_type, sound.duration, sound.size) == ("audio/wav", 2, len(wav(2)))
    assert (store / sound.path).read_bytes() == wav(2)
    assert [path.suffix for path in store.rglob("*.*")] == [".wav"]
    heard = office.client.get(f"{LINES}/sounds/{sound.pk}/audio", headers={"Range": "bytes=0-3"})
    part = b"".join(heard.streaming_content)  # type: ignore[attr-defined]  # of a file
    assert (heard.status_code, part) == (206, b"RIFF")
    assert heard.headers["Cache-Control"] == "private, no-store"
    address = addresses.sound(sound.tenant_id, sound.pk).removeprefix(product.PUBLIC_BASE_URL)
    outside = Client().get(address)
    assert b"".join(outside.streaming_content) == wav(2)  # type: ignore[attr-defined]  # of a file
    page = office.client.get(f"{LINES}/sounds/{sound.pk}").content.decode()
    assert f'src="{LINES}/sounds/{sound.pk}/audio"' in page


def test_an_mp3_is_served_as_what_it_is(office: Office) -> None:
    assert upload(office.client, mp3(383)).status_code == 303
    sound = only(office)
    answer = office.client.get(f"{LINES}/sounds/{sound.pk}/audio")
    assert (answer.headers["Content-Type"], sound.duration) == ("audio/mpeg", 11)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no sound at all", "Choose a WAV or MP3 file."),
        (wav(2)[:-900], "The file is cut short. Upload it again."),
        (wav(601, width=1), "The sound is longer than 10 minutes. Shorten it."),
        (bytes(12 * 2**20 + 1), "The file is larger than 12 MB. Save it as MP3."),
    ],
)
def test_a_bad_file_is_refused_at_its_field_and_leaves_nothing(
    office: Office, store: Path, data: bytes, message: str
) -> None:
    answer = upload(office.client, data)
    assert f'id="id_file_note" class="field-error">{message}' in html.unescape(
        answer.content.decode()
    )
    assert answer.status_code == 422 and fields(answer)["name"] == "Welcome"
    assert not list(store.rglob("*.*"))
    with tenant_transaction(office.cast.acme.pk):
        assert not Sound.objects.exists()


def test_without_a_file_or_a_name_it_says_so(office: Office) -> None:
    page = html.unescape(office.client.post(NEW, {"name": ""}).content.decode())
    assert "Enter a name." in page and "Choose a file, or record one." in page


def test_a_name_is_given_once(office: Office, store: Path) -> None:
    upload(office.client)
    answer = upload(office.client, mp3(383))
    assert answer.status_code == 422 and "Another sound has this name." in answer.content.decode()
    assert len(list(store.rglob("*.*"))) == 1


def test_while_the_store_is_away_it_says_so_and_nothing_is_lost(
    office: Office, monkeypatch: Any
) -> None:
    def away(*_: Any) -> None:
        raise stores.StoreAway("away")

    monkeypatch.setattr(stores.Folder, "keep", away)
    answer = upload(office.client)
    assert answer.status_code == 422 and fields(answer)["name"] == "Welcome"
    assert "Our store of recordings doesn’t answer." in answer.content.decode()


def test_a_sound_is_named_anew_and_the_second_of_two_is_told(office: Office) -> None:
    upload(office.client)
    path = f"{LINES}/sounds/{only(office).pk}"
    first = office.client.post(path, {"name": "Hello", "was": "Welcome"})
    second = office.client.post(path, {"name": "Hi", "was": "Welcome"})
    assert (first.status_code, second.status_code) == (303, 422)
    assert "Someone named it “Hello” in the meantime." in second.content.decode()
    assert only(office).name == "Hello"


def test_a_sound_that_is_played_stays_and_one_that_is_not_goes_with_its_file(
    office: Office, store: Path, django_capture_on_commit_callbacks: Any
) -> None:
    upload(office.client)
    sound = only(office)
    path = f"{LINES}/sounds/{sound.pk}/remove"
    assert office.save(f"{office.path}/edit", greeting_sound=sound.pk.hex).status_code == 303
    assert office.plan().greeting == Announcement(sound=sound.pk.hex)
    refused = office.client.post(path)
    assert refused.status_code == 422
    assert "Welcome is played by the line +14155550199." in refused.content.decode()
    assert office.save(f"{office.path}/edit", greeting_sound="").status_code == 303
    with django_capture_on_commit_callbacks(execute=True):
        assert office.client.post(path).status_code == 303
    with tenant_transaction(office.cast.acme.pk):
        assert not Sound.objects.exists()
        actions = AuditEntry.objects.filter(action__startswith="sound_").values_list("action")
        assert sorted(name for (name,) in actions) == ["sound_added", "sound_removed"]


def test_a_sound_is_made_from_where_it_is_chosen(office: Office) -> None:
    begun = office.save(f"{office.path}/edit", greeting_sound="new", closed_says_text="Typed")
    assert begun.status_code == 200 and "Or record it here" in begun.content.decode()
    drafts = fields(begun)["drafts"]
    wrong = upload(office.client, b"none", drafts=drafts)
    assert fields(wrong)["drafts"] == drafts
    saved = upload(office.client, drafts=drafts)
    assert saved.status_code == 303 and saved.headers["Location"] == office.path
    plan = office.plan()
    assert plan.greeting.sound == only(office).pk.hex
    assert plan.closed_says == Announcement("Typed")


def test_another_workspaces_sound_is_not_there(office: Office) -> None:
    upload(office.client)
    path = f"{LINES}/sounds/{only(office).pk}"
    with tenant_transaction(office.cast.borealis.pk):
        office.cast.charlie.role = "admin"
        office.cast.charlie.save()
    theirs = Client()
    theirs.force_login(office.cast.charlie.user)
    assert [theirs.get(path + end).status_code for end in ("", "/audio")] == [404, 404]
    assert theirs.post(f"{path}/remove").status_code == 404
