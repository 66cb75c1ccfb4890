"""Static files, served around the Django application by servestatic.

As Django middleware servestatic would cost every request under WSGI an event loop.
"""

import sys
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from servestatic.asgi import ServeStaticASGI
from servestatic.storage import CompressedManifestStaticFilesStorage
from servestatic.wsgi import ServeStatic


class Storage(CompressedManifestStaticFilesStorage):
    """Hashed names, compressed; vendored files name source maps that are not shipped."""

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


def with_static_wsgi(application: Any) -> Any:
    return _with_folders(ServeStatic(application, **_options()))


def with_static_asgi(application: Any) -> Any:
    if find_spec("sniffio") is None:
        # Each request would look for it in every folder of the path, which costs more than all else
        # that a file costs.
        sys.modules["sniffio"] = None  # type: ignore[assignment]
    return _with_folders(ServeStaticASGI(application, **_options()))


def _options() -> dict[str, Any]:
    # Files found by finders may change under the running process: look at each request.
    changing = settings.STATIC_USE_FINDERS
    return {
        "autorefresh": changing,
        "max_age": 0 if changing else 60,
        "allow_all_origins": False,
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
