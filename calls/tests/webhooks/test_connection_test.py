"""A browser that tries its connection hears a sentence; no one is rung, and nothing is made."""

import uuid
from typing import Any
from xml.etree import ElementTree

from calls.tests.conftest import sid
from calls.tests.webhooks.test_webhooks import VOICE, rows
from tenants.fence.context import tenant_transaction
from tenants.people.services import set_active

WISH = {
    "purpose": "test",
    "CallStatus": "ringing",
    "Direction": "inbound",
    # What whoever has a token could add to it.
    "To": "+19005550100",
    "to": "+19005550100",
    "Digits": "</Say><Dial>+19005550100</Dial>",
}


def asked(webhook: Any, member: Any, **more: str) -> list[tuple[str, str]]:
    """(verb, text) of the answer's verbs."""
    form = WISH | {"From": f"client:{member.identity}", "CallSid": sid("CA")} | more
    answer = webhook(VOICE, **form)
    assert answer.status_code == 200
    return [(verb.tag, verb.text or "") for verb in ElementTree.fromstring(answer.content)]


def test_a_test_is_a_sentence_and_an_end_and_leaves_no_row(cast: Any, webhook: Any) -> None:
    before = rows()
    verbs = asked(webhook, cast.bob)
    assert [tag for tag, _ in verbs] == ["Say", "Pause", "Hangup"]
    assert "test of your connection" in verbs[0][1]
    # Nor with the id of a room, its own or one that is not there.
    assert asked(webhook, cast.bob, clientRequestId=str(uuid.uuid4())) == verbs
    assert rows() == before


def test_who_is_no_member_may_not_test(cast: Any, webhook: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        set_active(cast.bob, False)
    before = rows()
    (_, said), (end, _) = asked(webhook, cast.bob)
    assert "may not place calls" in said and end == "Hangup"
    assert rows() == before
