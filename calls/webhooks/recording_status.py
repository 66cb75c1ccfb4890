"""News of recordings."""

from django.http import HttpResponse
from django.http.request import QueryDict

from calls.gateway.accounts import TwilioAccount
from calls.services.callbacks.reading import Form, Hook
from calls.webhooks import hearing
from calls.webhooks.signed_posts import TwilioWebhook, retriable


class RecordingStatusWebhook(TwilioWebhook):
    """News of a recording. Its URL is never used: ours is made of the checked SIDs."""

    @retriable
    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        hearing.hear(Hook.RECORDING, account, form, query)
        return HttpResponse(status=204)
