from collections.abc import Callable

from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, re_path

from calls import api, call_logs_api, controls, pages, settings_pages, views, webhooks


def either(route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    """A path that is accepted with and without a trailing slash, and never redirected."""
    return re_path(rf"^{route}/?$", view, name=name)


urlpatterns = [
    path("calls", pages.calls, name="calls"),
    path("calls/<uuid:call_id>", pages.call, name="call"),
    path("contacts/<uuid:contact_id>", pages.contact, name="contact"),
    path("settings/caller-ids", settings_pages.caller_ids, name="caller_ids"),
    path(
        "settings/telephone-account",
        settings_pages.telephone_account,
        name="telephone_account",
    ),
    path("settings/calling-limits", settings_pages.calling_limits, name="calling_limits"),
    path("calls/export", pages.export_calls, name="calls_export"),
    path("calls/dial", views.dial, name="dial"),
    path("calls/active", views.active_call, name="active_call"),
    path("calls/end", controls.end_call, name="end_call"),
    path("calls/rejoin", controls.rejoin, name="rejoin"),
    path("calls/live-ticket", views.live_ticket, name="live_ticket"),
    path("recordings/<uuid:recording_id>", views.recording, name="recording"),
    either("api/twilio/access-token", api.AccessTokenView.as_view(), "access_token"),
    either("api/twilio/make-call", api.MakeCallView.as_view(), "make_call"),
    either("api/twilio/call-logs", call_logs_api.CallLogsView.as_view(), "call_logs"),
    either(
        "api/twilio/call-logs/(?P<call_id>[^/]+)", call_logs_api.CallLogView.as_view(), "call_log"
    ),
    either("api/twilio/voice-webhook", webhooks.VoiceWebhook.as_view(), "voice_webhook"),
    either("api/twilio/hold-music", webhooks.HoldMusicWebhook.as_view(), "hold_music"),
    either("api/twilio/call-status", webhooks.CallStatusWebhook.as_view(), "call_status"),
    either(
        "api/twilio/recording-status",
        webhooks.RecordingStatusWebhook.as_view(),
        "recording_status",
    ),
]
