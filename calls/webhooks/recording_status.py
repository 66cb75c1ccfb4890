"""News of recordings."""

from django.db import IntegrityError
from django.http import HttpResponse
from django.http.request import QueryDict
from django.utils import timezone

from calls import tasks
from calls.facts.sids import RECORDING, is_sid
from calls.gateway.accounts import TwilioAccount
from calls.services import recordings
from calls.webhooks.aside import keep_aside
from calls.webhooks.reading import number
from calls.webhooks.routing import belongs
from calls.webhooks.signed_posts import Form, TwilioWebhook, retriable
from tenants.bricks import log_context
from tenants.bricks.ids import read_uuid


class RecordingStatusWebhook(TwilioWebhook):
    """News of a recording. Its URL is never used: ours is made of the checked SIDs."""

    @retriable
    def hear(self, account: TwilioAccount, form: Form, query: QueryDict) -> HttpResponse:
        tenant_id, call_id = read_uuid(query.get("tenant")), read_uuid(query.get("call"))
        sid = form.get("RecordingSid", "")
        if tenant_id is None or call_id is None or not is_sid(sid, RECORDING):
            keep_aside(account, form, "no such call")
            return HttpResponse(status=204)
        if not belongs(account, tenant_id):
            keep_aside(account, form, "another account's call")
            return HttpResponse(status=204)
        log_context.bind(tenant=tenant_id, call=call_id)
        try:
            waiting = recordings.note_recording(
                tenant_id,
                call_id=call_id,
                call_sid=form.get("CallSid", ""),
                account_sid=account.sid,
                sid=sid,
                status=form.get("RecordingStatus", ""),
                duration=number(form.get("RecordingDuration")),
                channels=2 if form.get("RecordingChannels") == "2" else 1,
                now=timezone.now(),
            )
        except (LookupError, IntegrityError) as error:
            keep_aside(account, form, str(error))
            return HttpResponse(status=204)
        if waiting is not None:
            tasks.queue(tasks.fetch_recording, tenant_id, waiting.pk)
        return HttpResponse(status=204)
