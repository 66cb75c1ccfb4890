"""How the account is set up at Twilio, and whether our own site answers as Twilio would ask it."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urldefrag

import requests
from twilio.request_validator import RequestValidator

from calls.gateway.accounts import TwilioAccount
from calls.gateway.client import (
    TIMEOUT,
    TwilioRefused,
    find_json,
    get_json,
    owner,
    patiently,
    rest,
)
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
    facts, headers = get_json(owner(account), "api", f"/2010-04-01/Accounts/{account.sid}.json")
    date = (headers or {}).get("Date")
    skew = time.time() - parsedate_to_datetime(date).timestamp() if date else 0.0
    return AccountFacts(
        str(facts.get("status")), str(facts.get("type")), facts.get("auth_token") or "", skew
    )


def api_key_is_of(account: TwilioAccount) -> bool:
    """Whether the API key is one of this account's, asked for with the auth token."""
    path = f"/2010-04-01/Accounts/{account.sid}/Keys/{account.api_key_sid}.json"
    return find_json(owner(account), "api", path) is not None


def use_api_key(account: TwilioAccount) -> None:
    """Read something that every standard key may. `TwilioRefused` (401) when it does not work."""
    get_json(rest(account), "api", f"/2010-04-01/Accounts/{account.sid}/Calls.json?PageSize=1")


def allows_calls_to(account: TwilioAccount, country: str) -> bool | None:
    """Whether ordinary numbers of `country` (ISO code) may be called; None when it is not told."""
    facts = find_json(rest(account), "voice", f"/v1/DialingPermissions/Countries/{country}")
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
