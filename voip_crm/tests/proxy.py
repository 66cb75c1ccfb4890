"""`python -m voip_crm.tests.proxy PORT WEB LIVE CERT KEY RECORDINGS`: the one origin of production,
with TLS, for tests. It does what docs/nginx.conf tells nginx to do.
"""

import ssl
import sys
from pathlib import Path

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, web

PORT, WEB, LIVE = (int(text) for text in sys.argv[1:4])
RECORDINGS = Path(sys.argv[6])
# Of an answer that names a file instead of having one nginx keeps these.
KEPT = {"Content-Type", "Content-Disposition", "Accept-Ranges", "Cache-Control", "Set-Cookie"}
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade"}
SESSION = web.AppKey("session", ClientSession)


async def forward(request: web.Request) -> web.StreamResponse:
    port = LIVE if request.path.split("/")[1] == "live" else WEB
    headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
    headers["X-Forwarded-Proto"] = "https"  # replaced, never believed
    headers["X-Forwarded-For"] = request.remote or ""
    body = await request.read()
    url = f"http://127.0.0.1:{port}{request.raw_path}"
    try:
        answer = await request.app[SESSION].request(
            request.method, url, data=body, headers=headers, allow_redirects=False
        )
    except ClientConnectionError:
        return web.Response(status=502)
    if place := answer.headers.get("X-Accel-Redirect"):
        file = RECORDINGS / place.removeprefix("/stored-recordings/")
        kept = {name: value for name, value in answer.headers.items() if name in KEPT}
        return web.FileResponse(file, headers=kept | {"X-Content-Type-Options": "nosniff"})
    response = web.StreamResponse(status=answer.status)
    for name, value in answer.headers.items():
        if name.lower() not in HOP_BY_HOP:
            response.headers.add(name, value)
    await response.prepare(request)
    async for piece in answer.content.iter_any():
        await response.write(piece)
    return response


async def session(app: web.Application):
    timeout = ClientTimeout(total=None)
    async with ClientSession(auto_decompress=False, timeout=timeout) as app[SESSION]:
        yield


if __name__ == "__main__":
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    app.cleanup_ctx.append(session)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[4:6])
    web.run_app(app, host="127.0.0.1", port=PORT, ssl_context=context, print=None)
