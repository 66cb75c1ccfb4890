"""Where recordings are kept: a folder of this machine, or a bucket of an S3-compatible store."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django.conf import settings

from tenants.bricks import deadline
from tenants.bricks.breaker import Breaker, NotAsked
from tenants.bricks.gates import Gate

ASKED, GIVEN = 3, 60  # seconds that the store may take to answer: a question; what is kept
# Of a process's threads, how many may wait for it with someone who listens.
_listeners = Gate(3)
_making = threading.Lock()
hangs = Breaker("The store of recordings", seconds=5, after=3)


class StoreAway(OSError):
    """The store does not answer, or does not do what it is asked."""


class Folder:
    """RECORDINGS_DIR. What is in it, people get from this machine."""

    def keep(self, path: str, draft: Path) -> None:
        """Move a file from beside its place to it."""
        draft.rename(settings.RECORDINGS_DIR / path)

    def size(self, path: str) -> int | None:
        """Bytes; None for what is not there. Raises `StoreAway` where that cannot be known."""
        try:
            with self.file(path).open("rb") as file:
                return file.seek(0, 2)
        except FileNotFoundError:
            self._look()
            return None
        except OSError as error:
            raise StoreAway(f"A recording cannot be read: {error.strerror}.") from None

    def remove(self, path: str) -> None:
        self.file(path).unlink(missing_ok=True)

    def file(self, path: str) -> Path:
        return Path(settings.RECORDINGS_DIR, path)

    def _look(self) -> None:
        """That it is the folder of ours: without its disk it is missing, or has nothing in it."""
        try:
            is_empty = next(settings.RECORDINGS_DIR.iterdir(), None) is None
        except OSError as error:
            raise StoreAway(f"RECORDINGS_DIR cannot be read: {error.strerror}.") from None
        if is_empty:
            raise StoreAway("RECORDINGS_DIR is empty. Is its disk mounted?")


class Bucket:
    """RECORDINGS_BUCKET. People get what is in it from the store, by links that are signed here.

    Everything raises `StoreAway`, and asks nothing while the store lets everybody wait; `size` also
    `Crowded`.
    """

    def keep(self, path: str, draft: Path) -> None:
        with draft.open("rb") as file, _translated():
            _storage(GIVEN).save(path, file)

    def size(self, path: str) -> int | None:
        with _listeners.passing(), _translated():
            storage = _storage(ASKED)
            try:
                return int(storage.size(path))
            except FileNotFoundError:
                # The answer is the same where the bucket itself is missing.
                storage.bucket.meta.client.head_bucket(Bucket=storage.bucket_name)
                return None

    def remove(self, path: str) -> None:
        with _translated():
            _storage(ASKED).delete(path)

    def link(self, path: str, *, seconds: int, **answered: str) -> str:
        """Good for so many seconds; `answered` are the headers that the store shall answer with, by
        S3's names (`ContentType`). Asks nobody.
        """
        parameters = {f"Response{name}": value for name, value in answered.items()}
        with _named():
            return str(_storage(ASKED).url(path, parameters=parameters, expire=seconds))


def recordings() -> Folder | Bucket:
    return Bucket() if settings.RECORDINGS_STORE else Folder()


@lru_cache(maxsize=4)
def _made(seconds: int, options: tuple[tuple[str, str], ...]) -> Any:
    # Half a second, and 25 MB, for which most installations have no use.
    from botocore.config import Config
    from storages.backends.s3 import S3Storage

    given = dict(options)
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": given.pop("addressing_style")},
        connect_timeout=2,
        read_timeout=seconds,
        retries={"total_max_attempts": 1},  # the row is tried again
        # Not every store knows the newer sums; what is kept is asked for by its length.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    storage = S3Storage(
        **given, client_config=config, object_parameters={"ContentType": "audio/wav"}
    )
    # One for all threads, which boto3 allows: each of its own takes 17 MB and half a second.
    storage._connections = SimpleNamespace()
    storage.connection  # noqa: B018  (made now, while no other thread makes one)
    return storage


def _storage(seconds: int) -> Any:
    with _making:
        return _made(seconds, tuple(settings.RECORDINGS_STORE.items()))


@contextmanager
def _translated() -> Iterator[None]:
    """For who asks the store."""
    from botocore.exceptions import HTTPClientError

    try:
        with _named(), hangs.asking(HTTPClientError), deadline.not_counted():
            yield
    except NotAsked as error:
        raise StoreAway("The store of recordings has not answered for a while.") from error


@contextmanager
def _named() -> Iterator[None]:
    """What goes wrong by our own name."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise StoreAway(f"The store of recordings refused: {code}.") from None
    except (BotoCoreError, Boto3Error) as error:
        raise StoreAway(f"The store of recordings is away: {type(error).__name__}.") from None
