"""What the sweep does besides calls."""

from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session as FormerSession
from django.core.management import call_command
from django.utils import timezone

from calls import tasks
from tenants.models import Session


def test_sessions_that_have_expired_go_by_themselves(cast: Any, signed_in: Any) -> None:
    desk, later = signed_in(cast.bob), timezone.now() + timedelta(hours=1)
    for model in (Session, FormerSession):
        model.objects.create(session_key="old", session_data="", expire_date=timezone.now())
        model.objects.create(session_key="new", session_data="", expire_date=later)
    tasks.sweep()
    for model in (Session, FormerSession):
        assert not model.objects.filter(pk="old").exists()
        assert model.objects.filter(pk="new").exists()
    assert desk.get("/account").status_code == 200
    Session.objects.filter(pk="new").update(expire_date=timezone.now())
    call_command("clearsessions")
    assert not Session.objects.filter(pk="new").exists()
