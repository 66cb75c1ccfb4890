"""`python -m benchmarks.limits.slow_twilio PORT`: a Twilio that takes 150 ms and says yes."""

import asyncio
import json
import secrets
import sys

SECONDS = 0.15


def _answer(head: str, body: str) -> dict[str, object]:
    path = head.split(" ", 2)[1]
    account = path.split("/Accounts/")[1].split("/")[0] if "/Accounts/" in path else ""
    known = path.rpartition("/")[2].removesuffix(".json")
    sid = known if known.startswith(("CA", "CF")) else f"CA{secrets.token_hex(16)}"
    return {
        "sid": sid,
        "call_sid": sid,
        "account_sid": account,
        "conference_sid": f"CF{secrets.token_hex(16)}",
        "status": "completed" if "Status=completed" in body else "queued",
        "calls": [],
        "participants": [],
    }


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lower, length = head.lower(), 0
            if "content-length: " in lower:
                length = int(lower.split("content-length: ")[1].split("\r\n")[0])
            body = (await reader.readexactly(length)).decode()
            if not head.startswith("GET / "):
                await asyncio.sleep(SECONDS)
            text = json.dumps(_answer(head, body)).encode()
            status = "201 Created" if head.startswith("POST") else "200 OK"
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(text)}\r\n\r\n".encode()
                + text
            )
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
