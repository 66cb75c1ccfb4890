"""Attributes that several verbs share: what is to be reported where."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

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


def absolute(base: str, reference: str, verb: Verb, code: int = 11100) -> str:
    """The address that a verb means. TwimlError when it is none, e.g. a relative one in the
    ``twiml`` of a REST request, where there is nothing to be relative to.
    """
    url = urljoin(base, reference)
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname:
        return url
    # Twilio has a code of its own for the verbs whose answers control the call.
    if reference and verb.name in ("Gather", "Record"):
        code = 15004
    raise TwimlError(code, f"<{verb.name}>: {reference!r} is not an absolute URL")
