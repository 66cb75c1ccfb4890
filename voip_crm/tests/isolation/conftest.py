"""One committed world for all tests of a module: each request undoes what it wrote."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command

from calls.tests.push_service import WEB_PUSH
from voip_crm.tests.isolation import world as worlds
from voip_crm.tests.isolation.asking import listening_to_logs
from voip_crm.tests.isolation.world import World


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[World]:
    patch = pytest.MonkeyPatch()
    patch.setattr(settings, "RECORDINGS_DIR", tmp_path_factory.mktemp("recordings"))
    patch.setattr(settings, "WEB_PUSH", WEB_PUSH)
    with django_db_blocker.unblock(), listening_to_logs():
        try:
            yield worlds.build()
        finally:
            call_command("flush", verbosity=0, interactive=False)
            patch.undo()


@pytest.fixture(autouse=True)
def nobody_has_asked_before() -> None:
    cache.clear()
