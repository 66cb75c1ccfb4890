"""Everything in one process, for `./run`: the live channel at /live, Django for the rest."""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voip_crm.settings")
django.setup(set_prefix=False)

from voip_crm import live  # noqa: E402  (needs Django set up)
from voip_crm.answers import with_body_limit  # noqa: E402
from voip_crm.checks import refuse_to_start_on_errors  # noqa: E402
from voip_crm.static import with_static_asgi  # noqa: E402
from voip_crm.streaming import StreamingHandler  # noqa: E402

refuse_to_start_on_errors()
_pages = with_static_asgi(with_body_limit(StreamingHandler()))


async def application(scope: Any, receive: Any, send: Any) -> None:
    app = live.application if scope.get("path") in (live.PATH, live.READY_PATH) else _pages
    await app(scope, receive, send)
