"""Guards of views."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render


def member_required(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Only for people with a workspace; others are told so."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.tenant is None:  # type: ignore[attr-defined]
            return render(request, "no_workspace.html", status=403)
        return view(request, *args, **kwargs)

    return guarded
