"""A client that costs little itself: requests that are made before, over connections that stay."""

import asyncio
import gzip
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import brotli

LONGEST = 60.0  # seconds that an answer may take


@dataclass
class Answer:
    status: int
    head: bytes
    body: bytes

    @property
    def text(self) -> str:
        head = self.head.lower()
        if b"content-encoding: gzip" in head:
            return gzip.decompress(self.body).decode()
        if b"content-encoding: br" in head:
            return str(brotli.decompress(self.body).decode())
        return self.body.decode()


@dataclass
class Volley:
    """What came of some requests; latencies in seconds, in the order of the answers."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    size: int = 0  # bytes of all answers
    last: Answer = field(default_factory=lambda: Answer(0, b"", b""))

    def note(self, answer: Answer, seconds: float) -> None:
        self.latencies.append(seconds)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        self.size += len(answer.head) + len(answer.body)
        self.last = answer

    @property
    def count(self) -> int:
        return len(self.latencies)

    def quantile(self, share: float) -> float:
        """The latency that this share of the requests did not exceed, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def get(path: str, headers: Mapping[str, str] | None = None) -> bytes:
    return _head("GET", path, headers or {}) + b"\r\n"


def post(path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> bytes:
    body = urlencode(form).encode()
    more = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    return _head("POST", path, {**more, **(headers or {})}) + b"\r\n" + body


def _head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n").encode()


class Connection:
    """To one port of this machine, opened when it is needed and again when it was closed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> Answer:
        """Raises OSError when there is no answer."""
        async with asyncio.timeout(LONGEST):
            try:
                return await self._ask(request)
            except (asyncio.IncompleteReadError, ConnectionError):
                self.close()  # a server may close what was idle; then once more
                return await self._ask(request)

    async def _ask(self, request: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status, lower = int(head[9:12]), head.lower()
        body = b""
        if b"transfer-encoding: chunked" in lower:
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                body += (await reader.readexactly(size + 2))[:size]
            await reader.readexactly(2)
        elif b"content-length: " in lower:
            length = int(lower.split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
        if b"connection: close" in lower:
            self.close()
        return Answer(status, head, body)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def fire(
    port: int, requests: Iterable[bytes], *, connections: int, rate: float = 0.0
) -> Volley:
    """Send the requests over so many connections, each as soon as it has the last answer; with a
    `rate` (a second) at given moments instead, and what waits for a connection counts as waiting.
    """
    volley, waiting, began = Volley(), iter(requests), time.perf_counter()
    numbered = enumerate(waiting)

    async def one(connection: Connection, numbered: Iterator[tuple[int, bytes]]) -> None:
        for number, request in numbered:
            started = time.perf_counter()
            if rate:
                due = began + number / rate
                await asyncio.sleep(max(due - started, 0))
                started = due
            answer = await connection.ask(request)
            volley.note(answer, time.perf_counter() - started)
        connection.close()

    await asyncio.gather(*(one(Connection(port), numbered) for _ in range(connections)))
    volley.seconds = time.perf_counter() - began
    return volley
