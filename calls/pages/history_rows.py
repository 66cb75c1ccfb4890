"""The rows of the history as HTML, each drawn once for everybody who sees the same, and what of
them an open page does not have yet.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple
from uuid import UUID

from django.http import HttpRequest
from django.template.loader import get_template, render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from calls.selectors import HistoryRow
from calls.selectors.lines import KEPT

_ANY = UUID(int=0)


class Drawn(NamedTuple):
    html: str
    version: str  # of what it says: 8 letters, the same as long as it says the same


def draw(
    rows: Sequence[HistoryRow], request: HttpRequest, *, of_contact: bool = False
) -> list[Drawn]:
    """`of_contact`: on that contact's page, to which no row need lead."""
    return [
        _in_doubt(row, request, of_contact) if row.doubt else _draw(row, of_contact) for row in rows
    ]


def joined(rows: Sequence[Drawn]) -> SafeString:
    return mark_safe("".join(row.html for row in rows))  # noqa: S308 # nosec B308 B703 # drawn by a template


def news(rows: Sequence[Drawn], seen: Sequence[str]) -> SafeString:
    """What a page that has rows of the versions `seen`, in this order, does not have: the rows as
    they now are, where `<tr data-seen="2 5">` is its own from the third to the fifth.
    """
    places = {version: place for place, version in enumerate(seen)}
    parts: list[str | range] = []
    for row in rows:
        place = places.get(row.version)
        last = parts[-1] if parts else None
        if place is None:
            parts.append(row.html)
        elif isinstance(last, range) and last.stop == place:
            parts[-1] = range(last.start, place + 1)
        else:
            parts.append(range(place, place + 1))
    html = (part if isinstance(part, str) else _own(part) for part in parts)
    return mark_safe("".join(html))  # noqa: S308 # nosec B308 B703 # drawn by a template


def same(seen: Sequence[str]) -> str:
    """The `news` of a page that has all there is, and nothing else."""
    return _own(range(len(seen))) if seen else ""


def _own(places: range) -> str:
    return f'<tr data-seen="{places.start} {places.stop}"></tr>'


@lru_cache(KEPT)
def _draw(row: HistoryRow, of_contact: bool) -> Drawn:
    """Pure: a row is the same HTML whoever asks, with nothing of a person or session in it."""
    addresses = {
        "icons": static("vendor/icons.svg"),
        "call_url": _address("call", row.id),
        "contact_url": "" if of_contact else _address("contact", row.contact_id),
        "recording_url": _address("recording", row.recording_id),
        "contact_new": reverse("contact_new"),
        "heard_url": _address("heard", row.recording_id) if row.is_new else "",
        "is_to_return": row.is_to_return,
    }
    html = get_template("_history_row.html").render(row._asdict() | addresses).strip()
    return _versioned(html, html)


def _in_doubt(row: HistoryRow, request: HttpRequest, of_contact: bool) -> Drawn:
    """With the question who it was, a form, which carries its session's token."""
    html = _draw(row._replace(doubt=None), of_contact).html
    form = render_to_string("_who_is_it.html", {"doubt": row.doubt}, request)
    return _versioned(html.replace("</th>", f"{form}</th>", 1), f"{html}{row.doubt}")


def _versioned(html: str, says: str) -> Drawn:
    digest = hashlib.blake2b(says.encode(), digest_size=6).digest()
    version = urlsafe_b64encode(digest).decode()
    return Drawn(html.replace(">", f' data-v="{version}">', 1), version)


def _address(route: str, pk: UUID | None) -> str:
    start, end = _around(route)
    return f"{start}{pk}{end}" if pk else ""


@cache
def _around(route: str) -> tuple[str, str]:
    start, _, end = reverse(route, args=[_ANY]).partition(str(_ANY))
    return start, end
