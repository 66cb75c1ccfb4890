"""What the middlewares add to a request, for type checkers."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from tenants.models import Membership, Tenant


class TenantRequest(HttpRequest):
    """A request of a signed-in member. Before the guards have run, both can be None."""

    tenant: Tenant
    member: Membership
    htmx: HtmxDetails
