"""Progress of legs and of rooms."""

from django.http import HttpResponse
from django.http.request import QueryDict

from calls.facts import states
from calls.gateway.accounts import TwilioAccount
from calls.webhooks import routing
from calls.webhooks.reading import heard
from calls.webhooks.signed_posts import Form, TwilioWebhook, retriable


class CallStatusWebhook(TwilioWebhook):
    """Progress of legs and of rooms."""

    @retriable
    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        if "room" in query:
            event = heard(account, form, states.CONFERENCE, form.get("StatusCallbackEvent", ""))
        else:
            event = heard(account, form, states.CALL, form.get("CallStatus", ""))
        routing.store(account, form, query, event)
        return HttpResponse(status=204)
