"""A signed callback is stored where it belongs, or kept aside."""

from django.http.request import QueryDict
from django.utils import timezone

from calls import tasks
from calls.facts import states
from calls.gateway.accounts import TwilioAccount
from calls.models import PhoneRing, Recording
from calls.services.callbacks import aside, routing
from calls.services.callbacks.reading import Callback, Form, Hook, ids_of
from calls.services.callbacks.routing import Unroutable
from tenants.bricks import log_context
from tenants.bricks.gates import Gate
from tenants.bricks.queueing import queue

# News of one room waits for that room, but not with every thread that there is. The end of a leg is
# told by a request for TwiML, which does not come again: it has places of its own.
_news, _ends = Gate(2), Gate(2)


def hear(hook: Hook, account: TwilioAccount, form: Form, query: QueryDict) -> None:
    """Route it, and see to what is to be done now. Raises `Crowded`: then it is to come again."""
    callback = Callback(hook, account, ids_of(query), form, timezone.now())
    log_context.bind(**{**callback.ids, "tenant": callback.named_tenant})
    try:
        found = routing.hear(callback, gate=_ends if hook is Hook.LEG_ENDED else _news)
    except Unroutable as error:
        aside.keep(callback, str(error))
        return
    if isinstance(found, Recording):
        queue(tasks.fetch_recording, found.tenant_id, found.pk)
    elif isinstance(found, PhoneRing):
        tasks.tend_agent(found.tenant_id, found.user_id)
        room_id = found.offer.caller.call.conference_id
        if found.taken_at is not None and room_id is not None:
            tasks.tend_now(found.tenant_id, room_id)
    elif found is not None:
        tasks.tend_now(found.tenant_id, found.pk)
    has_ended = hook is Hook.LEG_ENDED or form.get("CallStatus") in states.TERMINAL
    if has_ended and (agent := routing.named_behind(account, callback.identity)):
        tasks.tend_agent(agent.tenant_id, agent.user_id)  # who is free for those who wait
