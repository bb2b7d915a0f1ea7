"""The program in a directory of its own, with an AWS that cannot be reached."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRUEUP = Path(os.environ.get("TRUEUP", ROOT / ".build-asan/agent/trueup")).resolve()

# A port that nobody listens on: whoever asks AWS for something learns so at once.
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "1",
}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def trueup(tmp_path: Path) -> Run:
    """Run it in tmp_path. Without a terminal; `text` is its standard input."""

    def run(*arguments: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([TRUEUP, *arguments], cwd=tmp_path, input=text, check=False, capture_output=True,
                              text=True, timeout=60,
                              env=ENVIRONMENT | {"TRUEUP_STATE": str(tmp_path / "state")} | environment)

    return run


def spec(name: str = "production", body: str = "") -> str:
    """A spec with one group, in which alice is to be."""
    users = "  users:\n    pool: eu-west-3_AbCdEfGhI\n    groups: {Admin: {members: [alice@example.com]}}\n"
    return (f"apiVersion: trueup/v1\nkind: BedrockChat\nmetadata: {{name: {name}}}\n"
            f"spec:\n  aws: {{region: eu-west-3}}\n{body or users}")


def observed(name: str = "production", *members: str) -> str:
    """One line of what was seen, with these in the group."""
    people = ",".join(f'{{"username":"{member}","email":"{member}@example.com"}}' for member in members)
    return (f'{{"name":"{name}","account":{{"seen":{{"status":"seen"}},"account":"123456789012","arn":"arn"}},'
            f'"users":{{"seen":{{"status":"seen"}},"pool":"eu-west-3_AbCdEfGhI","groups":[{{"seen":{{"status":"seen"}},'
            f'"name":"Admin","exists":true,"members":[{people}]}}],"candidates":[{{"seen":{{"status":"seen"}},'
            f'"asked":"alice@example.com","users":[{{"username":"alice","email":"alice@example.com"}}]}}]}}}}\n')
