"""What a registry's `Send` is as a request of Django's test client."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
            "data": urlencode(form, doseq=True),
            "content_type": "application/x-www-form-urlencoded",
        }
    return sent


# What is text of a workspace, not the id of an object.
_NO_IDS = ("marker", "slug", "email", "contact_e164")


@dataclass(frozen=True)
class Field:
    """A field of a right request that holds an id."""

    where: str  # query, form or json
    name: str
    key: str  # of Side.ids

    def given(self, send: Send, side: Side) -> Send:
        """The request with this field's id being one of `side`."""
        fields = {
            self._swapped(name, side) if name == self.name else name: (
                self._swapped(value, side) if name == self.name else value
            )
            for name, value in getattr(send, self.where).items()
        }
        changed: dict[str, Any] = {self.where: fields}
        return replace(send, **changed)

    def _swapped(self, text: Any, side: Side) -> Any:
        return text.replace(f"{{{self.key}}}", side.ids[self.key])


def id_fields(send: Send) -> Iterator[Field]:
    for where in ("query", "form", "json"):
        for name, value in (getattr(send, where) or {}).items():
            for key in re.findall(r"{(\w+)}", f"{name} {value}"):
                if key not in _NO_IDS:
                    yield Field(where, name, key)
