"""An orderly end of production, which is the end of the tests that need it."""

import threading
import time
from typing import Any

import pytest

from voip_crm.tests import harness
from voip_crm.tests.production import Production


def test_an_end_in_the_middle_of_a_webhook_loses_nothing(production: Production, bob: Any) -> None:
    production.connect_agent(bob)
    answers: list[int] = []

    def tell() -> None:
        answers.append(
            production.webhook("/api/twilio/call-status", CallSid="CA" + "1" * 32).status_code
        )

    with production.connect() as rows:
        before = rows.execute("SELECT count(*) FROM calls_unroutedevent").fetchone()[0]
        with rows.transaction():
            rows.execute("LOCK TABLE calls_unroutedevent IN EXCLUSIVE MODE")
            hook = threading.Thread(target=tell)
            hook.start()
            # Of this database's table: other tests' transactions wait for each other, too.
            harness.wait_until(
                lambda: rows.execute(
                    "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database"
                    " WHERE NOT granted AND datname = current_database()"
                    " AND relation = 'calls_unroutedevent'::regclass"
                ).fetchone()
            )
            manager = production.processes.children["honcho"]
            manager.terminate()
            time.sleep(1.5)
            assert manager.poll() is None and answers == []
        hook.join(20)
        assert answers == [204]
        manager.wait(30)
        after = rows.execute("SELECT count(*) FROM calls_unroutedevent").fetchone()[0]
    assert after == before + 1
    with pytest.raises(OSError):
        production.session().get(f"http://127.0.0.1:{production.environment['PORT']}/healthz")
    text = production.processes.log("honcho", 10**6)
    assert "refused to gracefully stop" not in text and "SIGKILL" not in text
