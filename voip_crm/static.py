"""Static files, served around the Django application by servestatic: compressed, and what `bundles`
joins in one piece. As Django middleware servestatic would cost every request under WSGI an event
loop.
"""

import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.files.base import ContentFile
from servestatic.asgi import ServeStaticASGI
from servestatic.compress import Compressor
from servestatic.responders import MissingFileError
from servestatic.storage import CompressedManifestStaticFilesStorage
from servestatic.wsgi import ServeStatic

from voip_crm import bundles


class Storage(CompressedManifestStaticFilesStorage):
    """Hashed names alone, compressed; vendored files name source maps that are not shipped."""

    keep_only_hashed_files = True
    patterns = (
        (
            "*.css",
            (
                r"""(?P<matched>url\(['"]{0,1}\s*(?P<url>.*?)["']{0,1}\))""",
                (
                    r"""(?P<matched>@import\s*["']\s*(?P<url>.*?)["'])""",
                    """@import url("%(url)s")""",
                ),
            ),
        ),
    )

    def post_process(self, paths: dict[str, Any], *args: Any, **options: Any) -> Iterator[Any]:
        joined = {name: (_Joined(paths[name][0]), name) for name in bundles.ENTRIES}
        return super().post_process(paths | joined, *args, **options)


class _Joined:
    """A storage of which each file is opened with its parts in their places."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage

    def open(self, name: str) -> ContentFile:
        def read(part: str) -> str:
            with self.storage.open(str(PurePosixPath(name).with_name(part))) as file:
                return str(file.read().decode())

        return ContentFile(bundles.joined(name, read).encode())


class _Changing:
    """Files that may change under the running process: each request looks at them. As they are sent
    they are kept in STATIC_ROOT, named after what is in them.
    """

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> Any:
        if not Path(path).is_file():
            raise MissingFileError(path)
        kept = _kept(Path(path), url.removeprefix(settings.STATIC_URL))
        return super().get_static_file(str(kept), url)  # type: ignore[misc]  # a mixin


class _ChangingWSGI(_Changing, ServeStatic):
    pass


class _ChangingASGI(_Changing, ServeStaticASGI):
    pass


def _kept(path: Path, name: str) -> Path:
    data = path.read_bytes()
    if name in bundles.ENTRIES:
        data = bundles.joined(name, lambda part: path.with_name(part).read_text()).encode()
    folder = settings.STATIC_ROOT / "kept"
    kept: Path = folder / f"{sha256(data).hexdigest()[:20]}{path.suffix}"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as draft:
            made = Path(draft, kept.name)
            made.write_bytes(data)
            compressed = Compressor(quiet=True).compress(made)
            for file in [*map(Path, compressed), made]:  # itself last: then all is there
                file.replace(folder / file.name)
    return kept


def with_static_wsgi(application: Any) -> Any:
    kind = _ChangingWSGI if settings.STATIC_USE_FINDERS else ServeStatic
    return _with_folders(kind(application, **_options()))


def with_static_asgi(application: Any) -> Any:
    if find_spec("sniffio") is None:
        # Each request would look for it in every folder of the path, which costs more than all else
        # that a file costs.
        sys.modules["sniffio"] = None  # type: ignore[assignment]
    kind = _ChangingASGI if settings.STATIC_USE_FINDERS else ServeStaticASGI
    return _with_folders(kind(application, **_options()))


def _options() -> dict[str, Any]:
    changing = settings.STATIC_USE_FINDERS
    return {
        "autorefresh": changing,
        "max_age": 0 if changing else 60,
        "allow_all_origins": False,
        "mimetypes": {".wav": "audio/wav"},  # without it Twilio plays none of them to callers
    }


def _with_folders(server: ServeStatic | ServeStaticASGI) -> Any:
    if not settings.STATIC_USE_FINDERS:
        settings.STATIC_ROOT.mkdir(exist_ok=True)
        server.add_files(settings.STATIC_ROOT, settings.STATIC_URL)
        return server
    # The first finder wins in Django, the last added folder here.
    folders = [
        storage.location
        for finder in get_finders()
        for storage in getattr(finder, "storages", {}).values()
    ]
    for folder in reversed(folders):
        server.add_files(folder, settings.STATIC_URL)
    return server
