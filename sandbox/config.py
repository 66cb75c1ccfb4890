"""The configuration file: accounts with their keys, applications and numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sandbox.ids import now

T = TypeVar("T")


class ConfigError(ValueError):
    """The file cannot be used; the message names the key."""


@dataclass
class Application:
    """A TwiML application: where a browser's outgoing call asks for TwiML."""

    sid: str
    friendly_name: str = ""
    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    date_created: datetime = field(default_factory=now)


@dataclass
class Number:
    """A phone number of the account, in E.164. The SIDs are those that it was bought with."""

    sid: str
    phone_number: str
    friendly_name: str = ""
    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    voice_application_sid: str = ""
    status_callback: str = ""
    status_callback_method: str = "POST"
    address_sid: str = ""
    bundle_sid: str = ""
    date_created: datetime = field(default_factory=now)


@dataclass
class Account:
    """One tenant of the sandbox; sees only its own resources.

    ``secondary_token`` signs in to REST but signs nothing; ``type`` is Full or Trial.
    ``addresses`` and approved ``bundles``, which some numbers cannot be bought without: the ISO
    code of each one's country by its SID.
    """

    sid: str
    auth_token: str
    friendly_name: str = ""
    secondary_token: str = ""
    type: str = "Full"
    status: str = "active"
    api_keys: dict[str, str] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    numbers: dict[str, Number] = field(default_factory=dict)
    verified_numbers: list[str] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    bundles: dict[str, str] = field(default_factory=dict)
    date_created: datetime = field(default_factory=now)

    def told_of(self, number: Number) -> Application | Number:
        """Whose addresses are asked and told of its calls: an application's take the place of the
        number's own.
        """
        return self.applications.get(number.voice_application_sid, number)

    def owns(self, phone_number: str) -> bool:
        """Whether calls may be made with this caller ID."""
        ours = {number.phone_number for number in self.numbers.values()}
        return phone_number in ours or phone_number in self.verified_numbers


@dataclass
class Config:
    """``ring_seconds``: how long a handset rings; ``calls_per_second`` 0: unlimited;
    ``rest_concurrency``: requests of one account at once, beyond which it is told 429;
    ``events_seconds``: how long after a call's end its Events can be asked for.
    """

    accounts: dict[str, Account]
    data_dir: Path = Path("var/sandbox")
    ring_seconds: float = 1.5
    calls_per_second: float = 0
    rest_concurrency: int = 100
    events_seconds: float = 900
    geo_blocked_prefixes: list[str] = field(default_factory=list)
    blocked_numbers: list[str] = field(default_factory=list)
    media_auth: bool = True
    local_media: bool = True
    base_url: str = "http://127.0.0.1:8700"


def _build(kind: type[T], data: dict[str, Any], where: str) -> T:
    known = {f.name for f in fields(kind)} - {"date_created"}  # type: ignore[arg-type]
    if unknown := set(data) - known:
        raise ConfigError(f"{where}: unknown key {', '.join(sorted(unknown))}")
    try:
        return kind(**data)
    except TypeError as error:
        raise ConfigError(f"{where}: {error}") from None


def _account(data: dict[str, Any]) -> Account:
    where = f"accounts[{data.get('sid', '?')}]"
    data = dict(data)
    data["api_keys"] = {key["sid"]: key["secret"] for key in data.get("api_keys", [])}
    apps = [_build(Application, a, f"{where}.applications") for a in data.get("applications", [])]
    numbers = [_build(Number, n, f"{where}.numbers") for n in data.get("numbers", [])]
    data["applications"] = {app.sid: app for app in apps}
    data["numbers"] = {number.sid: number for number in numbers}
    return _build(Account, data, where)


def parse(data: dict[str, Any]) -> Config:
    """The configuration from its JSON object. Raises ConfigError."""
    data = dict(data)
    accounts = [_account(account) for account in data.pop("accounts", [])]
    if not accounts:
        raise ConfigError("accounts: at least one is needed")
    if "data_dir" in data:
        data["data_dir"] = Path(data["data_dir"])
    return _build(Config, {**data, "accounts": {a.sid: a for a in accounts}}, "config")


def load(path: Path) -> Config:
    """Read the file. Raises ConfigError or OSError."""
    try:
        return parse(json.loads(path.read_text()))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
