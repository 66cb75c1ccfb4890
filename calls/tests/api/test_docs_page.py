"""The API's page: what it shows as examples is what the product takes and gives."""

import html
import json
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from calls import gateway
from calls.facts import states
from calls.models import CallLog, Recording
from calls.tests.conftest import Scene, sid
from tenants.fence.context import tenant_transaction

SENT = {"access_token_create", "call_logs", "call_log", "make_call_create"}


@pytest.fixture
def page(client: Client) -> str:
    text: str = client.get("/api/docs").content.decode()
    return text


def commands(page: str) -> dict[str, str]:
    found = re.findall(r'<textarea id="curl_(\w+)"[^>]*>([^<]*)</textarea>', page)
    return {name: html.unescape(text) for name, text in found}


def answers(page: str) -> dict[str, Any]:
    found = re.findall(r'class="api-answer"[^>]*><code>([^<]*)</code>', page)
    return dict(
        zip(commands(page), (json.loads(html.unescape(each)) for each in found), strict=True)
    )


def send(client: Client, command: str, **variables: str) -> Any:
    """As curl would, with a session in place of the token."""
    for name, value in variables.items():
        command = command.replace(f"${name}", value)
    assert command.count("\n") == command.count(" \\\n")
    program, _, method, address, *options = shlex.split(command.replace("\\\n", " "))
    sent = dict(zip(options[1::2], options[::2], strict=True))
    headers = dict(each.split(": ", 1) for each, option in sent.items() if option == "-H")
    assert program == "curl" and headers.pop("Authorization") == "Bearer $TOKEN"
    assert address.startswith(f"{settings.PUBLIC_BASE_URL}/api/")
    parts = urlsplit(address)
    body = next((each for each, option in sent.items() if option == "-d"), "")
    kind = headers.pop("Content-Type", "application/octet-stream")
    assert not headers
    return client.generic(method, f"{parts.path}?{parts.query}", body, content_type=kind)


def differences(shown: Any, given: Any, where: str = "") -> Iterator[str]:
    """Where an answer has other fields, or values of another kind, than the example."""
    if isinstance(shown, dict) and isinstance(given, dict):
        yield from (f"{where}.{name}" for name in shown.keys() ^ given.keys())
        for name in shown.keys() & given.keys():
            yield from differences(shown[name], given[name], f"{where}.{name}")
    elif isinstance(shown, list) and isinstance(given, list):
        for each in given if shown else []:
            yield from differences(shown[0], each, f"{where}[]")
    elif None not in (shown, given) and type(shown) is not type(given):
        yield f"{where}: {shown!r}, {given!r}"


@pytest.fixture
def over(dialled: Scene, cast: Any) -> CallLog:
    """Bob's call to Maria is over and recorded."""
    began = timezone.now().replace(microsecond=0)
    for seconds, name in ((1, "ringing"), (8, "in-progress"), (20, "completed")):
        more = {"duration": 12} if name == "completed" else {}
        at = began + timedelta(seconds=seconds)
        dialled.hear(states.CALL, name, dialled.contact_leg, at=at, **more)
    with tenant_transaction(cast.acme.pk):
        Recording.objects.create(
            call=dialled.call, sid=sid("RE"), account_sid=sid("AC"), state="stored", duration=12
        )
    return dialled.fresh()


def test_each_example_that_reads_is_taken_and_answered_as_shown(
    page: str, over: CallLog, cast: Any, signed_in: Any
) -> None:
    bob, shown = signed_in(cast.bob), answers(page)
    assert set(commands(page)) == SENT
    for name, command in commands(page).items():
        if name == "make_call_create":
            continue
        answer = send(bob, command, CALL_ID=str(over.pk))
        assert answer.status_code == 200, (name, answer.content)
        assert not list(differences(shown[name], answer.json())), name
        if name == "call_logs":
            assert [each["id"] for each in answer.json()["data"]] == [str(over.pk)]
    # A call of a detail has no list left empty, so that each was compared.
    assert all(shown["call_log"][name] for name in ("legs", "recordings", "timeline"))


def test_the_example_that_dials_is_taken_and_answered_as_shown(
    page: str, waiting: Scene, cast: Any, signed_in: Any, monkeypatch: Any
) -> None:
    bob, command = signed_in(cast.bob), commands(page)["make_call_create"]
    early = send(bob, command)
    assert (early.status_code, early.json()["error"]["code"]) == (409, "agent_not_connected")
    monkeypatch.setattr(gateway, "dial_participant", lambda *_, **__: sid("CA"))
    request_id = re.findall(r'"clientRequestId": "([^"]*)"', command)[0]
    with tenant_transaction(cast.acme.pk):
        waiting.room.client_request_id = request_id
        waiting.room.save()
    answer = send(bob, command)
    assert answer.status_code == 201, answer.content
    assert not list(differences(answers(page)["make_call_create"], answer.json()))
    assert "<h3>Response 201</h3>" in page


def test_no_field_of_an_example_is_left_to_chance(page: str) -> None:
    def texts(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for key, each in value.items():
                yield from texts(each, key)
        elif isinstance(value, list):
            for each in value:
                yield from texts(each, name)
        else:
            yield name, value

    unknown = {name for each in answers(page).values() for name, v in texts(each) if v is None}
    of_others = {"waitSeconds", "missed", "missedDoneAt", "heardAt"}  # calls that come in
    of_others |= {"notes", "disposition", "transcript"}  # later ones
    assert unknown == of_others | {
        "nextCursor",
        "user",
        "duration",
        "sipCode",
        "errorCode",
    }


def test_members_read_it_in_their_shell_and_everyone_else_plain(
    page: str, cast: Any, signed_in: Any, settings: Any
) -> None:
    assert 'class="sidebar"' not in page and "data-copy" not in page
    member = signed_in(cast.bob).get("/api/docs").content.decode()
    assert 'class="sidebar"' in member and member.count("data-copy=") == len(SENT)
    assert "not set up here yet" in page
    settings.CLERK_ISSUER = "https://clerk.acme.example"
    assert "not set up here yet" not in signed_in(cast.bob).get("/api/docs").content.decode()
