"""`python -m benchmarks.trips PORT SOCKET`: PostgreSQL behind a port that counts what is asked.

It prints `statements trips` for each line that it reads: statements that were executed (simple
queries and Execute), and round trips: how often a client sent something and waited for the answer.
"""

import asyncio
import sys
from collections import Counter

_STARTS = {80877103, 80877104}  # TLS? GSSAPI? answered with one byte
counts: Counter[str] = Counter()


class _Reading:
    """What one client sends, message by message, however it is cut into pieces."""

    def __init__(self) -> None:
        self.rest = b""
        self.has_begun = False
        self.is_answered = True

    def read(self, data: bytes) -> None:
        self.rest += data
        if not self.has_begun:
            self._read_start()
            return
        # A message alone that ends what the server keeps asks for nothing and waits for nothing.
        kinds = self._kinds()
        if set(kinds) - {"X"} and self.is_answered:
            counts["trips"] += 1
            self.is_answered = False
        counts["statements"] += kinds.count("Q") + kinds.count("E")

    def _read_start(self) -> None:
        while len(self.rest) >= 8:
            length, code = int.from_bytes(self.rest[:4]), int.from_bytes(self.rest[4:8])
            if len(self.rest) < length:
                return
            self.rest = self.rest[length:]
            if code not in _STARTS:
                self.has_begun = True
                return

    def _kinds(self) -> str:
        found = ""
        while len(self.rest) >= 5:
            length = int.from_bytes(self.rest[1:5]) + 1
            if len(self.rest) < length:
                break
            found += chr(self.rest[0])
            self.rest = self.rest[length:]
        return found


async def _serve(client: tuple[asyncio.StreamReader, asyncio.StreamWriter], where: str) -> None:
    if where.startswith("/"):
        server = await asyncio.open_unix_connection(where)
    else:
        host, _, port = where.rpartition(":")
        server = await asyncio.open_connection(host, int(port))
    reading = _Reading()

    async def asked() -> None:
        while data := await client[0].read(2**16):
            reading.read(data)
            server[1].write(data)
            await server[1].drain()
        server[1].close()

    async def answered() -> None:
        while data := await server[0].read(2**16):
            reading.is_answered = True
            client[1].write(data)
            await client[1].drain()
        client[1].close()

    await asyncio.gather(asked(), answered(), return_exceptions=True)


async def main(port: int, where: str) -> None:

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve((reader, writer), where)

    await asyncio.start_server(serve, "127.0.0.1", port)
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(counts["statements"], counts["trips"], flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
