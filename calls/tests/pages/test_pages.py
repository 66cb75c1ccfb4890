"""What the calls page and its panels show, by the names that people and screen readers find."""

import re
import uuid
from html import unescape
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory

from calls.facts import states
from calls.selectors import ActiveCall
from tenants.fence.context import tenant_transaction

UNSPOKEN = re.compile(r'<(\w+)[^>]*aria-hidden="true"[^>]*>.*?</\1>|<[^>]+>', re.S)


def names_of_buttons(html: str) -> list[str]:
    """The accessible names of all buttons: the label, else the text that is not hidden from it."""
    names = []
    for attributes, content in re.findall(r"<button\b([^>]*)>(.*?)</button>", html, re.S):
        label = re.search(r'aria-label="([^"]*)"', attributes)
        text = re.sub(
            r'<(\w+)[^>]*aria-hidden="true"[^>]*>.*?</\1>|<[^>]+>', "", content, flags=re.S
        )
        names.append(unescape(label[1] if label else " ".join(text.split())))
    return names


def htmx(target: str) -> dict[str, str]:
    return {"HX-Request": "true", "HX-Target": target}


def test_the_calls_page_has_exactly_one_button_called_call(
    cast: Any, dialled: Any, signed_in: Any
) -> None:
    names = names_of_buttons(signed_in(cast.bob).get("/calls").content.decode())
    assert names.count("Call") == 1
    assert "Call Maria of Acme" in names
    assert {f"Dial {key}" for key in "0123456789"} <= set(names)


@pytest.mark.parametrize(
    ("headers", "whole"),
    [
        ({}, True),
        (htmx("main#main"), True),
        ({"HX-History-Restore-Request": "true"}, True),
        (htmx("section#history"), False),
        (htmx("tbody#history_rows"), False),
    ],
)
def test_the_history_alone_is_answered_only_to_the_history(
    cast: Any, signed_in: Any, headers: dict[str, str], whole: bool
) -> None:
    page = signed_in(cast.bob).get("/calls", headers=headers).content.decode()
    assert ('<main id="main"' in page) is whole
    assert '<tbody role="rowgroup" id="history_rows"' in page


@pytest.mark.parametrize(("target", "whole"), [("main#main", True), ("ul#contacts_rows", False)])
def test_the_contacts_alone_are_answered_only_to_the_list(
    cast: Any, signed_in: Any, target: str, whole: bool
) -> None:
    page = signed_in(cast.bob).get("/contacts?q=maria", headers=htmx(target)).content.decode()
    assert ('<main id="main"' in page) is whole
    assert names_of_buttons(page)[-1] == "Call Maria of Acme" or whole


def test_a_row_says_who_how_when_and_what_can_be_done(
    cast: Any, dialled: Any, signed_in: Any
) -> None:
    dialled.hear(states.CALL, "busy", dialled.contact_leg)
    page = signed_in(cast.bob).get("/calls", headers=htmx("section#history")).content.decode()
    (row,) = re.findall(r'<tr role="row".*?</tr>', page, re.S)
    for words in ("Outbound", "Maria of Acme", "(415) 555-0100", "Busy", "Today", "Bob"):
        assert words in row, words
    assert names_of_buttons(row) == ["Call Maria of Acme"]


def test_names_are_text_never_markup(cast: Any, dialled: Any, signed_in: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        cast.acme_maria.name = '<script>alert("1")</script>'
        cast.acme_maria.save(update_fields=["name"])
    for path in ("/calls", "/contacts", "/contacts/suggest?q=script"):
        assert "<script>alert" not in signed_in(cast.bob).get(path).content.decode(), path


def test_an_empty_history_says_so_and_a_refusal_stands_at_the_field(
    cast: Any, signed_in: Any
) -> None:
    client = signed_in(cast.bob)
    assert "No calls yet." in client.get("/calls").content.decode()
    refused = client.post("/calls/dial", {"q": "hello"})
    assert refused.status_code == 422
    (error,) = re.findall(r'id="dial_error" role="alert"[^>]*>([^<]+)<', refused.content.decode())
    assert "number" in error


def panel(**more: Any) -> str:
    shown: dict[str, Any] = {
        "state": "active",
        "status_text": "In call",
        "tone": "success",
        "name": "Ada",
        "number_display": "(415) 555-0100",
        "request": "r1",
        "is_recorded": True,
    }
    call = ActiveCall(**shown | more)
    return render_to_string("_active_call.html", {"call": call}, RequestFactory().get("/"))


def test_without_a_call_there_is_no_region() -> None:
    html = render_to_string("_active_call.html", {"call": None})
    assert "<section" not in html and 'id="active_call"' in html


@pytest.mark.parametrize(
    ("state", "pause"), [("connecting", "3s"), ("ringing", "3s"), ("active", "20s")]
)
def test_a_live_panel_fetches_itself_on_news_and_slowly_anyway(state: str, pause: str) -> None:
    html = panel(state=state, answered_iso="2026-11-22T10:00:00+00:00")
    assert f"live:mine from:body, live:resync from:body, every {pause}" in html
    assert 'data-answered-at="2026-11-22T10:00:00+00:00"' in html and 'role="timer"' in html
    assert {"Mute", "Keypad", "End call"} <= set(names_of_buttons(html))


def test_an_ended_panel_carries_no_trigger_and_can_be_closed() -> None:
    html = panel(
        state="ended",
        status_text="Call ended",
        is_over=True,
        duration_display="0:42",
        message="Bye.",
    )
    assert "hx-trigger" not in html and "data-answered-at" not in html
    assert names_of_buttons(html) == ["Close"]
    assert "0:42" in html and "Bye." in html


def test_an_answered_call_that_has_just_ended_waits_for_its_length_without_polling() -> None:
    html = panel(state="ended", is_over=True, answered_iso="2026-11-22T10:00:00+00:00")
    assert "live:mine from:body" in html and "every" not in html
    assert "hx-morph-skip-children" in html


def test_an_end_on_the_way_back_does_not_say_that_nothing_was_dialled(
    cast: Any, dialled: Any, signed_in: Any
) -> None:
    """Of a call that goes on, in which somebody holds; of one that was never made, it does."""
    bob = signed_in(cast.bob)

    def shown(**asked: str) -> str:
        page = bob.get("/calls/active", {"request": str(dialled.request_id)} | asked)
        return str(page.content.decode())

    dialled.hear(states.CALL, "in-progress", dialled.contact_leg)
    dialled.hear(states.CONFERENCE, "participant-join", dialled.contact_leg)
    dialled.hear(states.CONFERENCE, "participant-leave", dialled.agent_leg)
    for error in ("canceled", "no_sound"):
        page = shown(error=error)
        assert "Nothing was dialled" not in page and 'id="call_rejoin"' in page
        assert "Nothing was dialled" in shown(error=error, request=str(uuid.uuid4()))
