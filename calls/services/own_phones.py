"""An agent sets up their own telephone: it is called with a code, which they type in.

Nobody can have a stranger's telephone rung: what is not confirmed is called with a code alone, and
not often (`facts.phones`), within the workspace's calling limits.
"""

import logging
import secrets
from datetime import datetime, timedelta

from django.utils.crypto import constant_time_compare, salted_hmac

from calls import gateway
from calls.facts import explanations, phones
from calls.facts.inbound import spoken
from calls.facts.inbound.spoken import Phrase
from calls.facts.phones import Tried
from calls.facts.refusals import Refusal
from calls.gateway import twiml
from calls.gateway.accounts import TwilioNotConfigured, account_for
from calls.models import CodeCall, Line, OwnPhone, PhoneNumber
from calls.selectors import limits
from calls.services import guarding
from calls.services.caller_ids import choose_caller_id
from contacts.numbers import NumberError, parse
from tenants.bricks import turns
from tenants.fence.context import tenant_transaction
from tenants.models import Membership
from tenants.trail import audit
from tenants.trail.audit import Action

logger = logging.getLogger(__name__)

RING_TIMEOUT, LONGEST = 25, 60  # seconds, of a call with a code
_DAY = timedelta(days=1)
_AWAY = "The phone service can’t be reached. No one was called; try again in a moment."


def of_member(member: Membership) -> OwnPhone | None:
    """Theirs, in the current tenant."""
    found: OwnPhone | None = OwnPhone.objects.filter(user=member.user_id).first()
    return found


def call_with_code(member: Membership, typed: str, *, now: datetime) -> None:
    """Call a number with a code by which it becomes the member's; the one that they have stays
    theirs until then.

    Talks to Twilio, so it must run outside any transaction. Raises `Refusal`: nobody is called,
    unless its code is `submission_unknown`.
    """
    tenant = member.tenant
    number = _read(typed, tenant.country)
    code = f"{secrets.randbelow(10**phones.DIGITS):0{phones.DIGITS}}"
    try:
        with tenant_transaction(tenant.pk):
            limits.chosen(lock=True)  # what codes there were is counted by one after the other
            caller_id = choose_caller_id(tenant)
            turn = _check(member, number, now)
            document = _document(tenant.name, caller_id, code)
            asked = CodeCall.objects.create(user_id=member.user_id, number=number, asked_at=now)
            changes = {"wanted": number, "called_at": now, "tries": 0}
            row, _ = OwnPhone.objects.update_or_create(user_id=member.user_id, defaults=changes)
            row.code = _digest(row.pk, number, code)
            row.save(update_fields=["code"])
    except Refusal as refusal:
        guarding.note_stop(member, refusal, number=number)
        raise
    try:
        gateway.call_phone(
            account_for(tenant.pk, caller_id.account_sid),
            to=number,
            caller_id=caller_id.number,
            says=document,
            ring_timeout=RING_TIMEOUT,
            time_limit=LONGEST,
        )
    except gateway.OutcomeUnknown as error:
        logger.warning("Whether a phone is called with a code is not known: %s", error)
        message = "We don’t know yet whether your phone is called. If it doesn’t ring, try again."
        raise Refusal("submission_unknown", message) from error
    except (gateway.TwilioError, TwilioNotConfigured) as error:
        turn.give_back()
        with tenant_transaction(tenant.pk):
            CodeCall.objects.filter(pk=asked.pk).delete()
            OwnPhone.objects.filter(pk=row.pk, called_at=now).update(called_at=None, code="")
        is_said = isinstance(error, gateway.TwilioRefused) and bool(error.code)
        why = explanations.twilio_refusal(getattr(error, "code", 0)) if is_said else _AWAY
        raise Refusal("twilio_error", why) from error


def _read(typed: str, country: str) -> str:
    if not typed.strip():
        raise Refusal("invalid_number", "Enter your phone number.")
    try:
        found = parse(typed, country, by_hand=True)
    except NumberError as error:
        raise Refusal(error.code, error.message) from None
    if found.extension:
        raise Refusal("invalid_number", "Enter a number without an extension.")
    return found.number


def _check(member: Membership, number: str, now: datetime) -> turns.Turn:
    """The number's turn, to be given back if it is not called after all."""
    if PhoneNumber.objects.filter(number=number).exists():
        raise Refusal("invalid_number", "That’s a number of your workspace. Enter your own.")
    if OwnPhone.objects.filter(user=member.user_id, number=number).exists():
        raise Refusal("invalid_number", "This is your phone already.")
    guarding.check_call(member.tenant, agent=member, number=number)
    CodeCall.objects.filter(asked_at__lt=now - _DAY).delete()
    lately = CodeCall.objects.filter(asked_at__gte=now - _DAY)
    for calls, rules in (
        (lately.filter(user=member.user_id), phones.OF_AGENT),
        (lately.filter(number=number), phones.TO_NUMBER),
    ):
        asked = list(calls.values_list("asked_at", flat=True))
        if (wait := phones.wait_for(asked, rules, now)) is not None:
            raise Refusal("too_many_codes", _wait(wait))
    # Other workspaces' calls are not ours to see; still nobody's telephone rings all the time.
    apart = phones.TO_NUMBER[0][1]
    turn = turns.Turn(f"code:{number}", seconds=apart.total_seconds())
    if not turn.take():
        raise Refusal("too_many_codes", _wait(apart))
    return turn


def _wait(wait: timedelta) -> str:
    minutes = -(-int(wait.total_seconds()) // 60)
    if minutes <= 1:
        return "We’ve just called. Wait a minute before we call again."
    hours = -(-minutes // 60)
    after = "an hour" if minutes == 60 else f"{hours} hours" if hours > 1 else f"{minutes} minutes"
    return f"We’ve called too often. Try again in {after}."


def _document(company: str, caller_id: PhoneNumber, code: str) -> str:
    """Digit by digit, in the language of the line that calls."""
    line = Line.objects.filter(number=caller_id).first()
    language = line.language if line else spoken.DEFAULT
    voice, text = spoken.say(language, Phrase.CODE, company=company, code=", ".join(code))
    return twiml.speak_and_hang_up([twiml.Said(text, voice)])


def _digest(phone_id: int, number: str, code: str) -> str:
    key = f"{phone_id}:{number}:{code}"
    return salted_hmac("calls.own_phones", key, algorithm="sha256").hexdigest()


def confirm(member: Membership, typed: str, *, now: datetime) -> None:
    """The number that was called is the member's, and rings, if that is its code. Their groups are
    to be tended afterwards (`tasks.tend_agent`). Raises `Refusal`.
    """
    code = "".join(character for character in typed if not character.isspace())
    with tenant_transaction(member.tenant_id):
        own = OwnPhone.objects.select_for_update(no_key=True).filter(user=member.user_id)
        row = own.first() or OwnPhone()
        is_right = bool(row.code) and constant_time_compare(
            _digest(row.pk, row.wanted, code), row.code
        )
        found = phones.tried(called_at=row.called_at, tries=row.tries, is_right=is_right, now=now)
        if found is Tried.WRONG:
            own.update(tries=row.tries + 1)
        if found is Tried.RIGHT:
            own.update(
                number=row.wanted,
                confirmed_at=now,
                rings=True,
                **{"wanted": "", "code": "", "called_at": None, "tries": 0},
            )
            audit.record(Action.OWN_PHONE_SET, number=row.wanted)
    if found is not Tried.RIGHT:
        raise Refusal("wrong_code", _why(found, phones.MOST_TRIES - row.tries - 1))


def _why(found: Tried, left: int) -> str:
    if found is Tried.WRONG and left > 0:
        return f"That’s not the code. You have {left} more {'try' if left == 1 else 'tries'}."
    if found is Tried.EXPIRED:
        return "This code has expired. Have your phone called again."
    if found is Tried.NONE:
        return "Your phone hasn’t been called yet. Have it called first."
    return "That’s not the code, and it can’t be tried again. Have your phone called again."


def set_rings(member: Membership, rings: bool) -> None:
    """Whether the member's phone is rung for callers. As after `confirm`; what rings there is to be
    tended, too (`phones.of_agent`). Raises `Refusal`.
    """
    with tenant_transaction(member.tenant_id):
        own = OwnPhone.objects.filter(user=member.user_id, confirmed_at__isnull=False)
        if not own.update(rings=rings):
            raise Refusal("no_phone", "Your phone was removed. Add it again.")


def forget(member: Membership) -> None:
    """Take back a number that was not confirmed."""
    with tenant_transaction(member.tenant_id):
        own = OwnPhone.objects.filter(user=member.user_id)
        own.update(wanted="", code="", called_at=None)


def remove(member: Membership) -> None:
    """The member has no phone any more. As after `set_rings`."""
    with tenant_transaction(member.tenant_id):
        row = of_member(member)
        if row is None:
            return
        if row.number:
            audit.record(Action.OWN_PHONE_REMOVED, number=row.number)
        row.delete()
