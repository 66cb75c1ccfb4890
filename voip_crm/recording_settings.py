"""Where recordings are kept, and who sends them to people. They are private: a tenant-checked view
lets somebody hear one, never the static server.
"""

import re
import sys
from urllib.parse import urlsplit

from voip_crm.environment import LOOPBACK, SEE, Environment

# This process itself (./run), or the server in front of it, which a header tells the file.
SENDERS = ["web", "x-accel-redirect", "x-sendfile"]
_NAMES = ("URL", "KEY_ID", "SECRET")


def store(env: Environment) -> dict[str, str]:
    """What django-storages needs of an S3-compatible store; empty where RECORDINGS_DIR is all."""
    bucket = env.str("RECORDINGS_BUCKET", "")
    given = {name: env.str(f"RECORDINGS_STORE_{name}", "") for name in _NAMES}
    url = given["URL"].rstrip("/")
    region = env.str("RECORDINGS_STORE_REGION", "us-east-1")
    if not bucket and not any(given.values()):
        return {}
    if missing := [name for name, value in given.items() if not value]:
        sys.exit(f"RECORDINGS_STORE_{missing[0]} is not set. {SEE}")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket):
        sys.exit(f"RECORDINGS_BUCKET is not the name of a bucket. {SEE}")
    if not _is_address(url):
        sys.exit(f"RECORDINGS_STORE_URL is no address like https://s3.example.com. {SEE}")
    is_amazon = str(urlsplit(url).hostname).endswith(".amazonaws.com")
    return {
        "bucket_name": bucket,
        "endpoint_url": url,
        "region_name": region,
        "access_key": given["KEY_ID"],
        "secret_key": given["SECRET"],
        # Amazon has an origin for each bucket; most other stores have one for all.
        "addressing_style": "virtual" if is_amazon else "path",
    }


def origins(store: dict[str, str]) -> list[str]:
    """From where pages may play sound, beside ourselves."""
    if not store:
        return []
    scheme, _, host = store["endpoint_url"].partition("://")
    is_own = store["addressing_style"] == "virtual"
    return [f"{scheme}://{store['bucket_name']}.{host}" if is_own else store["endpoint_url"]]


def _is_address(url: str) -> bool:
    """Whether a page of ours may play from there."""
    parts = re.fullmatch(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?", url)
    return parts is not None and (parts[1] == "https" or parts[2].strip("[]") in LOOPBACK)
