"""The recorder: starts recordings, stops them, and reports each step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from sandbox.config import Config
from sandbox.telephony.callbacks import RecordingCallback
from sandbox.telephony.calls import Call
from sandbox.telephony.conferences import Conference
from sandbox.telephony.recordings import Recording
from sandbox.wire.log import WireLog
from sandbox.wire.webhooks import Webhooks

RECORDING_READY_SECONDS = 0.3  # Twilio's file is ready some time after the call


class Recorder:
    """All recordings. ``spawn`` keeps a background task until it is done."""

    def __init__(
        self,
        config: Config,
        wire: WireLog,
        webhooks: Webhooks,
        spawn: Callable[[asyncio.Task[None]], None],
    ) -> None:
        self.recordings: dict[str, Recording] = {}
        self._config = config
        self._wire = wire
        self._webhooks = webhooks
        self._spawn = spawn

    def record_call(
        self,
        call: Call,
        source: str,
        channels: int,
        callback: RecordingCallback,
        track: str = "both",
    ) -> Recording:
        """Start to record a leg."""
        recording = Recording(
            call.account, call.sid, None, source, channels, call.base_url, track, callback
        )
        call.recordings.append(recording)
        return self._started(recording)

    def record_conference(
        self, conference: Conference, source: str, callback: RecordingCallback
    ) -> Recording:
        """Start to record the mix of a conference; mono, as with Twilio."""
        recording = Recording(
            conference.account,
            None,
            conference.sid,
            source,
            1,
            conference.base_url,
            callback=callback,
        )
        conference.recording = recording
        return self._started(recording)

    def _started(self, recording: Recording) -> Recording:
        self.recordings[recording.sid] = recording
        self._report(recording)
        return recording

    def stop(self, recording: Recording) -> None:
        """Stop capturing; the file and its callback follow some hundred ms later."""
        if recording.running:
            recording.status = "processing"
            self._spawn(asyncio.create_task(self._finish(recording)))

    async def _finish(self, recording: Recording) -> None:
        await asyncio.sleep(RECORDING_READY_SECONDS)
        recording.save(self._config.data_dir / recording.account.sid)
        self._report(recording)

    def _report(self, recording: Recording) -> None:
        callback = recording.callback
        if recording.status not in callback.events or not callback.url:
            return
        host = urlsplit(callback.url).hostname or ""
        if not callback.url.startswith(("http://", "https://")) or "_" in host:
            self._wire.alert(13256, f"invalid recording callback {callback.url}")
            return
        self._webhooks.event(recording.account, callback.url, callback.method, recording.params())
