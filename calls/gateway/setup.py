"""How the account is set up at Twilio, and whether our own site answers as Twilio would ask it."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urldefrag

import requests
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from calls.gateway.accounts import TwilioAccount
from calls.gateway.client import TIMEOUT, TwilioRefused, owner, patiently, rest
from calls.gateway.recordings import media_url

SITE_TIMEOUT = 15.0  # seconds, after which Twilio gives up on a webhook

# --- the account -----------------------------------------------------------------------------


@dataclass(frozen=True)
class AccountFacts:
    """`status` active, suspended or closed; `type` Trial or Full; `primary_token` is "" when not
    told; `skew` is by how many seconds our clock is ahead of Twilio's.
    """

    status: str
    type: str
    primary_token: str
    skew: float


def fetch_account(account: TwilioAccount) -> AccountFacts:
    """The account, asked for with its auth token. `TwilioRefused` (401) when that is wrong."""
    facts, headers = _get(owner(account), "api", f"/2010-04-01/Accounts/{account.sid}.json")
    date = (headers or {}).get("Date")
    skew = time.time() - parsedate_to_datetime(date).timestamp() if date else 0.0
    return AccountFacts(
        str(facts.get("status")), str(facts.get("type")), facts.get("auth_token") or "", skew
    )


def api_key_is_of(account: TwilioAccount) -> bool:
    """Whether the API key is one of this account's, asked for with the auth token."""
    path = f"/2010-04-01/Accounts/{account.sid}/Keys/{account.api_key_sid}.json"
    return _found(owner(account), "api", path) is not None


def use_api_key(account: TwilioAccount) -> None:
    """Read something that every standard key may. `TwilioRefused` (401) when it does not work."""
    _get(rest(account), "api", f"/2010-04-01/Accounts/{account.sid}/Calls.json?PageSize=1")


def allows_calls_to(account: TwilioAccount, country: str) -> bool | None:
    """Whether ordinary numbers of `country` (ISO code) may be called; None when it is not told."""
    facts = _found(rest(account), "voice", f"/v1/DialingPermissions/Countries/{country}")
    return None if facts is None else facts.get("low_risk_numbers_enabled")


def media_is_open(account: TwilioAccount) -> bool | None:
    """Whether anyone can fetch a recording without credentials; None when there is none to try."""
    for recording in patiently(lambda: rest(account).recordings.list(limit=20, page_size=20)):
        if getattr(recording.status, "value", recording.status) != "completed":
            continue
        answer = ask_site(media_url(account, str(recording.sid)))
        if answer.status in (200, 206, 401, 403):
            return answer.status in (200, 206)
    return None


# --- the TwiML application -------------------------------------------------------------------


@dataclass(frozen=True)
class ApplicationSettings:
    """What a TwiML application must know of us; names are those of the library."""

    voice_url: str
    voice_method: str
    status_callback: str
    status_callback_method: str


@dataclass(frozen=True)
class ApplicationFacts:
    sid: str
    settings: ApplicationSettings

    @classmethod
    def read(cls, found: Any) -> "ApplicationFacts":
        names = ApplicationSettings.__dataclass_fields__
        values = {name: str(getattr(found, name) or "") for name in names}
        return cls(str(found.sid), ApplicationSettings(**values))


def fetch_application(account: TwilioAccount) -> ApplicationFacts | None:
    """The application that our tokens name; None when the account has no such one."""
    try:
        found = patiently(lambda: rest(account).applications(account.twiml_app_sid).fetch())
    except TwilioRefused as refusal:
        if refusal.status == 404:
            return None
        raise
    return ApplicationFacts.read(found)


def applications(account: TwilioAccount) -> list[ApplicationFacts]:
    """The applications of the account, a thousand at most."""
    found = patiently(lambda: rest(account).applications.list(limit=1000, page_size=1000))
    return [ApplicationFacts.read(one) for one in found]


def create_application(account: TwilioAccount, name: str, wanted: ApplicationSettings) -> str:
    """Make a TwiML application; returns its SID."""
    made = patiently(
        lambda: rest(account).applications.create(friendly_name=name, **asdict(wanted))
    )
    return str(made.sid)


def update_application(account: TwilioAccount, sid: str, wanted: ApplicationSettings) -> None:
    patiently(lambda: rest(account).applications(sid).update(**asdict(wanted)))


# --- numbers ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class NumberFacts:
    """A number of the account. `voice_url` is "" and `application_sid` "" when not set."""

    sid: str
    can_call: bool
    voice_url: str
    application_sid: str


def find_number(account: TwilioAccount, number: str) -> NumberFacts | None:
    """The account's number `number` (E.164); None when it does not own it."""
    found = patiently(
        lambda: rest(account).incoming_phone_numbers.list(phone_number=number, limit=1)
    )
    if not found:
        return None
    one = found[0]
    return NumberFacts(
        sid=str(one.sid),
        can_call=bool((one.capabilities or {}).get("voice")),
        voice_url=str(one.voice_url or ""),
        application_sid=str(one.voice_application_sid or ""),
    )


def voice_numbers(account: TwilioAccount) -> dict[str, str]:
    """The SIDs of the account's numbers that can call, by number (E.164); a thousand at most."""
    found = patiently(lambda: rest(account).incoming_phone_numbers.list(limit=1000, page_size=1000))
    return {
        str(one.phone_number): str(one.sid)
        for one in found
        if (one.capabilities or {}).get("voice") and re.fullmatch(r"\+\d{7,15}", one.phone_number)
    }


# --- our own site ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What a site answered: status 0 and `trouble` when it did not."""

    status: int
    content_type: str = ""
    location: str = ""
    trouble: str = ""


def post_as_twilio(
    account: TwilioAccount, url: str, form: Mapping[str, str], *, signed: bool
) -> Answer:
    """POST `form` to `url` as Twilio does: signed over the URL without its #options."""
    url = urldefrag(url).url
    headers = {}
    if signed:
        signature = RequestValidator(account.auth_tokens[0]).compute_signature(url, dict(form))
        headers["X-Twilio-Signature"] = signature
    return ask_site(url, form, headers)


def ask_site(
    url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """GET, or POST `form`, without following redirects: Twilio loses the form in one."""
    with requests.Session() as session:
        # Neither a proxy nor a netrc of this machine: Twilio has none either.
        session.trust_env = False
        try:
            with session.request(
                "GET" if form is None else "POST",
                url,
                data=form,
                headers=headers,
                timeout=(TIMEOUT, SITE_TIMEOUT),
                allow_redirects=False,
                stream=True,
            ) as response:
                kind = response.headers.get("Content-Type", "").partition(";")[0]
                location = response.headers.get("Location", "")
                return Answer(response.status_code, kind, location)
        except requests.exceptions.SSLError:
            return Answer(0, trouble="its certificate is not valid for that name")
        except requests.Timeout:
            return Answer(0, trouble="it did not answer in time")
        except requests.ConnectionError:
            return Answer(0, trouble="no connection could be made")
        except (requests.RequestException, ValueError) as error:
            return Answer(0, trouble=type(error).__name__)


def _get(client: Client, host: str, path: str) -> tuple[dict[str, Any], Mapping[str, str] | None]:
    """A resource as JSON, and its headers: for what the library has no call or tells no headers."""

    def ask() -> Any:
        answer = client.request("GET", f"https://{host}.twilio.com{path}")
        if answer.status_code != 200:
            code, message = _error(answer.text)
            raise TwilioRestException(answer.status_code, path, message, code)
        return answer

    answer = patiently(ask)
    return json.loads(answer.text), answer.headers


def _found(client: Client, host: str, path: str) -> dict[str, Any] | None:
    try:
        return _get(client, host, path)[0]
    except TwilioRefused as refusal:
        if refusal.status == 404:
            return None
        raise


def _error(text: str) -> tuple[int, str]:
    """Twilio's error code and message; a proxy's page has neither."""
    try:
        body = json.loads(text)
        return int(body.get("code") or 0), str(body.get("message", ""))
    except (ValueError, AttributeError):
        return 0, "an answer that is not Twilio's"
