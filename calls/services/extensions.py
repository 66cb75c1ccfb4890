"""The extension behind a main number: tones, once, when somebody has answered.

Twilio sends digits of its own only where it dials a number by itself, not for a participant of a
conference. So the browser that has the agent's sound sends them, and is told here whether to.
"""

from datetime import datetime
from uuid import UUID

from calls.models import CallLog

PAUSE = "wwww"  # two seconds, in which a switchboard says who it is


def tones_to_send(user_id: UUID, *, client_request_id: UUID, now: datetime) -> str:
    """What the agent's browser is to send now; "" when nothing is, or another asked before."""
    # Two pages may ask at once: the second finds it sent.
    unsent = CallLog.objects.filter(extension_sent_at=None)
    call = unsent.filter(
        user_id=user_id,
        conference__client_request_id=client_request_id,
        answered_at__isnull=False,
        ended_at=None,
    ).first()
    if call is None or not call.extension:
        return ""
    if not unsent.filter(pk=call.pk).update(extension_sent_at=now):
        return ""
    return f"{PAUSE}{call.extension}"
