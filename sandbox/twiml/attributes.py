"""Attributes that several verbs share: what is to be reported where."""

from __future__ import annotations

from urllib.parse import urljoin

from sandbox.telephony.callbacks import RECORDING_EVENTS, RecordingCallback
from sandbox.twiml.document import TwimlError, Verb


def words(text: str, allowed: dict[str, tuple[str, ...]] | tuple[str, ...]) -> frozenset[str]:
    """A list of event names. Raises TwimlError for one that is none."""
    found = frozenset(text.split())
    if unknown := found - set(allowed):
        raise TwimlError(12200, f"statusCallbackEvent: {', '.join(sorted(unknown))}")
    return found


def recording_callback(verb: Verb, base: str) -> RecordingCallback:
    """The recordingStatusCallback* attributes of a verb."""
    url = verb.get("recordingStatusCallback")
    return RecordingCallback(
        urljoin(base, url) if url else "",
        verb.get("recordingStatusCallbackMethod", "POST").upper(),
        words(verb.get("recordingStatusCallbackEvent", "completed"), RECORDING_EVENTS),
    )
