"""How mail goes out: Django's settings of it, from `EMAIL_URL`."""

import sys
from email.utils import parseaddr
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from voip_crm.environment import SEE, Environment

# A server may look at a mail for long before it takes it; sent again it would come twice.
SECONDS = 60
_PORTS = {"smtp": 25, "smtps": 587, "smtp+tls": 587, "smtp+ssl": 465}


def mail(env: Environment, host: str | None) -> dict[str, Any]:
    """Of a site at `host`; without the variable nothing is sent."""
    url = env.str("EMAIL_URL", "")
    try:
        found = dict(env.email_url_config(url or "dummymail://"))
    except (ImproperlyConfigured, ValueError):  # it holds a password: it is not shown
        sys.exit(f"EMAIL_URL has a value that cannot be read. {SEE}")
    scheme = url.partition(":")[0]
    found["EMAIL_PORT"] = found["EMAIL_PORT"] or _PORTS.get(scheme, 0)
    sender = env.str("EMAIL_FROM", "") or f"VoIP CRM <no-reply@{host}>"
    if "@" not in parseaddr(sender)[1]:
        sys.exit(f"EMAIL_FROM is not an address. {SEE}")
    return found | {"EMAIL_TIMEOUT": SECONDS, "DEFAULT_FROM_EMAIL": sender}
