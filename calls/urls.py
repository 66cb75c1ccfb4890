from collections.abc import Callable

from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, re_path

from calls.api.call_logs import CallLogsView, CallLogView
from calls.api.calls import AccessTokenView, MakeCallView
from calls.pages import (
    calls,
    controls,
    first_steps,
    missed,
    my_phone,
    notes,
    number_buying,
    numbers,
    phone,
    recordings,
    ringing,
    settings,
    sounds,
)
from calls.pages.lines import editing, overview
from calls.pages.lines import sounds as of_lines
from calls.webhooks.call_status import CallStatusWebhook
from calls.webhooks.recording_status import RecordingStatusWebhook
from calls.webhooks.voice import HoldMusicWebhook, VoiceFallbackWebhook, VoiceWebhook


def either(route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    """A path that is accepted with and without a trailing slash, and never redirected."""
    return re_path(rf"^{route}/?$", view, name=name)


_BLOCK = "^settings/lines/(?P<kind>group|menu|voicemail)"
_ID = "/(?P<block_id>[0-9a-f-]{32,36})"  # with and without its dashes

urlpatterns = [
    # In the order in which they are looked through: what is asked for most comes first.
    either("api/twilio/call-status", CallStatusWebhook.as_view(), "call_status"),
    either("api/twilio/voice-webhook", VoiceWebhook.as_view(), "voice_webhook"),
    either("api/twilio/voice-fallback", VoiceFallbackWebhook.as_view(), "voice_fallback"),
    either("api/twilio/hold-music", HoldMusicWebhook.as_view(), "hold_music"),
    either(
        "api/twilio/recording-status",
        RecordingStatusWebhook.as_view(),
        "recording_status",
    ),
    path("calls", calls.calls, name="calls"),
    path("calls/<uuid:call_id>", calls.call, name="call"),
    path("calls/<uuid:call_id>/contact", calls.choose_contact, name="choose_contact"),
    path("calls/<uuid:call_id>/note", notes.note, name="note"),
    path("calls/<uuid:call_id>/block", missed.block, name="block_caller"),
    path("calls/missed/done", missed.missed_done, name="missed_done"),
    path("contacts/<uuid:contact_id>", calls.contact, name="contact"),
    path("account/phone", my_phone.my_phone, name="my_phone"),
    path("settings/numbers", numbers.numbers, name="numbers"),
    path("settings/numbers/search", number_buying.search_numbers, name="search_numbers"),
    path("settings/numbers/buy", number_buying.buy_number, name="buy_number"),
    path(
        "settings/numbers/<uuid:number_id>/release",
        numbers.release_number,
        name="release_number",
    ),
    path("settings/caller-ids", settings.caller_ids, name="caller_ids"),
    path(
        "settings/telephone-account",
        settings.telephone_account,
        name="telephone_account",
    ),
    path("settings/calling-limits", settings.calling_limits, name="calling_limits"),
    path("settings/blocked-callers", missed.blocked_callers, name="blocked_callers"),
    path("settings/lines", overview.lines, name="lines"),
    path("settings/lines/<uuid:line_id>", overview.line, name="line"),
    path("settings/lines/<uuid:line_id>/edit", editing.line_edit, name="line_edit"),
    path("settings/lines/<uuid:line_id>/closing", overview.line_closing, name="line_closing"),
    path("settings/lines/sounds/new", of_lines.sound_new, name="sound_new"),
    path("settings/lines/sounds/<uuid:sound_id>", of_lines.sound_page, name="sound_page"),
    path("settings/lines/sounds/<uuid:sound_id>/audio", of_lines.sound_audio, name="sound_audio"),
    path(
        "settings/lines/sounds/<uuid:sound_id>/remove", of_lines.sound_remove, name="sound_remove"
    ),
    re_path(f"{_BLOCK}/new$", editing.block_new, name="block_new"),
    re_path(f"{_BLOCK}{_ID}$", editing.block, name="block"),
    re_path(f"{_BLOCK}{_ID}/remove$", editing.block_remove, name="block_remove"),
    path("calls/first-steps", first_steps.first_steps, name="first_steps"),
    path("calls/export", calls.export_calls, name="calls_export"),
    path("calls/dial", phone.dial, name="dial"),
    path("calls/active", phone.active_call, name="active_call"),
    path("calls/end", controls.end_call, name="end_call"),
    path("calls/sound-lost", controls.sound_lost, name="sound_lost"),
    path("calls/extension", controls.extension, name="extension"),
    path("calls/rejoin", controls.rejoin, name="rejoin"),
    path("calls/availability", ringing.availability, name="availability"),
    path("calls/seen", ringing.seen, name="seen"),
    path("calls/incoming", ringing.incoming, name="incoming"),
    path("calls/presence", ringing.presence, name="presence"),
    path("calls/<uuid:call_id>/answer", ringing.answer, name="answer"),
    path("calls/<uuid:call_id>/decline", ringing.decline, name="decline"),
    path("calls/<uuid:call_id>/knocked", ringing.knocked, name="knocked"),
    path("calls/push", ringing.push, name="push"),
    path("calls/live-ticket", phone.live_ticket, name="live_ticket"),
    path("recordings/<uuid:recording_id>", recordings.recording, name="recording"),
    path("recordings/<uuid:recording_id>/heard", missed.heard, name="heard"),
    path(
        "recordings/<uuid:recording_id>/fetch",
        recordings.fetch_again,
        name="fetch_recording",
    ),
    path("sounds/<str:token>", sounds.heard_by_caller, name="sound"),
    either("api/twilio/access-token", AccessTokenView.as_view(), "access_token"),
    either("api/twilio/make-call", MakeCallView.as_view(), "make_call"),
    either("api/twilio/call-logs", CallLogsView.as_view(), "call_logs"),
    either("api/twilio/call-logs/(?P<call_id>[^/]+)", CallLogView.as_view(), "call_log"),
]
