"""Forms that wait until what they shall lead to is made: a line's, while its group is, while that
one's voicemail box is. They wait in a hidden field of the form that is filled in meanwhile, so that
nothing typed is lost, in any number of tabs. What is in it was sent by a browser, and is judged as
any form is.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from django.http import QueryDict
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from tenants.bricks.http import TenantRequest
from tenants.fence.context import tenant_transaction

FIELD = "drafts"
LONGEST, MOST = 100_000, 8  # characters; forms that wait at once
WAITING = ("line_edit", "block_new", "block")  # the routes that they can be of


@dataclass(frozen=True)
class Draft:
    """A form of `path`, as it was sent; `field` is the one that waits, `title` the form's."""

    path: str
    field: str
    data: str
    title: str


def read(data: QueryDict) -> list[Draft]:
    """The outermost first. What is not ours is nothing."""
    text = data.get(FIELD, "")
    if len(text) > LONGEST:
        return []
    try:
        found: Any = json.loads(text or "[]")
        drafts = [Draft(**{name: str(value) for name, value in each.items()}) for each in found]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return []
    return drafts[:MOST]


def written(drafts: list[Draft]) -> str:
    return json.dumps([asdict(draft) for draft in drafts]) if drafts else ""


def waiting(request: TenantRequest, field: str, title: str) -> list[Draft]:
    """Those of the request's form, and itself."""
    data = request.POST.copy()
    for name in (FIELD, "csrfmiddlewaretoken"):
        data.pop(name, None)
    return [*read(request.POST), Draft(request.path, field, data.urlencode(), title)]


def go_on(request: TenantRequest, drafts: list[Draft], value: str) -> HttpResponseBase | None:
    """With the form that has waited longest for nothing: as if it were sent again, its field chosen
    ("": shown again). None: it is no form of ours.
    """
    *rest, draft = drafts
    try:
        match = resolve(draft.path)
    except Resolver404:
        return None
    if match.url_name not in WAITING:
        return None
    data = QueryDict(draft.data, mutable=True)
    data[draft.field] = value
    data[FIELD] = written(rest)
    if not value:
        data["change"] = "back"
    send_on(request, draft.path, data)
    with tenant_transaction():
        answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return answer


def send_on(request: TenantRequest, path: str, data: QueryDict) -> None:
    """Make the request one of another form of ours."""
    request.POST = data  # type: ignore[assignment]  # Django's own setter takes any
    request.path = request.path_info = path
