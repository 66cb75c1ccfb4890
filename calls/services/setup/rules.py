"""What the doctor makes of what it saw. Pure: facts in, findings out."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import asdict
from urllib.parse import urlsplit

from calls.gateway import (
    AccountFacts,
    Answer,
    ApplicationFacts,
    ApplicationSettings,
    TwilioRefused,
)
from calls.gateway.accounts import TwilioAccount
from calls.services.setup.findings import Finding, Verdict

RIGHT, WRONG, UNKNOWN = Verdict.RIGHT, Verdict.WRONG, Verdict.UNKNOWN
_CONSOLE = "Twilio console → "


def judge_settings(account: TwilioAccount) -> Finding:
    given = {
        "TWILIO_ACCOUNT_SID": (account.sid, "AC[0-9a-f]{32}"),
        "TWILIO_AUTH_TOKEN": (account.auth_tokens[0], ".+"),
        "TWILIO_API_KEY_SID": (account.api_key_sid, "SK[0-9a-f]{32}"),
        "TWILIO_API_KEY_SECRET": (account.api_key_secret, ".+"),
    }
    bad = [name for name, (value, form) in given.items() if not re.fullmatch(form, value)]
    if not bad:
        return Finding("settings", RIGHT, f"The credentials of {account.sid} are set.")
    return Finding(
        "settings",
        WRONG,
        f"Missing or not of the right form: {', '.join(bad)}.",
        "Without them Twilio cannot be asked anything, so the rest of it was not checked.",
        "Set them in the environment or in .env; docs/going-live.md says where each is found.",
    )


def judge_unreadable(workspace: str, error: str) -> Finding:
    return Finding(
        "settings",
        WRONG,
        f"{workspace}: the secrets of its own account cannot be read. {error}",
        "It can neither call nor hear of its calls.",
        "Give back the key to SECRETS_KEYS, or connect the account again.",
    )


def judge_base_url(url: str, *, sandbox: bool) -> Finding:
    why, do = "", "Set PUBLIC_BASE_URL to the https address of this site, e.g. https://crm.example."
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        says, why = f"“{url}” is no address.", "Twilio is told this address to call back."
    elif parts.path or parts.query or parts.fragment or parts.username:
        says = f"{url} is more than scheme and host."
        why = "Twilio signs the exact address; ours are made by adding a path to this one."
    elif "_" in host:
        says = f"{host} has an underscore."
        why = (
            "Twilio refuses callback addresses whose host has one, so calls could not be followed."
        )
    elif sandbox:
        return Finding("base_url", RIGHT, f"{url} serves the sandbox on this machine.")
    elif parts.scheme != "https":
        says = f"{url} is not https."
        why = "Names and numbers would travel in the clear, and browsers give no microphone."
    elif _is_local(host):
        says, why = f"{host} is a name of this machine or network.", "Twilio cannot reach it."
        do += " For a try, use a tunnel's address."
    else:
        return Finding("base_url", RIGHT, f"{url} is an https address.")
    return Finding("base_url", WRONG, says, why, do)


def _is_local(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))


def judge_credentials(account: TwilioAccount, found: AccountFacts | TwilioRefused) -> Finding:
    do = f"Copy account SID and primary auth token from {_CONSOLE}Account → API keys & tokens."
    if isinstance(found, TwilioRefused):
        says = f"Twilio does not accept {_token(account)} for {account.sid} (code {found.code})."
        why = "Webhooks are known by this token: with another one each of them is refused."
    elif found.status != "active":
        says = f"The account is {found.status}."
        why, do = "No call can be made.", "Ask Twilio's support, or settle what is due."
    elif found.primary_token in account.auth_tokens[1:]:
        says = f"The new token of {account.sid} waits to be promoted; the one before is known, too."
        return Finding("credentials", UNKNOWN, says, do="Promote it before the old one ends here.")
    elif found.primary_token and found.primary_token != account.auth_tokens[0]:
        says = f"{_token(account)} is the account's secondary token."
        why = "It signs in, but webhooks are signed with the primary one: all would be refused."
    else:
        return Finding("credentials", RIGHT, f"{account.sid} is active and its token is right.")
    return Finding("credentials", WRONG, says, why, do)


def _token(account: TwilioAccount) -> str:
    return "TWILIO_AUTH_TOKEN" if account.tenant_id is None else "the auth token that we have"


def judge_account(found: AccountFacts) -> Finding:
    if found.type == "Trial":
        return Finding(
            "account",
            WRONG,
            "This is a trial account.",
            "It calls verified numbers only, ten minutes at most, after an announcement.",
            f"Upgrade it ({_CONSOLE}Billing). To try things out it will do.",
        )
    says = "A full account. One new call a second unless Twilio raised it, which no API tells."
    return Finding("account", RIGHT, says)


def judge_clock(skew: float) -> Finding:
    """`skew`: seconds by which our clock is ahead. Tokens are valid from 30 s ago for 10 min."""
    if -300 < skew < 25:
        return Finding("clock", RIGHT, "This machine's clock agrees with Twilio's.")
    return Finding(
        "clock",
        WRONG,
        f"This machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} "
        "Twilio's.",
        "Access tokens carry times: browsers are refused with 20104 or 20105.",
        "Let it follow a time server (timedatectl set-ntp true).",
    )


def judge_api_key(
    account: TwilioAccount, *, refusal: TwilioRefused | None, is_ours: bool | None
) -> Finding:
    """`is_ours`: whether the account has such a key; None when it could not be asked."""
    key = account.api_key_sid
    do = f"Make a standard key ({_CONSOLE}Account → API keys & tokens); set its SID and secret."
    if is_ours is False:
        says = f"{account.sid} has no API key {key}."
    elif refusal is not None:
        says = f"Twilio does not accept {key} with its secret (code {refusal.code})."
    else:
        return Finding("api_key", RIGHT, f"{key} works.")
    why = "Calls are made and browsers' tokens are signed with it: nobody could call."
    return Finding("api_key", WRONG, says, why, do)


def judge_application(
    sid: str,
    found: ApplicationFacts | None,
    wanted: ApplicationSettings,
    others: Sequence[ApplicationFacts] = (),
) -> Finding:
    """`others`: the account's applications, looked at when there is none of `sid`."""
    why = "A browser's call asks the TwiML application's voice URL what to do."
    if found is None:
        missing = f"The account has no TwiML application {sid}" if sid else "No TwiML app is chosen"
        fit = [other.sid for other in others if other.settings == wanted]
        if fit:
            says = f"{missing}, but {fit[0]} has our addresses."
            return Finding(
                "twiml_app", WRONG, says, why, f"Set TWILIO_TWIML_APP_SID={fit[0]} and restart."
            )
        do = "Let --apply make one, or make it with "
        do += "; ".join(f"{name}={value}" for name, value in asdict(wanted).items())
        do += ". Then set its SID as TWILIO_TWIML_APP_SID."
        return Finding("twiml_app", WRONG, f"{missing}.", why, do)
    have, want = asdict(found.settings), asdict(wanted)
    wrong = [name for name in want if have[name] != want[name]]
    if not wrong:
        return Finding("twiml_app", RIGHT, f"{sid} asks and tells this site.")
    says = "; ".join(f"{name} is “{have[name]}”" for name in wrong)
    do = "; ".join(f"{name}={want[name]}" for name in wrong)
    return Finding("twiml_app", WRONG, f"{sid}: {says}.", why, f"Set {do}.")


def judge_media(is_open: bool | None) -> Finding:
    if is_open is None:
        says = "Cannot be known yet: the account has no finished recording to try."
        return Finding("media", UNKNOWN, says, do="Run this again after a recorded call.")
    if not is_open:
        return Finding("media", RIGHT, "Recordings at Twilio ask for credentials.")
    return Finding(
        "media",
        WRONG,
        "Anyone who has a recording's address can listen to it at Twilio.",
        "Addresses end up in logs and e-mails; conversations are private.",
        f"{_CONSOLE}Voice → Settings → General: turn on “Enforce HTTP Auth on Media URLs”.",
    )


def judge_countries(allowed: dict[str, bool | None]) -> list[Finding]:
    """`allowed`: by ISO code of the contacts' countries; None where Twilio does not tell."""
    closed = sorted(country for country, is_open in allowed.items() if is_open is False)
    untold = sorted(country for country, is_open in allowed.items() if is_open is None)
    opened = sorted(country for country, is_open in allowed.items() if is_open)
    found = []
    if closed:
        says = f"The account may not call {', '.join(closed)}, where contacts are."
        do = f"{_CONSOLE}Voice → Settings → Geo permissions: open those you mean to call."
        why = "Twilio refuses such calls (21215). Closed countries also keep fraud out."
        found.append(Finding("countries", WRONG, says, why, do))
    if untold:
        says = f"Not checked, Twilio does not tell: {', '.join(untold)}."
        found.append(Finding("countries", UNKNOWN, says))
    if opened:
        says = f"Contacts' countries may be called: {', '.join(opened)}."
        found.append(Finding("countries", RIGHT, says))
    return found or [Finding("countries", UNKNOWN, "Not checked: no contact has a number yet.")]


def judge_sandbox(url: str, answer: Answer) -> Finding:
    if answer.status == 200:
        return Finding("sandbox", RIGHT, f"{url} answers.")
    says = f"No sandbox answers at {url} ({answer.trouble or f'answered {answer.status}'})."
    why = "It stands in for Twilio here: there is nothing else to ask."
    do = "Start it (./run, in another terminal), leave it running and ask again."
    return Finding("sandbox", WRONG, says, why, do)


def judge_reach(url: str, answer: Answer) -> Finding:
    if answer.status == 200:
        return Finding("public_url", RIGHT, f"{url} answers.")
    says = f"{url}: {answer.trouble or f'answered {answer.status}'}"
    if answer.location:
        says += f" and sends on to {answer.location}"
    why = "Twilio calls back to this address and follows no redirects with a form."
    do = "Start the site, and check its name, certificate and proxy."
    return Finding("public_url", WRONG, f"{says}.", why, do)


def judge_round_trip(url: str, signed: Answer, unsigned: Answer) -> Finding:
    """What our voice webhook answered to a rightly signed request, and to an unsigned one."""
    why = "Twilio's requests would be treated so too: no call would connect."
    do = "Look at the site's log."
    if not signed.status:
        says, do = f"It was not reached: {signed.trouble}.", "See public_url."
    elif signed.status == 403:
        says = "The site refuses a request that we signed as Twilio does."
        do = (
            "Give the running site the same PUBLIC_BASE_URL and TWILIO_AUTH_TOKEN as this command, "
            "and let its proxy pass path and query unchanged."
        )
    elif signed.status != 200 or not signed.content_type.endswith("/xml"):
        says = f"The site answered {signed.status} {signed.content_type} instead of TwiML"
        says += f", sending on to {signed.location}." if signed.location else "."
    elif unsigned.status != 403:
        says = f"The site answered {unsigned.status} to a request without a signature, not 403."
        why, do = "Anyone could tell it lies about calls.", "Take the site down; see its log."
    else:
        says = "The site knows Twilio's signature and refuses requests without."
        return Finding("signature", RIGHT, says)
    return Finding("signature", WRONG, f"{url}: {says}", why, do)
