"""What the calls page of `./run` brings over the wire, in Chromium (production's:
test_production_light.py). docs/performance.md has the figures, and times, which no test holds.
"""

from typing import Any

from voip_crm import demo
from voip_crm.tests import harness
from voip_crm.tests.weigh import AGAIN_BYTES, COLD_BYTES, COLD_REQUESTS, weigh

ICONS = "/static/vendor/icons.svg"  # Chromium sometimes takes it anew


def test_the_calls_page_of_run_is_light(embedded_site: harness.Site, browser: Any) -> None:
    cold, again = weigh(browser, embedded_site.url, "bob@acme.example", demo.PASSWORD)
    assert cold.rows == again.rows == 25
    assert cold.size <= COLD_BYTES and cold.requests <= COLD_REQUESTS, cold.sent
    large = [one for one in cold.sent if one.size > 2_000]
    assert large and all(one.encoding in ("br", "gzip") for one in large), large
    # Files may change at any time, so they are asked for, and have not changed.
    assert again.size <= AGAIN_BYTES, again.sent
    files = [one for one in again.sent if one.path.startswith("/static/")]
    assert all(one.size < 300 for one in files if one.path != ICONS), files
