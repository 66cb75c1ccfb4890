"""Numbers at Twilio: what can be bought, what an account holds, and where its callers are led."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from calls.facts.numbers import KINDS, MOST_SHOWN, Leads, Price, leads
from calls.gateway import addresses
from calls.gateway.accounts import TwilioAccount
from calls.gateway.client import TwilioRefused, find_json, patiently, rest

_E164 = re.compile(r"\+[1-9]\d{6,14}")


@dataclass(frozen=True)
class NumberSettings:
    """How a number is set; names are those of the library. An application of its own comes before
    the voice URLs, so there is none.
    """

    voice_url: str
    voice_method: str
    voice_fallback_url: str
    voice_fallback_method: str
    status_callback: str
    status_callback_method: str
    voice_application_sid: str = ""


@dataclass(frozen=True)
class NumberFacts:
    """A number of the account; `trunk_sid` is the SIP trunk that has its calls, or ""."""

    sid: str
    number: str
    can_call: bool
    settings: NumberSettings
    trunk_sid: str = ""

    @classmethod
    def read(cls, found: Any) -> "NumberFacts":
        names = NumberSettings.__dataclass_fields__
        values = {name: str(getattr(found, name, None) or "") for name in names}
        return cls(
            sid=str(found.sid),
            number=str(found.phone_number),
            can_call=bool((found.capabilities or {}).get("voice")),
            settings=NumberSettings(**values),
            trunk_sid=str(found.trunk_sid or ""),
        )

    @property
    def target(self) -> str:
        """What its callers reach: an address, an application, a trunk, or ""."""
        set_to = self.settings
        return self.trunk_sid or set_to.voice_application_sid or set_to.voice_url

    def leads(self, tenant_id: UUID) -> Leads:
        """Whether its callers reach this workspace."""
        have = asdict(self.settings) | {"trunk_sid": self.trunk_sid}
        return leads(have, asdict(number_settings(tenant_id)))


def number_settings(tenant_id: UUID) -> NumberSettings:
    """As a number must be set to lead to the workspace."""
    ours = addresses.of_number(tenant_id)
    return NumberSettings(ours.called, "POST", ours.fallback, "POST", ours.status, "POST")


# --- what the account has ----------------------------------------------------------------------


def find_number(account: TwilioAccount, number: str) -> NumberFacts | None:
    """The account's number `number` (E.164); None when it does not own it."""
    # Twilio looks for the digits anywhere in a number.
    found = patiently(
        lambda: rest(account).incoming_phone_numbers.list(phone_number=number, limit=20)
    )
    return next((NumberFacts.read(one) for one in found if one.phone_number == number), None)


def numbers_held(account: TwilioAccount) -> dict[str, NumberFacts]:
    """The account's numbers that can call, by number (E.164), in order; a thousand at most."""
    found = patiently(lambda: rest(account).incoming_phone_numbers.list(limit=1000, page_size=1000))
    read = [NumberFacts.read(one) for one in found if _E164.fullmatch(str(one.phone_number))]
    return {one.number: one for one in sorted(read, key=lambda one: one.number) if one.can_call}


def point_number(account: TwilioAccount, held: NumberFacts, tenant_id: UUID) -> None:
    """Lead its callers to the workspace. Asking twice does no harm."""
    wanted = asdict(number_settings(tenant_id))
    if held.trunk_sid:
        wanted["trunk_sid"] = ""
    patiently(lambda: rest(account).incoming_phone_numbers(held.sid).update(**wanted))


def release_number(account: TwilioAccount, sid: str) -> None:
    """Give it back; one that is gone already is as it should be."""
    try:
        patiently(lambda: rest(account).incoming_phone_numbers(sid).delete())
    except TwilioRefused as refusal:
        if refusal.status != 404:
            raise


# --- what can be bought ------------------------------------------------------------------------


@dataclass(frozen=True)
class Offer:
    """A number that can be bought; `place` is "" where Twilio tells none. `needs_address`: by the
    rules of its country.
    """

    number: str
    kind: str
    country: str
    place: str
    needs_address: bool

    @classmethod
    def read(cls, kind: str, found: Mapping[str, Any]) -> "Offer":
        place = ", ".join(filter(None, (found.get("locality"), found.get("region"))))
        needs = found.get("address_requirements") not in (None, "none")
        country = str(found.get("iso_country") or "")
        return cls(str(found["phone_number"]), kind, country, place, needs)


def search_numbers(
    account: TwilioAccount, *, country: str, kind: str, area_code: str = "", contains: str = ""
) -> list[Offer] | None:
    """Numbers that can speak, `MOST_SHOWN` at most; None when there are none of the kind in the
    country (ISO code) at all. `kind` is one of `KINDS`.
    """
    query = {"VoiceEnabled": "true", "PageSize": str(MOST_SHOWN)}
    query |= {"AreaCode": area_code} if area_code else {}
    query |= {"Contains": contains} if contains else {}
    path = f"/2010-04-01/Accounts/{account.sid}/AvailablePhoneNumbers/{country}"
    found = find_json(rest(account), "api", f"{path}/{KINDS[kind][0]}.json?{urlencode(query)}")
    if found is None:
        return None
    return [Offer.read(kind, one) for one in found["available_phone_numbers"]]


def monthly_prices(account: TwilioAccount, country: str) -> dict[str, Price]:
    """What a number costs this account, by kind, as far as Twilio tells."""
    found = find_json(rest(account), "pricing", f"/v1/PhoneNumbers/Countries/{country}") or {}
    told = {}
    for each in found.get("phone_number_prices") or ():
        try:
            amount = Decimal(str(each.get("current_price")))
        except InvalidOperation:
            continue
        told[each.get("number_type")] = Price(amount, str(found.get("price_unit")).upper())
    return {kind: told[listed] for kind, (_, listed, _) in KINDS.items() if listed in told}


def buy_number(
    account: TwilioAccount,
    number: str,
    *,
    tenant_id: UUID,
    address_sid: str = "",
    bundle_sid: str = "",
) -> NumberFacts:
    """Buy `number` (E.164) so that it leads to the workspace from the beginning: by that it is
    known again when the answer is lost.
    """
    documents = {"address_sid": address_sid, "bundle_sid": bundle_sid}
    wanted: dict[str, Any] = asdict(number_settings(tenant_id))
    del wanted["voice_application_sid"]  # a new one has none
    wanted |= {name: sid for name, sid in documents.items() if sid}
    made = patiently(
        lambda: rest(account).incoming_phone_numbers.create(phone_number=number, **wanted)
    )
    return NumberFacts.read(made)
