"""Subject, peer and limits: how each is started, and by which port it is reached."""

import http.client
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import ROOT
from benchmarks.world import NAME, World, by_port, place, socket_folder

PEER = ROOT / "benchmarks" / "peer"


def answers(port: int, path: str) -> bool:
    """Whether the server says at `path` that it is well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        return connection.getresponse().status < 400
    except OSError:
        return False
    finally:
        connection.close()


def begin(world: World) -> None:
    """Start what the quick form needs all at once; whoever uses it waits until it answers."""
    web(world, waits=False)
    live(world, waits=False)
    twilio(world)


def web(
    world: World, *, workers: int = 1, name: str = "web", waits: bool = True, **environment: str
) -> int:
    """The Procfile's web process with so many workers; its port."""
    if name not in world.processes.children:
        port = world.port(name)
        if world.is_quick:  # one server for everything, and its times mean nothing
            environment |= {"DATABASE_URL": by_port(_counter(world, "counting"))}
        given = {"PORT": str(port), "WEB_WORKERS": str(workers), **environment}
        world.processes.of_procfile("web", name, **given)
    if waits:
        world.processes.wait_for(name, lambda: answers(world.ports[name], "/healthz"))
    return world.ports[name]


def live(world: World, *, waits: bool = True) -> int:
    port = world.port("live")
    if "live" not in world.processes.children:
        world.processes.of_procfile("live", LIVE_PORT=str(port))
    if waits:
        world.processes.wait_for("live", lambda: answers(port, "/live/readyz"))
    return port


def counted(world: World) -> int:
    """The product again, with its database behind a port that counts (`trips.py`)."""
    if world.is_quick:
        return web(world)
    return web(world, name="counted", DATABASE_URL=by_port(_counter(world, "counting")))


def _counter(world: World, name: str) -> int:
    port = world.port(name)
    if name not in world.processes.children:
        command = [sys.executable, "-m", "benchmarks.trips", str(port), place()]
        child = world.processes.start(name, *command, pipes=True)
        assert child.stdout is not None
        child.stdout.readline()
    return port


def asked_so_far(world: World, name: str = "counting") -> tuple[int, int]:
    """(statements, round trips) since the counter was started."""
    child = world.processes.children[name]
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write("\n")
    child.stdin.flush()
    statements, trips = child.stdout.readline().split()
    return int(statements), int(trips)


def bare(world: World) -> int:
    """Django as it comes: one view without middleware (`limits/bare.py`), served as the product."""
    port = world.port("bare")
    if "bare" not in world.processes.children:
        options = ["--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", str(port)]
        options += ["--workers", "1", "--blocking-threads", "1", "--log-level", "warning"]
        command = ["granian", *options, "benchmarks.limits.bare:application"]
        world.processes.start("bare", *command)
        world.processes.wait_for("bare", lambda: answers(port, "/nothing"))
    return port


def raw_hub(world: World) -> int:
    """A live channel of thirty lines (`limits/raw_hub.py`), served as the product's."""
    port = world.port("raw-hub")
    if "raw-hub" not in world.processes.children:
        options = ["--host", "127.0.0.1", "--port", str(port), "--lifespan", "off", "--ws", "none"]
        options += ["--no-access-log", "--timeout-graceful-shutdown", "1"]
        options += ["--timeout-keep-alive", "60"]
        command = ["uvicorn", *options, "benchmarks.limits.raw_hub:application"]
        world.processes.start("raw-hub", *command)
        world.processes.wait_for("raw-hub", lambda: answers(port, "/"))
    return port


def twilio(world: World) -> str:
    """The address of a Twilio that takes 150 ms for everything (`limits/slow_twilio.py`)."""
    port = int(os.environ["TWILIO_SANDBOX_URL"].rpartition(":")[2])  # as all processes know it
    if "twilio" not in world.processes.children:
        world.processes.python("twilio", "-m", "benchmarks.limits.slow_twilio", str(port))
        world.processes.wait_for("twilio", lambda: answers(port, "/"))
    return f"http://127.0.0.1:{port}"


# --- the peer -------------------------------------------------------------------------------------


def why_no_peer() -> str:
    """Why the described server's equivalent cannot be started; "" when it can."""
    if not shutil.which("node"):
        return "no peer: Node is not installed"
    if not (PEER / "dist" / "server.js").exists() and not shutil.which("npm"):
        return "no peer: npm is not installed"
    return ""


def build_peer() -> str:
    """Install and compile it, in its folder, if it is not yet; why that failed, or ""."""
    made = PEER / "dist" / "server.js"
    sources = [PEER / name for name in ("server.ts", "schema.prisma", "package-lock.json")]
    if made.exists() and made.stat().st_mtime >= max(one.stat().st_mtime for one in sources):
        return ""
    # The client asks for no engine, but Prisma's generator would download one all the same.
    environment = os.environ | {
        "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/true",
        "PRISMA_QUERY_ENGINE_LIBRARY": "/bin/true",
        "CHECKPOINT_DISABLE": "1",
        "PEER_DATABASE_URL": "postgres://nobody@localhost/nothing",
    }
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    is_installed = (PEER / "node_modules" / ".package-lock.json").exists()
    for command in ([] if is_installed else [install]) + [["npm", "run", "build"]]:
        done = subprocess.run(command, cwd=PEER, env=environment, capture_output=True, text=True)
        if done.returncode:
            return f"no peer: {' '.join(command)}: {(done.stderr or done.stdout)[-300:].strip()}"
    return ""


def peer(world: World, *, name: str = "peer", counter: int = 0) -> int:
    """The described server's equivalent; its port. `counter`: the database's port to use."""
    port = world.port(name)
    if name not in world.processes.children:
        url = by_port(counter) if counter else f"postgres://crm_app@localhost/{NAME}"
        variables = {
            "NODE_ENV": "production",
            "PORT": str(port),
            "PEER_DATABASE_URL": url if counter or not socket_folder() else _with_user(),
            "PEER_SOCKET": "" if counter else socket_folder(),
        }
        world.processes.start(
            name, "node", str(PEER / "dist" / "server.js"), pipes=False, **variables
        )
        world.processes.wait_for(name, lambda: answers(port, "/api/twilio/nothing"))
    return port


def counted_peer(world: World) -> int:
    return peer(world, name="counted-peer", counter=_counter(world, "counting-peer"))


def _with_user() -> str:
    return by_port(5432)  # its user and database; the socket is given beside it


def nginx(world: World, root: Path) -> int | None:
    """One process of nginx with the files of `root`, which also stands before the product and sends
    the recordings that it hands over; None when it is not installed.
    """
    program = shutil.which("nginx") or (
        "/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None
    )
    if program is None:
        return None
    port = world.port("nginx")
    if "nginx" not in world.processes.children:
        product = web(world, name="handing-over", RECORDINGS_SENT_BY="x-accel-redirect")
        config = world.folder / "nginx.conf"
        paths = " ".join(
            f"{kind}_temp_path {world.folder}/nginx-{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config.write_text(
            f"daemon off; master_process off; pid {world.folder}/nginx.pid; error_log stderr;\n"
            f"events {{}}\nhttp {{ access_log off; sendfile on; {paths}\n"
            f"  upstream product {{ server 127.0.0.1:{product}; keepalive 8; }}\n"
            f"  server {{ listen 127.0.0.1:{port}; root {root};\n"
            "    location /recordings/ { proxy_pass http://product; proxy_http_version 1.1;"
            ' proxy_set_header Host $http_host; proxy_set_header Connection ""; }\n'
            f"    location /stored-recordings/ {{ internal; alias {root}/; }} }} }}\n"
        )
        world.processes.start("nginx", program, "-c", str(config))
        world.processes.wait_for("nginx", lambda: answers(port, "/bench.wav"))
    return port
