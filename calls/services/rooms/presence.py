"""An agent's browser comes into a room."""

from uuid import UUID

from django.conf import settings

from calls.facts.refusals import Refusal
from calls.gateway.accounts import TwilioAccount, sid_in_use
from calls.models import CallLeg, Conference
from calls.selectors.limits import policy_of
from calls.services import guarding
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Tenant

_WAITS = 180  # seconds, for the contact to be dialled and for whoever was lost to come back


def lock(member: Membership) -> None:
    """One agent's connections and dialling are served one after the other. Raises `Refusal` for
    one who was removed meanwhile.
    """
    still = Membership.objects.select_for_update(of=("self",)).filter(
        pk=member.pk, is_active=True, user__is_active=True
    )
    if still.first() is None:
        raise Refusal("forbidden", "You are no longer a member of this workspace.")


def admit_agent(
    member: Membership, *, account: TwilioAccount, client_request_id: UUID, call_sid: str
) -> tuple[Conference, CallLeg]:
    """The room of this wish to call, and the agent's leg in it; made on first sight.

    The same `call_sid` again is the same leg. Once the contact has been dialled, an agent may come
    back by another browser, which then takes the call over (`facts.rooms.Step.RELIEVE`). Raises
    `Refusal` when the room is over or another account's, another browser of this agent waits in it,
    or a calling limit would refuse whatever is dialled next. A new room is only made with the
    account that the workspace uses now.
    """
    with tenant_transaction(member.tenant_id):
        lock(member)
        wish = {"agent_id": member.user_id, "client_request_id": client_request_id}
        room = Conference.objects.filter(**wish).first()
        if is_new := room is None:  # and stays so: the agent is locked
            room = Conference.objects.create(account_sid=account.sid, **wish)
        if room.account_sid != account.sid or (is_new and sid_in_use() != account.sid):
            # A browser's token outlives a change of account by ten minutes.
            raise Refusal("forbidden", "The telephone account was changed. Reload the page.")
        leg = CallLeg.objects.filter(call_sid=call_sid).first()
        if leg is not None:
            if leg.conference_id != room.pk:
                raise Refusal("duplicate_in_progress", "This call is already somewhere else.")
            return room, leg
        if not is_new:
            _check_return(member, room)
        guarding.check_connect(member, room, is_rejoin=not is_new and hasattr(room, "call"))
        leg = CallLeg.objects.create(
            tenant_id=member.tenant_id,
            conference=room,
            user_id=member.user_id,
            party=CallLeg.Party.AGENT,
            call_sid=call_sid,
        )
        return room, leg


def _check_return(member: Membership, room: Conference) -> None:
    own = room.legs.filter(user_id=member.user_id)
    waits = any(not other.state.is_over for other in own)
    if waits and not room.legs.filter(party=CallLeg.Party.CONTACT).exists():
        raise Refusal("duplicate_in_progress", "You are in this call already.")
    if room.closed_at is not None:
        raise Refusal("call_over", "This call is over.")


def seconds_at_most(tenant: Tenant) -> int:
    """How long an agent's leg may last: the longest call, and the waiting before and after it. The
    sweep ends rooms in which nobody talks; this holds even if nothing of ours runs any more.
    """
    with tenant_transaction(tenant.pk):
        longest = policy_of(tenant).caps.longest_minutes * 60
    return longest + settings.RING_TIMEOUT + _WAITS
