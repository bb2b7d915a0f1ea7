"""One sandbox for all tests, reached as everybody reaches it: command line and boto3."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

HERE = Path(__file__).resolve().parent
COMMAND = HERE.parent / "sandbox"
sys.path.insert(0, str(HERE.parent))


class Sandbox:
    """A running sandbox and its clients."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.run("start", *options)
        self.state = json.loads((directory / "sandbox.json").read_text())
        self.session = self.session_for(self.state["access_key"], self.state["secret_key"])

    def run(self, *arguments: str) -> str:
        command = [sys.executable, str(COMMAND), *arguments[:1], "--state", str(self.directory), *arguments[1:]]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def control(self, verb: str, **arguments: Any) -> Any:
        """As the command `control` does, without the time that it takes to start."""
        request = urllib.request.Request(f"{self.state['url']}/_sandbox/{verb}", json.dumps(arguments).encode(),
                                         {"X-Sandbox-Token": self.state["token"]})
        trusted = ssl.create_default_context(cafile=self.state["ca"])
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             urllib.request.HTTPSHandler(context=trusted))
        with opener.open(request, timeout=60) as response:
            return json.load(response)

    def session_for(self, key: str, secret: str, token: str | None = None) -> boto3.Session:
        return boto3.Session(key, secret, token, self.state["region"])

    def client(self, service: str, session: boto3.Session | None = None, **config: Any) -> Any:
        """A client that does not retry, so that a test sees what was answered."""
        config = {"retries": {"total_max_attempts": 1}, "proxies": {}, **config}
        return (session or self.session).client(service, endpoint_url=self.state["url"],
                                                verify=self.state["ca"] if self.state["tls"] else None,
                                                config=Config(**config))

    def calls(self) -> Any:
        return self.control("calls")


@pytest.fixture(scope="session", autouse=True)
def no_foreign_settings() -> None:
    """What the environment says of a real account must not reach the clients."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/nonexistent"


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """Room for state directories. Not pytest's own, which database servers of another user cannot enter."""
    with tempfile.TemporaryDirectory(prefix="sandbox-tests-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture(scope="session")
def sandbox(place: Path, no_foreign_settings: None) -> Iterator[Sandbox]:
    """One that is quick and has no quotas. It ends without defects of its own."""
    running = Sandbox(place / "main", "--seconds", "0.1", "--quota", "0")
    yield running
    defects = running.calls()["defects"]
    running.run("stop")
    assert defects == []


@pytest.fixture(autouse=True)
def no_trouble_left(sandbox: Sandbox) -> Iterator[None]:
    """Whatever a test injected is gone before the next."""
    yield
    sandbox.control("clear")


def code(excinfo: pytest.ExceptionInfo[Any]) -> str:
    """AWS's error code of a ClientError."""
    return str(excinfo.value.response["Error"]["Code"])
