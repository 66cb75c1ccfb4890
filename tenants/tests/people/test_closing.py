"""What was closed stays closed: for whom, and for how long."""

from typing import Any

import pytest

from tenants.models import Tenant


@pytest.fixture
def noticed(cast: Any) -> Any:
    """The cast; Acme has a notice."""
    Tenant.objects.filter(pk=cast.acme.pk).update(notice="We move on Friday.")
    return cast


def shows(client: Any, text: str = "We move on Friday.") -> bool:
    return f"<p>{text}" in client.get("/calls").content.decode()


def close(client: Any, text: str = "We move on Friday.", **headers: str) -> Any:
    return client.post("/notice/close", {"text": text}, headers=headers)


def test_a_closed_notice_stays_closed_for_this_person_alone(noticed: Any, signed_in: Any) -> None:
    assert shows(signed_in(noticed.bob))
    answer = close(signed_in(noticed.bob), **{"HX-Request": "true"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert not shows(signed_in(noticed.bob))  # in a new session, too
    assert shows(signed_in(noticed.alice))
    answer = close(signed_in(noticed.alice))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/calls")
    assert not shows(signed_in(noticed.alice))


def test_the_live_channel_of_who_closes_goes_on(
    noticed: Any, signed_in: Any, monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    ended: list[Any] = []
    monkeypatch.setattr("tenants.bricks.live.end_streams", ended.append)
    client = signed_in(noticed.bob)
    ended.clear()
    with django_capture_on_commit_callbacks(execute=True):
        close(client)
        client.post("/first-steps/close")
    assert not ended and not shows(client)


def test_another_notice_is_shown_again(noticed: Any, signed_in: Any) -> None:
    close(signed_in(noticed.bob))
    Tenant.objects.filter(pk=noticed.acme.pk).update(notice="We have moved.")
    assert shows(signed_in(noticed.bob), "We have moved.")
    close(signed_in(noticed.bob))  # in a tab that still shows the one before
    assert shows(signed_in(noticed.bob), "We have moved.")


def test_the_sandbox_says_what_can_be_called_where_its_calls_go(
    noticed: Any, signed_in: Any, settings: Any
) -> None:
    link = 'href="#calls_go_to"'
    settings.TWILIO_SANDBOX_URL = "http://127.0.0.1:8700"
    page = signed_in(noticed.bob).get("/calls").content.decode()
    assert link in page and 'id="calls_go_to"' in page and "<dt>101</dt>" in page
    close(signed_in(noticed.bob))
    page = signed_in(noticed.bob).get("/calls").content.decode()
    assert link not in page and "<dt>101</dt>" in page
    settings.TWILIO_SANDBOX_URL = ""
    assert "<dt>101</dt>" not in signed_in(noticed.alice).get("/calls").content.decode()
