"""The panel of the call that a browser is in."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from calls.facts import explanations, states
from calls.facts.inbound import callers
from calls.facts.rooms import Room, is_ours
from calls.models import CallLeg, CallLog, Conference
from calls.selectors import presentation
from calls.selectors.doubt import Doubt, doubt_of, load_possible, name_of
from calls.selectors.notes import Note, note_of
from contacts.numbers import display
from tenants.models import Tenant

# With these codes the browser gave up before it asked for a call.
_NOTHING_DIALLED = ("canceled", "no_sound")
# Of a call that came in, and whose agent had answered it.
_GAVE_UP = presentation.Ended(
    "Call ended", "secondary", "The caller hung up before you were connected."
)
_WENT_BACK = presentation.Ended("Call ended", "secondary", "The caller is waiting in line again.")


@dataclass(frozen=True)
class ActiveCall:
    state: str  # connecting | ringing | active | interrupted | ended | error
    status_text: str
    tone: str
    name: str
    number_display: str
    request: str
    is_recorded: bool
    answered_iso: str = ""
    duration_display: str = ""
    message: str = ""
    is_over: bool = False
    can_rejoin: bool = False
    on_phone: bool = False  # the agent's own: no browser has the sound
    number: str = ""  # with its extension
    contact_id: UUID | None = None
    doubt: Doubt | None = None  # which of several contacts it is
    can_be_added: bool = False  # to the contacts: a number that is nobody's
    note: Note | None = None  # once there is a call
    extension: str = ""
    extension_is_due: bool = False  # to be sent, by the browser with the sound


def active_call(
    tenant: Tenant,
    *,
    user_id: UUID,
    client_request_id: UUID,
    now: datetime,
    error: str = "",
    name: str = "",
    number: str = "",
) -> ActiveCall:
    """How the call of this wish stands. Until the server has heard of it, it is connecting.

    `error` is the code with which the browser gave up, `name` and `number` whom it wished to call.
    """
    room = Conference.objects.filter(agent_id=user_id, client_request_id=client_request_id).first()
    calls = CallLog.objects.select_related("contact", "notes_by")
    call = calls.filter(conference=room).first() if room else None
    came_in = call is not None and call.direction == CallLog.Direction.INBOUND
    if call is not None:
        number = call.other_full
        load_possible([call])
        name = name_of(call)
    caller = callers.read(number) if came_in else None
    if caller is not None:
        number = caller.number
    shown = caller.shown if caller and not number else number
    shown = display(shown, tenant.country)
    waiting = ActiveCall(
        state="connecting",
        status_text="Connecting",
        tone="info",
        name=name or shown,
        number_display=shown,
        number=number,
        contact_id=call.contact_id if call else None,
        doubt=doubt_of(call) if call and call.is_in_doubt else None,
        can_be_added=bool(
            call and not call.contact_id and not call.is_in_doubt and number.startswith("+")
        ),
        request=str(client_request_id),
        is_recorded=bool(call and call.is_recorded),
        on_phone=came_in and room is not None and _is_on_phone(room, user_id),
        note=note_of(call, ZoneInfo(tenant.time_zone), now) if call else None,
    )
    if call is not None and (call.ended_at or _contact_has_left(call)):
        outcome = call.outcome or states.COMPLETED
        talk = presentation.seconds(call.duration) if call.answered_at else ""
        end = presentation.ended(outcome, call.error_code)
        over = _over(waiting, _GAVE_UP if came_in and not call.answered_at else end, talk)
        return replace(over, answered_iso=_iso(call.answered_at))
    if error in _NOTHING_DIALLED and call is not None:
        error = ""  # of the way back into a call that goes on
    if room is None and is_ours(client_request_id) and error in ("", "canceled"):
        return _over(waiting, _WENT_BACK)
    if error == "canceled":
        nothing = presentation.Ended("Call ended", "secondary", "Nothing was dialled.")
        return _over(waiting, nothing)
    if error:
        failed = presentation.Ended("Call failed", "danger", explanations.phone_error(error))
        return _over(waiting, failed)
    if call is None:
        return (
            _over(waiting, _WENT_BACK) if room is None and is_ours(client_request_id) else waiting
        )
    if _agent_is_lost(call):
        return replace(
            waiting,
            state="interrupted",
            status_text="On hold",
            tone="warning",
            answered_iso=_iso(call.answered_at),
            message=f"You left the call. {shown if waiting.doubt else waiting.name} is on hold.",
            can_rejoin=True,
        )
    if came_in and not call.answered_at:
        return waiting  # they are brought in as soon as we are there
    text, tone = presentation.status_word(call.status, "")
    return replace(
        waiting,
        state={states.RINGING: "ringing", states.IN_PROGRESS: "active"}.get(
            call.status, "connecting"
        ),
        status_text=text,
        tone=tone,
        answered_iso=_iso(call.answered_at),
        extension=call.extension,
        extension_is_due=bool(call.extension and call.answered_at and not call.extension_sent_at),
    )


def _is_on_phone(room: Conference, user_id: UUID) -> bool:
    """Whether the agent's last leg is their own telephone's."""
    legs = CallLeg.objects.filter(conference=room, user=user_id).order_by("-created_at")
    return bool(legs.values_list("is_phone", flat=True).first())


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _over(call: ActiveCall, end: presentation.Ended, talk: str = "") -> ActiveCall:
    return replace(
        call,
        state="error" if end.tone == "danger" else "ended",
        status_text=end.text,
        tone=end.tone,
        duration_display=talk,
        message=end.message,
        is_over=True,
    )


def live_call(user_id: UUID, *, client_request_id: UUID | None = None) -> CallLog | None:
    """The call that an agent is in, by whichever page, or was lost from a moment ago; also one that
    they have answered and are being connected to.
    """
    live = _live(user_id)
    if client_request_id is not None:
        live = live.filter(conference__client_request_id=client_request_id)
    return live.select_related("conference", "contact").order_by("-started_at").first()


def _live(user_id: UUID) -> QuerySet[CallLog]:
    whose = Q(user_id=user_id) | Q(direction="INBOUND", conference__agent_id=user_id)
    return CallLog.objects.filter(whose, ended_at=None, conference__closed_at=None)


def _agent_is_lost(call: CallLog) -> bool:
    """The contact talks to nobody: every agent's leg is over, and the end was not asked for."""
    legs = list(CallLeg.objects.filter(conference_id=call.conference_id).order_by("created_at"))
    contact = next((leg.state for leg in legs if leg.party == CallLeg.Party.CONTACT), None)
    came = [leg for leg in legs if leg.party == CallLeg.Party.AGENT]
    has_put_down = bool(came) and came[-1].is_phone  # whoever has, is not lost
    agents = [(leg.user_id, leg.state) for leg in came]
    return Room(contact, agents, has_put_down).lost_at is not None


def _contact_has_left(call: CallLog) -> bool:
    """The far side hung up, though the call's last callback has not come yet."""
    return bool(
        CallLeg.objects.filter(
            conference_id=call.conference_id,
            party=CallLeg.Party.CONTACT,
            # A leg that was never answered leaves, too; its own callback says why.
            joined_at__isnull=False,
            left_at__isnull=False,
        ).exists()
    )


def occupation_of(user_id: UUID) -> str:
    """The call in which a member is, in words, for whoever is about to deactivate them."""
    call = _live(user_id).select_related("contact", "tenant").order_by("-started_at").first()
    if call is None:
        return ""
    whom = call.contact.name if call.contact else display(call.other_full, call.tenant.country)
    return f"a call with {whom}"
