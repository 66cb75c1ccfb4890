"""The only place that talks to Twilio: tokens, signatures, REST, recording media, its set-up.

Facts about the wire: docs/architecture.md, “Twilio”. Every function takes the account; none of
them may run inside a database transaction.
"""

from calls.gateway.calls import (
    Callbacks,
    CallFacts,
    dial_participant,
    end_conference,
    fetch_call,
    find_calls,
    find_participant,
    hang_up,
    set_hold,
)
from calls.gateway.client import (
    OutcomeUnknown,
    TwilioBusy,
    TwilioError,
    TwilioRefused,
    TwilioUnreachable,
)
from calls.gateway.recordings import RecordingFacts, find_recordings, open_recording
from calls.gateway.setup import (
    AccountFacts,
    Answer,
    ApplicationFacts,
    ApplicationSettings,
    NumberFacts,
    allows_calls_to,
    api_key_is_of,
    applications,
    ask_site,
    create_application,
    fetch_account,
    fetch_application,
    find_number,
    media_is_open,
    post_as_twilio,
    update_application,
    use_api_key,
    voice_numbers,
)
from calls.gateway.tokens import TOKEN_TTL, access_token, is_signed

__all__ = [
    "TOKEN_TTL",
    "AccountFacts",
    "Answer",
    "ApplicationFacts",
    "ApplicationSettings",
    "CallFacts",
    "Callbacks",
    "NumberFacts",
    "OutcomeUnknown",
    "RecordingFacts",
    "TwilioBusy",
    "TwilioError",
    "TwilioRefused",
    "TwilioUnreachable",
    "access_token",
    "allows_calls_to",
    "api_key_is_of",
    "applications",
    "ask_site",
    "create_application",
    "dial_participant",
    "end_conference",
    "fetch_account",
    "fetch_application",
    "fetch_call",
    "find_calls",
    "find_number",
    "find_participant",
    "find_recordings",
    "hang_up",
    "is_signed",
    "media_is_open",
    "open_recording",
    "post_as_twilio",
    "set_hold",
    "update_application",
    "use_api_key",
    "voice_numbers",
]
