"""What a command needs to talk to a running sandbox: where it is, and its control interface."""

from __future__ import annotations

import json
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent


def fail(text: str) -> NoReturn:
    sys.exit(f"{Path(sys.argv[0]).name}: {text}")


def read_state(directory: Path) -> dict[str, Any] | None:
    """What the running sandbox says of itself, or None if none runs there."""
    try:
        state: dict[str, Any] = json.loads((directory / "sandbox.json").read_text())
    except FileNotFoundError:
        return None
    return state if process_lives(state["pid"]) else None


def process_lives(pid: int) -> bool:
    """Whether the sandbox's process runs. Another that has its number since does not count.

    Nor does one that ended and was not waited for: its command line is empty.
    """
    try:
        return str(HERE / "server.py").encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False


def control(state: dict[str, Any], verb: str, body: dict[str, Any] | None = None, timeout: float = 600) -> Any:
    """Runs a control command in the server and returns its answer."""
    request = urllib.request.Request(f"{state['url']}/_sandbox/{verb}", json.dumps(body or {}).encode(),
                                     {"X-Sandbox-Token": state["token"]}, method="POST")
    context = ssl.create_default_context(cafile=state["ca"]) if state["tls"] else None
    # Loopback only: no proxy of the environment's, whatever it says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                         urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=timeout) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        fail(json.load(error).get("error", str(error)))
    except OSError as error:
        fail(f"the sandbox at {state['url']} gave no answer to {verb} ({error}); its server.log may say why")
