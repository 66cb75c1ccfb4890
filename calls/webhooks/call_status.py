"""Progress of legs and of rooms."""

from django.http import HttpResponse
from django.http.request import QueryDict

from calls.gateway.accounts import TwilioAccount
from calls.services.callbacks.reading import Form, status_hook
from calls.webhooks import hearing
from calls.webhooks.signed_posts import TwilioWebhook, retriable


class CallStatusWebhook(TwilioWebhook):
    """Progress of legs and of rooms."""

    @retriable
    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        hearing.hear(status_hook(query), account, form, query)
        return HttpResponse(status=204)
