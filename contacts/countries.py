"""Where the workspace's contacts are. A read inside the current tenant."""

import phonenumbers
from django.db.models import Min
from django.db.models.functions import Left

from contacts.models import ContactNumber

# Country code and the first digits after it: tells apart those that share a code, as +1 does.
_TELLING = len("+1204")


def countries_called() -> set[str]:
    """ISO codes of the countries of all contacts' numbers, by one number of each prefix."""
    found = ContactNumber.objects.order_by().annotate(prefix=Left("number", _TELLING))
    samples = found.values("prefix").annotate(number=Min("number")).values_list("number", flat=True)
    regions = {phonenumbers.region_code_for_number(phonenumbers.parse(one)) for one in samples}
    return {region for region in regions if region and region.isalpha()}
