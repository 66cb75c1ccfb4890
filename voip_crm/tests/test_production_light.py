"""What the calls page of production brings over the wire, in Chromium (that of `./run`:
test_light.py), in a process of its own, as Playwright would stay in this one.
"""

import subprocess
import sys
from typing import Any

from voip_crm.tests.cast import PASSWORD
from voip_crm.tests.weigh import AGAIN_BYTES, COLD_BYTES, COLD_REQUESTS, read

PERSON = "light@heavy.example"
ROWS = f"""
import random
from datetime import timedelta
import django
django.setup()
from django.utils import timezone
from django.conf import settings
from calls.models import CallLog, PhoneNumber
from contacts.services import create_contact
from tenants.fence.context import tenant_transaction
from tenants.people.services import add_member, create_tenant
from voip_crm.tests.cast import PASSWORD
tenant = create_tenant(name="Heavy", slug="heavy", country="US")
member, _ = add_member(
    tenant, email="{PERSON}", role="admin", name="Light Person", password=PASSWORD
)
chance = random.Random(1)
with tenant_transaction(tenant.pk):
    PhoneNumber.objects.create(  # without one nobody is Ready
        tenant=tenant, number="+14155550999", account_sid=settings.TWILIO_ACCOUNT_SID,
        twilio_sid="PN" + 32 * "9", is_default=True,
    )
    for serial in range(30):
        number = f"+1415555{{chance.randrange(10_000):04}}"
        name = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=12)).capitalize()
        contact = create_contact(tenant, name=f"{{name}} Doe", numbers=[(number, "work")])
        status = chance.choice(["completed", "busy", "no-answer", "failed"])
        CallLog.objects.create(
            tenant=tenant, user=member.user, contact=contact, direction="outbound",
            from_number="+14155550999", to_number=number, status=status, outcome=status,
            started_at=timezone.now() - timedelta(minutes=1 + chance.randrange(9_999)),
            duration=chance.randrange(900) if status == "completed" else None,
        )
"""


def test_the_calls_page_of_production_is_light(production: Any) -> None:
    python = [sys.executable, "-c", ROWS]
    subprocess.run(python, env=production.environment, check=True, timeout=60)
    trust = ["--trust", str(production.processes.folder / "cert.pem")]
    where = [*trust, production.url, PERSON, PASSWORD]
    weighing = [sys.executable, "-m", "voip_crm.tests.weigh", *where]
    found = subprocess.run(weighing, check=True, timeout=120, stdout=subprocess.PIPE)
    cold, again = read(found.stdout)
    assert cold.rows == again.rows == 25
    assert cold.size <= COLD_BYTES and cold.requests <= COLD_REQUESTS, cold.sent
    large = [one for one in cold.sent if one.size > 2_000]
    assert large and all(one.encoding in ("br", "gzip") for one in large), large
    # Files have names by what is in them, and are kept for ever.
    assert again.size <= AGAIN_BYTES, again.sent
    assert not [one for one in again.sent if one.path.startswith("/static/") and one.size]
