"""The HTTP application: REST, signalling and control on one port."""

from __future__ import annotations

from aiohttp import web

from sandbox.config import Config
from sandbox.control import callers, far_side, faults, inspection, telephone
from sandbox.control.core import SIGNALLING, loopback_only
from sandbox.media.peer import stay_on_this_machine
from sandbox.rest import (
    accounts,
    available,
    call_events,
    calls,
    conferences,
    numbers,
    participants,
    permissions,
    prices,
    queues,
    recordings,
)
from sandbox.rest.core import EXCHANGE
from sandbox.rest.middleware import rest_middleware
from sandbox.signalling.pstream import Signalling
from sandbox.telephony.exchange import Exchange


class Server:
    """One sandbox; ``app`` is to be served by aiohttp."""

    def __init__(self, config: Config) -> None:
        if config.local_media:
            stay_on_this_machine()
        self.exchange = Exchange(config)
        self.signalling = Signalling(self.exchange)
        self.app = web.Application(middlewares=[loopback_only, rest_middleware])
        self.app[EXCHANGE] = self.exchange
        self.app[SIGNALLING] = self.signalling
        self.app.router.add_get("/signal", self.signalling.endpoint)
        rest = (
            accounts,
            available,
            call_events,
            calls,
            conferences,
            numbers,
            participants,
            permissions,
            prices,
            queues,
            recordings,
        )
        control = (inspection, callers, far_side, faults, telephone)
        for room in (*rest, *control):
            room.routes(self.app)
        self.app.on_startup.append(self._start)
        self.app.on_shutdown.append(self._stop_signalling)
        self.app.on_cleanup.append(self._stop)

    async def _start(self, app: web.Application) -> None:
        self.exchange.start()

    async def _stop_signalling(self, app: web.Application) -> None:
        await self.signalling.close()

    async def _stop(self, app: web.Application) -> None:
        await self.exchange.close()
