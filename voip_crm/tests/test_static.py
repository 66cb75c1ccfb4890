"""Static files in production: collected under hashed names, compressed, kept for ever."""

import gzip
import re
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
from django.contrib.staticfiles.finders import FileSystemFinder
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.templatetags.static import static
from django.test import override_settings

from voip_crm.bundles import ENTRIES
from voip_crm.static import with_static_wsgi


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("static")


@pytest.fixture
def collected(folder: Path, settings: Any) -> Any:
    storages = settings.STORAGES | {"staticfiles": {"BACKEND": "voip_crm.static.Storage"}}
    with override_settings(STATIC_ROOT=folder, STATIC_USE_FINDERS=False, STORAGES=storages):
        if not any(folder.iterdir()):
            call_command("collectstatic", verbosity=0, interactive=False)
        yield


def get(path: str, **environ: str) -> tuple[str, dict[str, str], bytes]:
    answer: list[Any] = []
    app = with_static_wsgi(lambda environ, start: start("404 Not Found", []) or [])
    request = {"PATH_INFO": path, "REQUEST_METHOD": "GET", **environ}
    body = b"".join(app(request, lambda status, headers: answer.extend([status, headers])))
    return answer[0], {name.lower(): value for name, value in answer[1]}, body


def test_a_hashed_file_is_compressed_and_kept_for_ever(collected: None) -> None:
    path = static("css/tabler.css")
    assert re.search(r"\.[0-9a-f]{12}\.css$", path)
    status, headers, _ = get(path, HTTP_ACCEPT_ENCODING="br")
    assert status == "200 OK" and headers["content-encoding"] == "br"
    assert "immutable" in headers["cache-control"]


def test_a_sound_is_called_one(collected: None) -> None:
    """Twilio plays nothing else to callers."""
    status, headers, body = get(static("sounds/ringback-1.wav"))
    assert (status, headers["content-type"]) == ("200 OK", "audio/wav") and body[:4] == b"RIFF"


def test_nothing_is_there_under_a_name_that_does_not_change(collected: None, folder: Path) -> None:
    assert get("/static/js/page.js")[0] == "404 Not Found"
    names = [p.name for p in folder.rglob("*.*") if p.is_file() and p.name != "staticfiles.json"]
    assert names and not [name for name in names if not re.search(r"\.[0-9a-f]{12}\b", name)]


@pytest.mark.parametrize("name", ENTRIES)
def test_what_belongs_together_is_one_file(collected: None, name: str) -> None:
    _, headers, body = get(static(name), HTTP_ACCEPT_ENCODING="gzip, br")
    assert headers["content-encoding"] == "br" and "immutable" in headers["cache-control"]
    assert not re.search(rb"^@?import ", brotli.decompress(body), re.MULTILINE)


def test_what_no_page_loads_is_not_collected(collected: None, settings: Any) -> None:
    vendored = {path.name for path in (settings.STATIC_ROOT / "vendor").glob("*.min.*")}
    assert any(name.startswith("twilio-voice-sdk") for name in vendored)
    assert not [name for name in vendored if name.startswith(("tabler-", "axe-core-"))]
    assert not settings.STATIC_ROOT.joinpath("rest_framework").exists()


def test_without_collecting_the_finders_serve(settings: Any) -> None:
    status, headers, body = get("/static/vendor/VENDOR.json")
    assert status == "200 OK" and body and "max-age=0" in headers["cache-control"]
    assert get("/static/admin/css/base.css")[0] == "200 OK"
    assert get("/static/../manage.py")[0] == "404 Not Found"


@pytest.mark.parametrize("way", ["br", "gzip"])
def test_without_collecting_files_are_compressed_and_joined_too(
    way: str, settings: Any, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path
    status, headers, body = get("/static/js/page.js", HTTP_ACCEPT_ENCODING=way)
    assert status == "200 OK" and headers["content-encoding"] == way
    assert "max-age=0" in headers["cache-control"] and "Accept-Encoding" in headers["vary"]
    text = {"br": brotli.decompress, "gzip": gzip.decompress}[way](body)
    assert b"const $phone = " in text and b"\nimport" not in text
    assert get("/static/js/page.js")[2] == text
    again = get("/static/js/page.js", HTTP_IF_NONE_MATCH=headers["etag"])
    assert again[0].startswith("304") and again[2] == b""


def test_a_file_that_changes_while_it_is_served_is_sent_as_it_is_now(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STATIC_ROOT = tmp_path / "root"
    settings.STATICFILES_DIRS = [tmp_path / "static"]
    monkeypatch.setattr("voip_crm.static.get_finders", lambda: [FileSystemFinder()])
    folder = tmp_path / "static" / "js"
    folder.mkdir(parents=True)
    folder.joinpath("page.js").write_text('import "./a.js";\n')
    tags = []
    for text in ("first();\n", "second();\n", "first();\n"):
        folder.joinpath("a.js").write_text(text)
        status, headers, body = get("/static/js/page.js")
        assert status == "200 OK" and text.encode() in body
        tags.append(headers["etag"])
    assert tags[0] == tags[2] != tags[1]


def test_the_test_run_itself_needs_no_collecting() -> None:
    assert staticfiles_storage.url("js/phone.js") == "/static/js/phone.js"
