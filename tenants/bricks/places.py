"""Countries and time zones, as people choose them from a list."""

from functools import cache
from zoneinfo import ZoneInfo

import phonenumbers
from babel import Locale
from babel.dates import get_timezone_name

from tenants.models import time_zone_names


@cache
def countries() -> tuple[tuple[str, str], ...]:
    """(ISO code, English name) of every country that has telephone numbers, by name."""
    # Not phonenumbers' own names of them: they come with 100 MB of places for every number.
    names = Locale("en").territories
    found = [(code, names.get(code, code)) for code in phonenumbers.SUPPORTED_REGIONS]
    return tuple(sorted(found, key=lambda country: country[1]))


@cache
def time_zones() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Time zones by area: (`Europe`, [(`Europe/Berlin`, `Berlin`), …])."""
    areas: dict[str, list[tuple[str, str]]] = {"": [("UTC", "UTC")]}
    for name in sorted(time_zone_names()):
        area, slash, place = name.partition("/")
        # Etc/GMT+5 and the like have their signs the wrong way round for people.
        if slash and area not in ("Etc", "SystemV", "posix", "right"):
            areas.setdefault(area, []).append((name, place.replace("_", " ")))
    return tuple((area, tuple(names)) for area, names in areas.items())


@cache
def zone_name(time_zone: str) -> str:
    """What people call a time zone: `Pacific Time` for `America/Los_Angeles`, `UTC` for itself."""
    name = get_timezone_name(ZoneInfo(time_zone), locale="en_US", zone_variant="generic")
    # Zones of no place, like `Etc/GMT+5`, have no name.
    return time_zone if name.startswith(("Unknown", "world")) else str(name)
