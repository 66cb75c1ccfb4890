"""The only place that writes TwiML. Every function returns an XML document."""

from twilio.twiml.voice_response import Dial, VoiceResponse

CONFERENCE_EVENTS = ("start", "end", "join", "leave", "mute", "hold", "modify")


def join_conference(
    *,
    room: str,
    label: str,
    action_url: str,
    conference_callback: str,
    ends_room: bool,
    time_limit: int,
) -> str:
    """Bring the calling leg into `room`, for `time_limit` seconds at most. URLs are absolute
    (`calls.gateway.addresses`).
    """
    response = VoiceResponse()
    dial = Dial(action=action_url, method="POST", time_limit=time_limit)
    dial.conference(
        room,
        participant_label=label,
        start_conference_on_enter=True,
        end_conference_on_exit=ends_room,
        beep="false",
        wait_url="",
        max_participants=10,
        status_callback=conference_callback,
        status_callback_method="POST",
        status_callback_event=" ".join(CONFERENCE_EVENTS),
    )
    response.append(dial)
    return str(response)


def please_hold() -> str:
    """Ask for patience, twice, a little longer than anybody is kept (`facts.rooms.COME_BACK`)."""
    response = VoiceResponse()
    for _ in range(3):
        response.say("One moment please. Your call will be continued.")
        response.pause(length=8)
    return str(response)


def try_sound() -> str:
    """For whoever tries their connection: a sentence, and the end after ten seconds."""
    response = VoiceResponse()
    response.say("This is a test of your connection. Please say a few words now. Thank you.")
    response.pause(length=4)
    response.hangup()
    return str(response)


def say_goodbye(sentence: str) -> str:
    """Say one plain sentence and hang up."""
    response = VoiceResponse()
    response.say(sentence)
    response.hangup()
    return str(response)


def hang_up() -> str:
    response = VoiceResponse()
    response.hangup()
    return str(response)
