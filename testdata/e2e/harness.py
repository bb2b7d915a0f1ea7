"""What an end-to-end test works with: a sandbox of its own, the program, the rows."""

from __future__ import annotations

import json
import os
import shlex
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg
import yaml
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "testdata/sandbox/sandbox"
TRUEUP = Path(os.environ.get("TRUEUP", ROOT / ".build-asan/agent/trueup")).resolve()
ACCOUNT, REGION, STACK = "123456789012", "eu-west-3", "BedrockChatStack"
GROUP = "CreatingBotAllowed"
# A sanitizer's finding must not pass as the program's own "something failed", exit code 1.
SANITIZERS = {"ASAN_OPTIONS": "exitcode=99:detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99"}
PATIENCE = 240  # seconds for one run of the program


class Sandbox:
    """A running sandbox in a directory of its own."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self._command("start", *options)
        self.state = json.loads((directory / "sandbox.json").read_text())
        self.environment = self._read_environment()
        self.summary: dict[str, Any] = {}
        self._trusted = ssl.create_default_context(cafile=self.state["ca"])

    def _command(self, *arguments: str) -> str:
        done = subprocess.run([sys.executable, str(COMMAND), "--state", str(self.directory), *arguments],
                              check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _read_environment(self) -> dict[str, str]:
        lines = self._command("env").splitlines()
        exports = (shlex.split(line)[1] for line in lines if line.startswith("export "))
        return dict(export.split("=", 1) for export in exports)

    def stop(self) -> None:
        defects = self.calls()["defects"]
        self._command("stop")
        assert defects == [], "the sandbox itself is wrong"

    def control(self, verb: str, **arguments: Any) -> Any:
        request = urllib.request.Request(f"{self.state['url']}/_sandbox/{verb}", json.dumps(arguments).encode(),
                                         {"X-Sandbox-Token": self.state["token"]})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             urllib.request.HTTPSHandler(context=self._trusted))
        try:
            with opener.open(request, timeout=120) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{verb}: {error.read().decode()}") from error

    def seed(self, **options: Any) -> dict[str, Any]:
        self.summary = self.control("seed", **options)
        return self.summary

    def calls(self) -> dict[str, Any]:
        result: dict[str, Any] = self.control("calls")
        return result

    def writes(self) -> int:
        """Statements that changed any database and are not the sandbox's."""
        return int(self.control("rds/writes")["total"])

    def forget(self) -> None:
        """Counts from here."""
        self.control("reset-calls")
        self.control("rds/reset_writes")

    def client(self, service: str) -> Any:
        """AWS's own client, for what a person would do beside trueup."""
        return boto3.client(service, endpoint_url=self.state["url"], region_name=REGION, verify=self.state["ca"],
                            aws_access_key_id=self.state["access_key"],
                            aws_secret_access_key=self.state["secret_key"], config=Config(proxies={}))

    def clusters(self) -> dict[str, dict[str, Any]]:
        found = self.client("rds").describe_db_clusters()["DBClusters"]
        return {cluster["DBClusterIdentifier"]: cluster for cluster in found}

    def snapshots(self) -> list[str]:
        """Those that are there to stay: one that RDS is deleting is gone in a moment, whoever looks on."""
        found = self.client("rds").describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]
        return [snapshot["DBClusterSnapshotIdentifier"] for snapshot in found if snapshot["Status"] != "deleting"]

    def members(self, group: str = GROUP) -> set[str]:
        found = self.client("cognito-idp").list_users_in_group(UserPoolId=self.summary["pool"], GroupName=group)
        return {user["Username"] for user in found["Users"]}

    def session(self, cluster: str) -> psycopg.Connection[Any]:
        """The sandbox's own session on a cluster's database: what it changes is not counted."""
        access = self.control("rds/connection", cluster=cluster)
        return psycopg.connect(host=access["PGHOST"], hostaddr=access["PGHOSTADDR"], port=access["PGPORT"],
                               user=access["PGUSER"], password=access["PGPASSWORD"], dbname=access["PGDATABASE"],
                               sslmode="require", application_name=access["PGAPPNAME"], autocommit=True)

    def query(self, cluster: str, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.session(cluster) as session:
            cursor = session.execute(text, values or None)
            return cursor.fetchall() if cursor.description else []

    def rows(self, cluster: str) -> list[tuple[Any, ...]]:
        """Every row, with the vector in its binary form: the comparison that is independent of digests."""
        return self.query(cluster, "SELECT id, botid, content, source, vector_send(embedding) FROM items ORDER BY id")

    def counts(self, cluster: str) -> dict[str, int]:
        return dict(self.query(cluster, "SELECT botid, count(*) FROM items WHERE botid IS NOT NULL GROUP BY 1"))


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def report(self) -> dict[str, Any]:
        (only,) = self.reports
        return only

    def resource(self, kind: str, name: str | None = None) -> dict[str, Any]:
        (found,) = (resource for resource in self.report["resources"]
                    if resource["kind"] == kind and name in (None, resource["name"]))
        result: dict[str, Any] = found
        return result

    def actions(self, state: str | None = None) -> list[dict[str, Any]]:
        return [action for resource in self.report["resources"] for action in resource["actions"]
                if state in (None, action["state"])]

    def paths(self, kind: str) -> set[str]:
        return {difference["path"] for difference in self.resource(kind)["differences"]}

    def told(self) -> str:
        """For a test that failed: what was not as it should be first, then all of it."""
        troubled = [f"{action['id']} is {action['state']}: {action['error'] or action['waitsFor']}"
                    for action in self._actions_if_any() if action["state"] not in ("done", "planned")]
        return "\n".join([f"exit {self.code}", *troubled, self.err, self.out])

    def _actions_if_any(self) -> list[dict[str, Any]]:
        try:
            return [action for report in self.reports for resource in report["resources"]
                    for action in resource["actions"]]
        except (ValueError, KeyError, TypeError):
            return []


class Program:
    """trueup with the environment of one sandbox, in a directory of its own."""

    def __init__(self, directory: Path, sandbox: Sandbox) -> None:
        self.directory = directory
        self.sandbox = sandbox
        directory.mkdir(exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(directory), "LANG": "C.UTF-8",
            "TRUEUP_STATE": str(directory / "state"), "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", **SANITIZERS, **sandbox.environment}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen([str(TRUEUP), *arguments], cwd=self.directory, env=self.environment | environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @staticmethod
    def finish(process: subprocess.Popen[str]) -> Outcome:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"still running after {PATIENCE} s\n{out}\n{err}") from None
        outcome = Outcome(process.returncode, out, err)
        assert outcome.code >= 0 and "Sanitizer" not in err and "runtime error" not in err, outcome.told()
        return outcome

    def run(self, *arguments: str, expect: int | None = 0, **environment: str) -> Outcome:
        """One run to its end. expect: the exit code that it must have; None: any of the contract's."""
        outcome = self.finish(self.start(*arguments, **environment))
        assert outcome.code == expect if expect is not None else outcome.code in (0, 1, 2, 64, 65, 75), outcome.told()
        return outcome

    def json(self, *arguments: str, expect: int | None = 0, **environment: str) -> Outcome:
        return self.run(*arguments, "-o", "json", expect=expect, **environment)

    def plan(self, *arguments: str, expect: int | None = 0, **environment: str) -> Outcome:
        return self.json("plan", *(arguments or ("spec.yaml",)), expect=expect, **environment)

    def apply(self, *arguments: str, expect: int | None = 0, **environment: str) -> Outcome:
        words = arguments or ("spec.yaml",)
        return self.json("apply", *words, "--yes", "--wait", "10m", expect=expect, **environment)

    def capture(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        """The baseline of spec.yaml, written where the spec names it, and read back."""
        self.run("capture", "spec.yaml", *arguments, expect=expect)
        return self.baseline()

    def baseline(self, file: str = "baseline.yaml") -> dict[str, Any]:
        bots: dict[str, Any] = yaml.safe_load((self.directory / file).read_text())["bots"]
        return bots

    def kill_after(self, seconds: float, *arguments: str) -> bool:
        """SIGKILL that long after the start. Whether it was still running."""
        process = self.start(*arguments)
        time.sleep(seconds)
        running = process.poll() is None
        if running:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
        return running

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text)
        return path

    def specify(self, file: str = "spec.yaml", name: str = "chat", allow: list[str] | None = None,
                **sections: Any) -> Path:
        """Writes a spec of these sections."""
        spec: dict[str, Any] = {"aws": {"region": REGION, "account": ACCOUNT, "stack": STACK}, **sections}
        if allow:
            spec["allow"] = allow
        document = {"apiVersion": "trueup/v1", "kind": "BedrockChat", "metadata": {"name": name}, "spec": spec}
        return self.write(file, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


# Sections that many scenarios share.
RESTORE_CLUSTER = {"encrypted": True, "replace": "restore"}
BASELINE = {"from": "baseline", "file": "baseline.yaml"}


def creators(sandbox: Sandbox, number: int = 3) -> list[str]:
    """E-mail addresses, each of exactly one confirmed user."""
    emails = [user["email"] for user in sandbox.summary["users"]]
    fine = [user["email"] for user in sandbox.summary["users"]
            if user["status"] == "CONFIRMED" and emails.count(user["email"]) == 1]
    assert len(fine) >= number
    return fine[:number]


def username(sandbox: Sandbox, email: str) -> str:
    (found,) = (user["username"] for user in sandbox.summary["users"] if user["email"] == email)
    result: str = found
    return result


def group_of(members: list[Any], **options: Any) -> dict[str, Any]:
    return {"groups": {GROUP: {"members": members, **options}}}
