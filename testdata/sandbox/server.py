"""The sandbox's process: builds the world, serves it, and ends it on SIGTERM.

Started by the command `sandbox`. What clients and commands need to reach it
stands in one file of the state directory, written once requests are answered
and removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import ssl
import threading
from pathlib import Path

import services
from front import Front, Server
from seed import SEED_FILE
from service import Settings, World
from tls import Authority

STATE_FILE = "sandbox.json"


def main() -> None:
    settings = _settings()
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    authority = Authority(settings.tls_dir)
    world = services.build(settings)
    token = secrets.token_urlsafe(24)
    server = Server(("127.0.0.1", settings.port), Front(world, token), _tls_context(settings, authority))
    settings.port = server.server_address[1]
    state_file = settings.state_dir / STATE_FILE
    (settings.state_dir / SEED_FILE).unlink(missing_ok=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    try:
        world.start()
        _write_state(state_file, world, token, authority.certificate_file)
        stopping.wait()
    finally:
        state_file.unlink(missing_ok=True)
        server.shutdown()
        world.stop()


def _settings() -> Settings:
    parser = argparse.ArgumentParser(description="The sandbox's server. Use the command `sandbox` instead.")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--quota", type=float, default=1.0)
    parser.add_argument("--empty", type=Path)
    args = parser.parse_args()
    return Settings(args.state.resolve(), seconds=args.seconds, latency=args.latency, quota=args.quota,
                    tls=args.tls, port=args.port, empty=args.empty and args.empty.resolve())


def _tls_context(settings: Settings, authority: Authority) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.endpoint_files())
    return context


def _write_state(state_file: Path, world: World, token: str, certificate: Path) -> None:
    """Puts the state file there whole: whoever finds it can use it."""
    settings, key = world.settings, world.keyring.main
    scheme = "https" if settings.tls else "http"
    state = {"pid": os.getpid(), "url": f"{scheme}://127.0.0.1:{settings.port}", "token": token,
             "access_key": key.access_key, "secret_key": key.secret, "account": settings.account,
             "region": settings.region, "ca": str(certificate), "tls": settings.tls}
    draft = state_file.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(state, indent=1) + "\n")
    draft.rename(state_file)


if __name__ == "__main__":
    main()
