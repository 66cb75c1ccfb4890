"""What a registry's `Send` is as a request of Django's test client."""

import json
from typing import Any
from urllib.parse import urlencode

from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from voip_crm.tests.isolation.registry import Send
from voip_crm.tests.isolation.world import Side


def filled(text: Any, side: Side, **instead: str) -> Any:
    """`text` with the workspace's ids in its braces."""
    return text.format_map(side.ids | instead) if isinstance(text, str) else text


def parts(path: str, send: Send, side: Side, **instead: str) -> dict[str, Any]:
    """The arguments of `ask`: path with query, body, type of the body, headers."""

    def fill(given: Any) -> dict[str, Any]:
        return {filled(k, side, **instead): filled(v, side, **instead) for k, v in given.items()}

    sent: dict[str, Any] = {"path": path, "headers": dict(send.headers)}
    if send.query:
        sent["path"] += "?" + urlencode(fill(send.query))
    if send.json is not None:
        return sent | {"data": json.dumps(fill(send.json)), "content_type": "application/json"}
    if send.form is not None:
        form = fill(send.form)
        if "file" in form:
            from django.core.files.uploadedfile import SimpleUploadedFile

            form["file"] = SimpleUploadedFile("contacts.csv", form["file"].encode())
            return sent | {
                "data": encode_multipart(BOUNDARY, form),
                "content_type": MULTIPART_CONTENT,
            }
        return sent | {
            "data": urlencode(form),
            "content_type": "application/x-www-form-urlencoded",
        }
    return sent
