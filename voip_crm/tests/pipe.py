"""Passes bytes between a port and a service, as a process: paused (SIGSTOP), it is a service that
hangs. Connections to it are made, nothing is refused, and no answer comes.

    python -m voip_crm.tests.pipe PORT (HOST PORT | SOCKET)
"""

import asyncio
import contextlib
import sys


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(port: str, *target: str) -> None:
    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if len(target) == 1:
            return await asyncio.open_unix_connection(target[0])
        return await asyncio.open_connection(*target)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            their_reader, their_writer = await connect()
        except OSError:  # as if the service itself refused
            writer.close()
            return
        await asyncio.gather(copy(reader, their_writer), copy(their_reader, writer))

    server = await asyncio.start_server(pipe, "127.0.0.1", int(port))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
