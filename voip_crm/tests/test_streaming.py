"""Piece by piece, under ASGI."""

import asyncio
from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse

from voip_crm.streaming import StreamingHandler, one_by_one


def test_a_piece_is_made_when_the_one_before_was_sent() -> None:
    made: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(5):
            made.append(number)
            yield str(number).encode()

    async def send_two() -> list[bytes]:
        sent = []
        async for piece in one_by_one(pieces()):
            sent.append(piece)
            assert len(made) == len(sent)
            if len(sent) == 2:
                return sent
        return sent

    assert asyncio.run(send_two()) == [b"0", b"1"]
    assert made == [0, 1]


def test_the_handler_sends_what_a_view_streams_and_closes_it(monkeypatch: Any) -> None:
    """Django warns of what it would have to make whole; here warnings are errors."""
    closed: list[bool] = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"one", b"two"])

        def close(self) -> None:
            closed.append(True)

    handler: Any = StreamingHandler()
    sent: list[Any] = []

    def answer(request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(Pieces())

    async def view(request: Any) -> StreamingHttpResponse:
        return answer(request)

    monkeypatch.setattr(handler, "_middleware_chain", view)

    async def talk() -> None:
        asked = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if asked:
                return asked.pop()
            await asyncio.sleep(3600)
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            sent.append(message.get("body"))

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }
        await handler(scope, receive, send)

    asyncio.run(talk())
    assert [body for body in sent if body] == [b"one", b"two"]
    assert closed
