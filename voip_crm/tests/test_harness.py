"""The product starts as real processes, and the fixtures see what they claim to see."""

import socket
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from calls.models import CallLog
from calls.tests.builders import an_outbound_call
from tenants.models import AuditEntry
from tenants.tests import database
from voip_crm.tests import harness

TRIGGERS = "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger"

both = pytest.mark.parametrize("site", ["services", "embedded"], indirect=True)


def test_tests_stay_on_this_machine() -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match="192.0.2.1"):
        outside.connect(("192.0.2.1", 80))


@pytest.mark.parametrize("grown", [database.GROWN, -1])
def test_between_two_tests_all_rows_go_but_those_that_processes_remember(
    committed_cast: Any, monkeypatch: Any, grown: int
) -> None:
    """One by one while there are few, and by making the tables anew."""

    def triggers() -> Any:
        if connection.vendor != "postgresql":
            return None
        with connection.cursor() as cursor:
            cursor.execute(TRIGGERS)
            return sorted(cursor.fetchall())

    monkeypatch.setattr(database, "GROWN", grown)
    database._looked_at.cache_clear()
    an_outbound_call(committed_cast.acme, ended_at=timezone.now())
    before, kept = triggers(), [database.rows(model) for model in (ContentType, Permission)]
    assert kept[0] and database.rows(AuditEntry) and database.rows(CallLog)
    call_command("flush", verbosity=0, interactive=False)
    database._looked_at.cache_clear()
    assert {model for model in apps.get_models(True) if database.rows(model)} == {
        *(ContentType, Permission)
    }
    assert [database.rows(model) for model in (ContentType, Permission)] == kept
    assert triggers() == before


@both
def test_the_sign_in_page_opens_without_a_complaint(site: harness.Site, page: Any) -> None:
    page.goto("/")
    page.get_by_label("Email").wait_for()
    page.get_by_label("Password").wait_for()
    assert page.get_by_role("button", name="Sign in").is_visible()


def test_the_browser_has_a_microphone_that_makes_sound(page: Any) -> None:
    page.goto("/sign-in")
    loudest = page.evaluate(
        """async () => {
            const stream = await navigator.mediaDevices.getUserMedia({audio: true});
            const context = new AudioContext(), ear = context.createAnalyser();
            await context.resume();
            context.createMediaStreamSource(stream).connect(ear);
            const samples = new Float32Array(ear.fftSize);
            let loudest = 0;
            for (let i = 0; i < 40; i++) {
                await new Promise((done) => setTimeout(done, 50));
                ear.getFloatTimeDomainData(samples);
                loudest = Math.max(loudest, ...samples.map(Math.abs));
            }
            return loudest;
        }"""
    )
    assert loudest > 0.05


@pytest.mark.allow_console("Refused to|violates|404")
def test_a_violation_of_the_content_policy_is_seen(open_page: Any, page: Any) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto("/sign-in")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))"
    )
    assert any("Content Security Policy" in line for line in said)


def test_a_worker_process_runs_the_sweep(site: harness.Site) -> None:
    harness.wait_until(
        lambda: "sweep" in (log := site.processes.log("worker")) and "succeeded" in log
    )
