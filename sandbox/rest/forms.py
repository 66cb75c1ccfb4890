"""Strict forms: what nobody implements is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from multidict import MultiMapping

from sandbox.rest.core import ApiError


class Form:
    """A form whose every field must be asked for: ``finish`` refuses what nobody implements."""

    def __init__(self, data: MultiMapping[Any]) -> None:
        self._data = data
        self._asked: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether the field was sent."""
        self._asked.add(name)
        return name in self._data

    def text(self, name: str, default: str = "") -> str:
        """A text field."""
        return str(self._data.get(name, default)) if self.has(name) else default

    def flag(self, name: str, default: bool = False) -> bool:
        """``true`` or ``false``, in any case."""
        text = self.text(name, str(default)).lower()
        if text not in ("true", "false"):
            raise ApiError(400, 20001, f"{name} must be true or false")
        return text == "true"

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within limits."""
        text = self.text(name, str(default))
        if not text.isdigit() or not low <= int(text) <= high:
            raise ApiError(400, 20001, f"{name} must be between {low} and {high}")
        return int(text)

    def choice(self, name: str, default: str, allowed: Sequence[str], code: int = 20001) -> str:
        """One of a few words."""
        text = self.text(name, default)
        if text not in allowed:
            raise ApiError(400, code, f"{name} must be one of {', '.join(allowed)}")
        return text

    def words(self, name: str, default: str, allowed: Sequence[str], code: int) -> frozenset[str]:
        """Repeated or space-separated words."""
        sent = self._data.getall(name) if self.has(name) else [default]
        found = frozenset(word for value in sent for word in str(value).split())
        if unknown := found - set(allowed):
            raise ApiError(400, code, f"{name}: {', '.join(sorted(unknown))} is not an event")
        return found

    def method(self, name: str, default: str = "POST", code: int = 20001) -> str:
        """GET or POST."""
        return self.choice(name, default, ("GET", "POST"), code)

    def url(self, name: str, code: int = 21609) -> str:
        """An http(s) URL, '' if not sent. Twilio refuses hosts with underscores."""
        text = self.text(name)
        if text:
            parts = urlsplit(text)
            host = parts.hostname or ""
            if parts.scheme not in ("http", "https") or not host or "_" in host:
                raise ApiError(400, code, f"{name} is not a valid URL: {text}")
        return text

    def finish(self) -> None:
        """Refuse what was not asked for, instead of ignoring it in silence."""
        if unknown := sorted(set(self._data) - self._asked):
            names = ", ".join(unknown)
            raise ApiError(400, 20001, f"Parameter {names} is not implemented by the sandbox")


async def form(request: web.Request) -> Form:
    """The posted fields."""
    return Form(await request.post())
