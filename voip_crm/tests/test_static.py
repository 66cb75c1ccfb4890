"""Static files in production: collected under hashed names, compressed, kept for ever."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.templatetags.static import static
from django.test import override_settings

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


def test_what_no_page_loads_is_not_collected(collected: None, settings: Any) -> None:
    vendored = {path.name for path in (settings.STATIC_ROOT / "vendor").glob("*.min.*")}
    assert any(name.startswith("twilio-voice-sdk") for name in vendored)
    assert not [name for name in vendored if name.startswith(("tabler-", "axe-core-"))]


def test_without_collecting_the_finders_serve(settings: Any) -> None:
    status, headers, body = get("/static/vendor/VENDOR.json")
    assert status == "200 OK" and body and "max-age=0" in headers["cache-control"]
    assert get("/static/admin/css/base.css")[0] == "200 OK"
    assert get("/static/../manage.py")[0] == "404 Not Found"


def test_the_test_run_itself_needs_no_collecting() -> None:
    assert staticfiles_storage.url("js/phone.js") == "/static/js/phone.js"
