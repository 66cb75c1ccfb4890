"""A voicemail's listeners are told of it by e-mail: once, whatever happens to the mail server."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from calls import tasks
from calls.models import Caller, PhoneNumber, Recording, VoicemailBox, VoicemailListener
from calls.services import reconcile, recordings, voicemail
from calls.tests.builders import a_missed_call, a_voicemail
from tenants.fence.context import tenant_transaction
from tenants.people.services import set_active
from tenants.tests.mails import both, mail_server, the_mail

AUDIO = b"RIFF\x10\x00\x00\x00WAVEfmt " + bytes(40)


@pytest.fixture
def box(cast: Any, settings: Any) -> VoicemailBox:
    """Of Acme; Alice and Bob are told."""
    settings.SENDS_MAIL = True
    with tenant_transaction(cast.acme.pk):
        made: VoicemailBox = VoicemailBox.objects.create(name="Sales")
        for member in (cast.alice, cast.bob):
            VoicemailListener.objects.create(box=made, user=member.user)
    return made


def arrive(tenant: Any, box: VoicemailBox | None, **more: Any) -> Recording:
    """A message whose sound has just been fetched."""
    message = a_voicemail(tenant, box=box, **more)
    with tenant_transaction(tenant.pk):
        Recording.objects.filter(pk=message.pk).update(state="waiting", stored_at=None)
    recordings.store(message, AUDIO, now=timezone.now())
    return message


def tell(message: Recording, **later: int) -> None:
    now = timezone.now() + timedelta(**later)
    for message_id in voicemail.due(message.tenant_id, now=now):
        voicemail.tell(message.tenant_id, message_id, now=now)


def test_the_listeners_get_one_mail_with_a_link_and_no_sound(cast: Any, box: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.update(label="Support")
        ours = PhoneNumber.objects.get().number
    message = arrive(cast.acme, box, to_number=ours, contact=cast.acme_maria)
    for _ in range(3):
        tell(message)
    sent = the_mail()
    assert sent.to == ["alice@acme.example", "bob@acme.example"]
    assert sent.subject == "Voicemail from Maria of Acme, (415) 555-0100"
    for part in both(sent):
        assert f"/calls/{message.call_id}" in part and "/recordings/" not in part
        assert "7 seconds" in part and "Support" in part and "Acme" in part
    assert not sent.attachments
    with tenant_transaction(cast.acme.pk):
        assert Recording.objects.get().tell_at is None


@pytest.mark.parametrize("said", ["anonymous", "+266696687"])
def test_a_hidden_caller_is_hidden_in_the_mail_too(cast: Any, box: Any, said: str) -> None:
    tell(arrive(cast.acme, box, from_number=said))
    assert the_mail().subject == "Voicemail from Hidden number"
    assert all(said not in part for part in both(the_mail()))


def test_a_message_that_was_left_at_no_box_is_told_to_nobody_and_no_more(
    cast: Any, box: Any
) -> None:
    """The number was released while its caller was greeted (`way.NO_PLAN`)."""
    message = arrive(cast.acme, box)
    with tenant_transaction(cast.acme.pk):
        Caller.objects.update(place="voicemail:none")
    tell(message)
    assert not mail.outbox
    with tenant_transaction(cast.acme.pk):
        assert Recording.objects.get().tell_at is None


def test_it_is_told_once_also_where_the_sound_is_fetched_again(cast: Any, box: Any) -> None:
    message = arrive(cast.acme, box)
    tell(message)
    recordings.store(message, AUDIO, now=timezone.now())
    tell(message)
    assert len(mail.outbox) == 1


def test_whoever_left_the_workspace_is_not_told(cast: Any, box: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        set_active(cast.bob, False)
    tell(arrive(cast.acme, box))
    assert the_mail().to == ["alice@acme.example"]


@pytest.mark.parametrize("why", ["no box", "another box", "no listener", "no mail", "a talk"])
def test_nobody_is_told_where_nobody_is_to_be_told(
    cast: Any, box: Any, settings: Any, why: str
) -> None:
    kept: VoicemailBox | None = box
    with tenant_transaction(cast.acme.pk):
        if why == "another box":
            kept = VoicemailBox.objects.create(name="Other")
        if why == "no listener":
            VoicemailListener.objects.all().delete()
    settings.SENDS_MAIL = why != "no mail"
    if why == "a talk":
        message = a_voicemail(cast.acme, box=box)
        with tenant_transaction(cast.acme.pk):
            Recording.objects.update(is_voicemail=False, stored_at=None)
        recordings.store(message, AUDIO, now=timezone.now())
    else:
        message = arrive(cast.acme, None if why == "no box" else kept)
    tell(message)
    assert mail.outbox == []
    with tenant_transaction(cast.acme.pk):
        assert Recording.objects.get().tell_at is None, "and it is not tried for ever"


def test_a_mail_server_that_is_away_is_asked_again(cast: Any, box: Any, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    with mail_server() as server:
        settings.EMAIL_PORT, server.refusals = server.server_address[1], 4
        message = arrive(cast.acme, box)
        tell(message)  # both addresses are refused
        tell(message)
        assert server.taken == [], "not at once again"
        tell(message, minutes=3)
        assert server.taken == []
        tell(message, minutes=6)
        tell(message, minutes=9)
        (taken,) = server.taken
    assert b"Voicemail from" in taken


def test_what_can_not_be_told_for_a_day_is_let_go(cast: Any, box: Any, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    message = arrive(cast.acme, box)
    tell(message)
    with tenant_transaction(cast.acme.pk):
        assert Recording.objects.get().tell_at is not None
    tell(message, days=2)
    with tenant_transaction(cast.acme.pk):
        assert Recording.objects.get().tell_at is None


def test_a_fetched_voicemail_is_told_of_at_once_and_by_the_sweep(
    cast: Any, box: Any, monkeypatch: Any
) -> None:
    queued: list[Any] = []
    monkeypatch.setattr(tasks, "queue", lambda *said, **more: queued.append(said))
    message = arrive(cast.acme, box)
    tasks.fetch_recording(str(cast.acme.pk), str(message.pk))
    assert [each[0] for each in queued] == [tasks.tell_listeners]
    queued.clear()
    monkeypatch.setattr(reconcile, "sweep_tenant", lambda *said, **more: [])
    tasks.sweep()
    assert (tasks.tell_listeners, cast.acme.pk, message.pk) in queued
    tasks.tell_listeners(str(cast.acme.pk), str(message.pk))
    assert len(mail.outbox) == 1


def test_two_processes_at_once_tell_once(committed_cast: Any, settings: Any) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    cast, settings.SENDS_MAIL = committed_cast, True
    with tenant_transaction(cast.acme.pk):
        box = VoicemailBox.objects.create(name="Sales")
        VoicemailListener.objects.create(box=box, user=cast.bob.user)
    message, start = arrive(cast.acme, box), threading.Barrier(4)

    def work() -> None:
        start.wait()
        tell(message)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mail.outbox) == 1


def test_the_first_who_hears_it_stands_there(cast: Any) -> None:
    message, now = a_voicemail(cast.acme), timezone.now()
    with tenant_transaction(cast.acme.pk):
        assert voicemail.note_heard(message.pk, by=cast.bob, now=now)
        assert voicemail.note_heard(message.pk, by=cast.alice, now=now + timedelta(hours=1))
        heard = Recording.objects.get(pk=message.pk)
        assert (heard.heard_by_id, heard.heard_at) == (cast.bob.user_id, now)
    assert a_missed_call(cast.acme).missed_done_at is None, "to hear it is not to call back"
