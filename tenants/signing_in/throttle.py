"""How often a sign-in may fail: five times for one person from one address, fifty times from one
address, then a pause of fifteen minutes. django-axes counts, in the database.

Nobody is locked out everywhere by others' failures: a person's own address stays open. The name
that was typed is counted, whether or not somebody has it, so that the answers are the same.
"""

import ipaddress
import logging
from math import ceil
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.db.models import Max, Sum
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tenants.bricks.http import client_address
from tenants.models import User, UserManager
from tenants.signing_in import second_factor

logger = logging.getLogger(__name__)

PEOPLE = 10  # as many times one person's failures are allowed to one address
LONGEST_NAME = 255  # of axes' column


class Failures(AxesDatabaseHandler):
    """Failures of the last fifteen minutes; axes compares them with AXES_FAILURE_LIMIT."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        of_person = int(super().get_failures(request, credentials))
        of_address = self._from_address(request).aggregate(sum=Sum("failures_since_start"))["sum"]
        return max(of_person, (of_address or 0) // PEOPLE)

    def user_logged_in(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        """A password alone forgets no failures where a code is still to come."""
        if not second_factor.has(user):
            super().user_logged_in(sender, request, user, **kwargs)

    def seconds_to_wait(self, request: Any, email: str) -> int:
        """Until the next try counts; 0 when it would now."""
        credentials = {"username": email}
        if self.get_failures(request, credentials) < settings.AXES_FAILURE_LIMIT:
            return 0
        of_person = self.get_user_attempts(request, credentials)[0]
        told = of_person.aggregate(sum=Sum("failures_since_start"), last=Max("attempt_time"))
        if (told["sum"] or 0) < settings.AXES_FAILURE_LIMIT:
            told = self._from_address(request).aggregate(last=Max("attempt_time"))
        return max(
            1, ceil((told["last"] + settings.AXES_COOLOFF_TIME - timezone.now()).total_seconds())
        )

    def _from_address(self, request: Any) -> Any:
        since = request.axes_attempt_time - settings.AXES_COOLOFF_TIME
        return AccessAttempt.objects.filter(
            ip_address=request.axes_ip_address, attempt_time__gte=since
        )


def address_of(request: HttpRequest) -> str:
    """Whose failures these are: the client's address; of IPv6 the network, one customer's."""
    # 0.0.0.0 is a name for the nameless, nothing listens there.
    address = ipaddress.ip_address(client_address(request) or "0.0.0.0")  # noqa: S104  # nosec B104
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(getattr(address, "ipv4_mapped", None) or address)


def name_of(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The address as typed, the way people's addresses are compared."""
    return UserManager.normalize_email((credentials or {}).get("username"))[:LONGEST_NAME]


def seconds_to_wait(request: HttpRequest, email: str) -> int:
    AxesProxyHandler.update_request(request)
    wait: int = AxesProxyHandler.get_implementation().seconds_to_wait(request, email)
    return wait


def note_failure(request: HttpRequest, user: User) -> None:
    """A wrong code counts like a wrong password."""
    user_login_failed.send(__name__, credentials={"username": user.email}, request=request)


def forget_failures(request: HttpRequest, user: User) -> None:
    AxesProxyHandler.update_request(request)
    handler = AxesProxyHandler.get_implementation()
    handler.reset_user_attempts(request, {"username": user.email})


def sentence(seconds: int) -> str:
    """`Try again in 15 minutes.`, said of too many failures."""
    if seconds < 60:
        when = f"{seconds} second{'s' * (seconds != 1)}"
    else:
        minutes = ceil(seconds / 60)
        when = f"{minutes} minute{'s' * (minutes != 1)}"
    return f"Too many failed attempts. Try again in {when}."


def told(response: HttpResponse, seconds: int) -> HttpResponse:
    """The page that says so, as 429; unchanged when there is nothing to wait for."""
    if seconds:
        response.status_code = 429
        response.headers["Retry-After"] = str(seconds)
    return response


@receiver(user_locked_out)
def _log_refusal(sender: Any, request: Any, username: str, ip_address: str, **_: Any) -> None:
    logger.warning("Too many failed sign-ins as %s from %s: refused", username, ip_address)


@receiver(user_login_failed)
def _log_failure(sender: Any, credentials: Any, request: Any = None, **_: Any) -> None:
    if request is not None:
        name, address = name_of(request, credentials), address_of(request)
        logger.info("A sign-in as %s from %s failed", name, address)
