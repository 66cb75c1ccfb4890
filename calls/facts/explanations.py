"""What went wrong, as a sentence that says what happened and what to do. Pure tables.

`PHONE_ERRORS` is keyed by what the browser gives up with: codes of the shim (static/js), of our
API (calls/api/errors.py) and of the Voice SDK. `TWILIO_ERRORS` is keyed by the code with which
Twilio refused or ended a call. calls/tests/facts/test_explanations.py holds that none is missing.
"""

_AGAIN = "Try again in a moment."
_ADMIN = "Ask an admin."
_MICROPHONE = (
    "Your browser is blocking the microphone. Allow it next to the address, then try again."
)
_LOST = f"The connection to the phone service was lost. Check the network. {_AGAIN}"
_AWAY = f"The phone service cannot be reached. Check the network. {_AGAIN}"
_NOT_LET_IN = "Your phone couldn’t sign in. Reload the page; if it keeps happening, ask an admin."
_EXPIRED = "Your phone’s session has expired. Reload the page and try again."
_SET_UP = f"Calling isn’t set up correctly, nothing was dialled. {_ADMIN}"
_OURS = (
    "Something went wrong between your phone and the phone service. Reload the page and try again."
)
_TOO_MANY = f"Too many calls are being placed. {_AGAIN}"
_SOUND = (
    "The sound couldn’t be set up. Reload the page; if it keeps happening, try another browser."
)
_UNSUPPORTED = f"This workspace uses something that isn’t available yet. {_ADMIN}"
_NO_NUMBER = "This isn’t a phone number that can be called. Check the digits."
_SIGNED_OUT = "You’re signed out. Sign in again."

PHONE_ERRORS: dict[str, str] = {
    # The shim's own.
    "network": f"The network is down, nothing was dialled. Check the connection. {_AGAIN}",
    "connect_timeout": f"The phone service did not answer. Nothing was dialled. {_AGAIN}",
    "agent_leg_ended": f"The phone service closed the line before dialling. {_AGAIN}",
    "phone_failed": "The phone could not be started. Reload the page and try again.",
    "insecure_page": "Browsers allow the microphone only over https. Open this page with https://.",
    "busy": "You’re already in a call. End it first.",
    "busy_elsewhere": "A call is under way in another tab. End it first.",
    "taken_over": "The call goes on in another tab. Look for it there.",
    "canceled": "Nothing was dialled. Press Call to try again.",
    # Our API's.
    "agent_not_connected": f"Your phone could not be connected. Nothing was dialled. {_AGAIN}",
    "agent_busy": "You’re in another call. End it first.",
    "duplicate_in_progress": "This call is already being placed. Wait a moment.",
    "call_over": "This call is over. Call again to go on.",
    "contact_not_found": "This contact no longer exists. Choose another one.",
    "call_not_found": "This call no longer exists. Reload the page.",
    "too_large": "That’s too much at once. Send less.",
    "internal_error": f"Something went wrong here. {_AGAIN}",
    "not_found": "That isn’t here anymore. Reload the page.",
    "no_caller_id": f"You can’t call from this number anymore. Choose another, or {_ADMIN.lower()}",
    "twilio_not_configured": f"Calling isn’t set up yet. {_ADMIN}",
    "no_tenant": f"You’re no longer a member of this workspace. {_ADMIN}",
    "forbidden": f"You don’t have permission, or the page expired. Reload it, or {_ADMIN.lower()}",
    "not_authenticated": _SIGNED_OUT,
    "authentication_failed": _SIGNED_OUT,
    "invalid_number": _NO_NUMBER,
    "number_mismatch": "That number is not this contact's. Choose the contact again.",
    "emergency_blocked": "Emergency numbers can’t be called from here. Use another phone.",
    "premium_blocked": "Premium-rate numbers cannot be called from here. Use another number.",
    "country_not_allowed": f"Calls to this country are not allowed here. {_ADMIN}",
    "call_rate_cap": "Too many calls were placed within a minute. Wait a minute, then try again.",
    "concurrent_cap": "Too many calls are in progress. Try again when one has ended.",
    "dnc_blocked": "This person does not wish to be called. Use another way to reach them.",
    "outside_calling_hours": "It is too early or late to call there. Try again in calling hours.",
    "attempt_cap": "This number has been tried often enough today. Try again tomorrow.",
    "spend_cap": f"Today’s spending limit for calls is reached. {_ADMIN}",
    "not_supported": _UNSUPPORTED,
    "rate_limited": _TOO_MANY,
    "throttled": _TOO_MANY,
    "twilio_error": f"The phone service refused the call. {_AGAIN}",
    "submission_unknown": "We don’t know if the call went through. Check the call history first.",
    "unavailable": f"The service is busy, nothing was dialled. {_AGAIN}",
    "invalid_request": _OURS,
    "parse_error": _OURS,
    "method_not_allowed": _OURS,
    "not_acceptable": _OURS,
    "unsupported_media_type": _OURS,
    # The Voice SDK's: general.
    "20101": _NOT_LET_IN,
    "20104": _EXPIRED,
    "20151": _NOT_LET_IN,
    "31000": _LOST,
    "31001": _SET_UP,
    "31002": _SET_UP,
    "31003": f"The phone service did not answer in time. {_AGAIN}",
    "31005": _LOST,
    "31008": "The call ended before it connected. Call again.",
    "31009": _AWAY,
    "31100": _OURS,
    "31101": _OURS,
    "31102": _NOT_LET_IN,
    "31103": _OURS,
    "31104": _NOT_LET_IN,
    "31105": _NOT_LET_IN,
    "31107": "Your phone couldn’t reconnect to the call. Press Rejoin, or call again.",
    # … authorisation.
    "31201": _NOT_LET_IN,
    "31202": _NOT_LET_IN,
    "31203": f"The Twilio account is closed or suspended. {_ADMIN}",
    "31204": _NOT_LET_IN,
    "31205": _EXPIRED,
    "31206": _TOO_MANY,
    "31207": _NOT_LET_IN,
    "31208": _MICROPHONE,
    "31209": "Your phone couldn’t reconnect to the call. Press Rejoin, or call again.",
    "31210": _OURS,
    "31212": _OURS,
    # … as SIP has them.
    "31400": _OURS,
    "31404": f"The phone service doesn’t know this number. Check the digits. {_AGAIN}",
    "31480": "They can’t be reached right now. Try again later.",
    "31486": "The line is busy. Try again in a few minutes.",
    "31603": "The call was declined. Try again later.",
    # … microphone and sound.
    "no_sound": (
        "Your network blocks the sound of calls. Nothing was dialled. Use another network, or ask"
        " an admin: “Networks” in the guide says what to allow."
    ),
    "31401": _MICROPHONE,
    "31402": "No microphone was found, or another program is using it. Connect one and try again.",
    "53000": _AWAY,
    "53001": _LOST,
    "53400": _SOUND,
    "53402": _SOUND,
    "53405": "The sound did not get through. Check the network or its firewall and try again.",
}

TWILIO_ERRORS: dict[int, str] = {
    10004: "The account's limit of simultaneous calls is reached. Try again when one has ended.",
    11200: f"Twilio couldn’t get instructions for the call. {_ADMIN}",
    11205: f"Twilio could not connect to this service. {_ADMIN}",
    11750: f"Twilio got too long an answer from this service. {_ADMIN}",
    12100: f"Twilio could not read this service's answer. {_ADMIN}",
    12200: f"Twilio could not read this service's answer. {_ADMIN}",
    12300: f"Twilio could not read this service's answer. {_ADMIN}",
    13214: f"The caller ID is not valid. {_ADMIN}",
    13223: _NO_NUMBER,
    13224: "This number is not valid or cannot be called. Check the digits.",
    13225: "Twilio does not allow calls to this number. Use another number.",
    13227: f"Calls to this country are not allowed for this account. {_ADMIN}",
    13256: f"The recording couldn’t be started. {_ADMIN}",
    13805: "A trial account's calls end after ten minutes. Ask an admin to upgrade it.",
    14111: "A trial account can only call verified numbers. Ask an admin to verify it.",
    20003: f"Twilio does not accept our credentials. {_ADMIN}",
    20101: _NOT_LET_IN,
    20104: _EXPIRED,
    20105: f"The server's clock is ahead of Twilio's. {_ADMIN}",
    20404: "This call no longer exists. Call again.",
    20429: _TOO_MANY,
    20500: f"Twilio is having problems. {_AGAIN}",
    20503: f"Twilio is busy. {_AGAIN}",
    21210: f"The caller ID does not belong to this account. {_ADMIN}",
    21211: "Twilio doesn’t recognize this as a phone number. Check the digits.",
    21212: f"The caller ID is not a number Twilio knows. {_ADMIN}",
    21214: "This number cannot be reached. Check the digits, or try again later.",
    21215: f"Calls to this country are not allowed for this account. {_ADMIN}",
    21216: "Twilio does not allow calls to this number. Use another number.",
    21217: "Twilio doesn’t recognize this as a phone number. Check the digits.",
    21219: "A trial account can only call verified numbers. Ask an admin to verify it.",
    21220: "The call had ended already. Call again.",
    22005: f"Too many calls were waiting, so this one was dropped. {_AGAIN}",
}
# A leg's error may be one of the SDK's, as Twilio uses one vocabulary for both.
TWILIO_ERRORS |= {
    int(code): text
    for code, text in PHONE_ERRORS.items()
    if code.isdecimal() and int(code) not in TWILIO_ERRORS
}


def phone_error(code: str) -> str:
    """The sentence for an error code of the shim, of the Voice SDK or of our API."""
    return PHONE_ERRORS.get(code, f"The call could not be connected (code {code}). {_AGAIN}")


def twilio_refusal(code: int | None) -> str:
    """The sentence for a call that Twilio did not take, also with a code of tomorrow."""
    known = TWILIO_ERRORS.get(code or 0)
    return known or f"Twilio refused the call (code {code or 'unknown'}). {_AGAIN}"
