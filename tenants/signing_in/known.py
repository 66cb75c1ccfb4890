"""A request as the middleware leaves it: whose it is, and how that is known."""

from typing import cast

from django.http import HttpRequest

from tenants.models import Membership, Tenant
from tenants.signing_in.clerk import Bearer
from tenants.signing_in.second_factor import Pending


class KnownRequest(HttpRequest):
    """`tenant` and `member` are None for whoever is nobody here; `pending` says who a session could
    become, `bearer` what an Authorization header brought. Behind the guards: `TenantRequest`.
    """

    tenant: Tenant | None
    member: Membership | None
    pending: Pending | None
    bearer: Bearer | None


def known(request: HttpRequest) -> KnownRequest:
    """The same request, typed."""
    return cast(KnownRequest, request)
