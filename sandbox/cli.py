"""The command line: read the configuration, serve until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from aiohttp import web

from sandbox.config import Config, ConfigError, load
from sandbox.server import Server


async def serve(config: Config, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = Server(config)
    runner = web.AppRunner(server.app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    port = runner.addresses[0][1]  # the one given by the system for --port 0
    config.base_url = f"http://{host}:{port}"
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    print(f"sandbox listening on http://{host}:{port}", flush=True)
    await stop.wait()
    await runner.cleanup()


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 after a signal, 2 for a configuration that cannot be used."""
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8700)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(name)s %(levelname)s %(message)s")
    try:
        config = load(options.config)
    except (ConfigError, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    try:
        asyncio.run(serve(config, options.host, options.port))
    except OSError as error:
        print(f"sandbox: cannot listen: {error}", file=sys.stderr)
        return 2
    return 0
