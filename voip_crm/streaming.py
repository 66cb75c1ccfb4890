"""Under ASGI, too, what a view makes piece by piece is sent piece by piece."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import StreamingHttpResponse


class StreamingHandler(ASGIHandler):
    """Django's own would first make the whole of a response that is no asynchronous iterator."""

    async def get_response_async(self, request: Any) -> Any:
        response = await super().get_response_async(request)
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = one_by_one(iter(response))
        return response


async def one_by_one(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each is made in the request's thread, when the one before has been sent."""
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece
