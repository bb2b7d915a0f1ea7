"""Rows by DMS: a homogeneous data migration that DMS carries out, and that trueup makes, follows, proves and deletes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import KILLED
from harness import Outcome, Program, Sandbox, creators, group_of

WORD = ["suspend-rotation"]
GROUP = "bedrock-chat-dms"
NAME = "trueup-chat-rows"


class Deployment:
    """The new cluster and the old one, of one password, and what DMS needs of the account."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        summary = sandbox.seed(bots=5, rows=120, users=4, empty_new_cluster=True)
        self.new: str = summary["cluster"]
        self.old: str = summary["old_cluster"]
        self.secret: str = summary["secret"]
        self.secrets, self.dms = sandbox.client("secretsmanager"), sandbox.client("dms")
        self.set_password(self.password)
        sandbox.control("dms/subnet_group", name=GROUP)
        self.role: str = sandbox.control("sts/role", name="dms")["arn"]
        self.rows = sandbox.rows(self.old)

    @property
    def password(self) -> str:
        return str(json.loads(self.secrets.get_secret_value(SecretId=self.secret)["SecretString"])["password"])

    def set_password(self, password: str) -> None:
        """Of the old cluster, as a person sets it."""
        self.sandbox.client("rds").modify_db_cluster(DBClusterIdentifier=self.old, ApplyImmediately=True,
                                                     MasterUserPassword=password)
        while self.sandbox.clusters()[self.old]["Status"] != "available":
            self.sandbox.control("ready")

    def specify(self, program: Program, allow: list[str] | None = None, method: str = "dms", **more: Any) -> None:
        restore = {"method": method, "from": {"cluster": self.old}, "dms": {"role": self.role, "subnetGroup": GROUP}}
        program.specify(rotation={"enabled": True}, vectors={"counts": {"from": "source"}, "restore": restore | more},
                        allow=WORD if allow is None else allow)

    def things(self) -> dict[str, Any]:
        found: dict[str, Any] = self.sandbox.control("dms/things")
        return found

    def rotates(self) -> bool:
        return bool(self.secrets.describe_secret(SecretId=self.secret)["RotationEnabled"])

    def begin_anew(self) -> None:
        """What a report asks of a person."""
        self.dms.delete_data_migration(DataMigrationIdentifier=NAME)
        self.await_no_migration()

    def await_no_migration(self) -> None:
        while self.things()["migrations"]:
            self.sandbox.control("ready")

    def assert_clean(self) -> None:
        things = self.things()
        assert [things[kind] for kind in ("profiles", "providers", "projects", "migrations")] == [[]] * 4
        assert self.rotates(), "the rotation was left off"

    def assert_moved(self, program: Program) -> None:
        assert self.sandbox.rows(self.new) == self.rows
        self.assert_clean()
        program.plan()

    def reset(self) -> None:
        self.sandbox.control("dms/release")
        for migration in self.dms.describe_data_migrations()["DataMigrations"]:
            if migration["DataMigrationStatus"] in ("STARTING", "RUNNING"):
                self.dms.stop_data_migration(DataMigrationIdentifier=NAME)
        while any(status not in ("READY", "STOPPED", "FAILED") for status in self.things()["status"].values()):
            self.sandbox.control("ready")
        for _ in self.things()["migrations"]:
            self.begin_anew()
        for kind, delete in (("projects", self.dms.delete_migration_project), ("providers", self.dms.delete_data_provider),
                             ("profiles", self.dms.delete_instance_profile)):
            parameter = {"projects": "MigrationProject", "providers": "DataProvider", "profiles": "InstanceProfile"}[kind]
            for name in self.things()[kind]:
                delete(**{f"{parameter}Identifier": name})
        self.sandbox.query(self.new, "TRUNCATE items")


@pytest.fixture(scope="module")
def seeded() -> Iterator[Deployment]:
    with tempfile.TemporaryDirectory(prefix="trueup-e2e-") as directory:
        Path(directory).chmod(0o755)
        sandbox = Sandbox(Path(directory) / "sandbox", "--tls", "--seconds", "0.2", "--quota", "0")
        yield Deployment(sandbox)
        sandbox.stop()


@pytest.fixture
def deployment(seeded: Deployment) -> Iterator[Deployment]:
    seeded.reset()
    yield seeded
    seeded.sandbox.control("clear")


@pytest.fixture
def program(place: Path, deployment: Deployment) -> Program:
    return Program(place / "work", deployment.sandbox)


def step(outcome: Outcome, verb: str) -> dict[str, Any]:
    (found,) = (action for action in outcome.actions() if action["id"] == f"vectors/items/{verb}")
    return found


def lose_answers(sandbox: Sandbox, *operations: str) -> None:
    """Once each: it is carried out, and nobody hears of it."""
    for operation in operations:
        sandbox.control("fault", kind="reset-after", operation=f"dms:{operation}", count=1)


def test_rows_by_dms(deployment: Deployment, program: Program) -> None:
    """Over what an earlier load has left, by a run that does not stay and another one, with lost answers; no rotation."""
    sandbox, password = deployment.sandbox, deployment.password
    with sandbox.session(deployment.new) as session:
        session.cursor().executemany("INSERT INTO items (id, botid, content, source) VALUES (%s, %s, %s, %s)",
                                     [row[:4] for row in deployment.rows[:9]])
    deployment.specify(program)
    planned = program.plan(expect=2)
    assert deployment.things()["made"] == 0 and step(planned, "dms-prepare")["risk"] == "disruptive"

    lose_answers(sandbox, "CreateInstanceProfile", "CreateDataProvider", "CreateMigrationProject", "CreateDataMigration",
                 "StartDataMigration")
    sandbox.control("dms/trouble", mode="stall")
    left = program.json("apply", "spec.yaml", "--yes", "--wait", "4s", expect=2)
    assert [action["verb"] for action in left.actions() if action["verb"].startswith("dms-")] == [
        "dms-connect", "dms-prepare", "dms-migrate", "dms-compare", "dms-delete"]
    waiting = step(left, "dms-migrate")
    assert waiting["state"] == "waiting" and "RUNNING, 50 %" in waiting["waitsFor"]
    assert "50 %" in step(program.plan(expect=2), "dms-migrate")["reason"]
    assert not deployment.rotates(), "the password must not change while DMS works with it"

    sandbox.control("dms/release")
    lose_answers(sandbox, "DeleteDataMigration", "DeleteMigrationProject", "DeleteDataProvider", "DeleteInstanceProfile")
    done = program.apply()

    assert {action["state"] for action in done.actions()} == {"done"}
    deployment.assert_moved(program)
    assert deployment.password == password
    sandbox.forget()
    assert program.apply().actions() == []
    assert sandbox.calls()["mutating"] == 0 and sandbox.writes() == 0


def test_without_the_word_nothing_is_made(deployment: Deployment, program: Program) -> None:
    sandbox = deployment.sandbox
    deployment.specify(program, allow=[])
    sandbox.forget()
    refused = program.apply(expect=2)
    assert step(refused, "dms-migrate")["state"] == "blocked"
    assert "suspend-rotation" in program.run("plan", "spec.yaml", expect=2).out
    assert sandbox.calls()["mutating"] == 0 and sandbox.writes() == 0
    deployment.assert_clean()


def test_what_dms_could_not_do(deployment: Deployment, program: Program) -> None:
    """Refused in advance where that can be seen: another password, rows that would be in the way for good."""
    sandbox = deployment.sandbox
    program.specify(rotation={"enabled": True}, allow=WORD, vectors={
        "counts": {"from": "inline", "bots": sandbox.counts(deployment.old)},
        "restore": {"method": "dms", "from": {"cluster": deployment.old},
                    "dms": {"role": deployment.role, "subnetGroup": GROUP}}})
    deployment.set_password("another-password")
    refused = step(program.plan(expect=2), "dms-connect")["waitsFor"]
    assert "does not accept the password" in refused and f"host: {deployment.old}." in refused
    deployment.set_password(deployment.password)
    deployment.specify(program)
    bot = deployment.rows[0][1]
    sandbox.query(deployment.new, "INSERT INTO items (id, botid, content, source) VALUES ('made since', %s, 'c', 's')", bot)
    advice = step(program.apply(expect=2), "dms-connect")["waitsFor"]
    assert bot in advice and "delete-vectors" in advice
    assert sandbox.query(deployment.new, "SELECT count(*) FROM items") == [(1,)]
    deployment.assert_clean()


def test_failures_are_named_and_rotation_goes_on(deployment: Deployment, program: Program) -> None:
    """DMS is not begun anew by itself: that would cost money every night, and keep the password as it is."""
    sandbox = deployment.sandbox
    deployment.specify(program)
    spec = yaml.safe_load((program.directory / "spec.yaml").read_text())
    spec["spec"]["users"] = group_of(creators(sandbox, 1))
    program.write("spec.yaml", yaml.safe_dump(spec))
    for mode, message in (("role", "Unable to assume the role"), ("unreachable", "timeout expired"),
                          ("fail", "the disk is full")):
        sandbox.control("dms/trouble", mode=mode, reason="the disk is full")
        outcome = program.apply(expect=1)
        failed = step(outcome, "dms-migrate")
        assert failed["state"] == "failed" and message in failed["error"]
        assert outcome.resource("users")["state"] == "in-sync", "the rest goes on"
        assert f"delete-data-migration --data-migration-identifier {NAME}" in failed["error"]
        assert deployment.rotates() and sandbox.rows(deployment.new) == []
        made = deployment.things()["made"]
        if mode == "fail":
            assert message in step(program.apply(expect=2), "dms-migrate")["waitsFor"]
            assert deployment.things()["made"] == made
        deployment.begin_anew()
    assert step(program.plan(expect=2), "dms-migrate")["state"] == "planned"


def test_rows_that_dms_loses_are_missed(deployment: Deployment, program: Program) -> None:
    deployment.specify(program)
    deployment.sandbox.control("dms/trouble", mode="lose")
    failed = step(program.apply(expect=1), "dms-compare")
    assert failed["state"] == "failed" and "short of 12 rows" in failed["error"]
    assert deployment.rotates()
    deployment.specify(program, method="copy")
    program.apply()
    deployment.assert_moved(program)


def test_killed_at_any_moment(deployment: Deployment, program: Program,
                              moments: Callable[[float, int], list[float]]) -> None:
    deployment.specify(program)
    killed = 0
    for moment in moments(4.4, 4):
        if program.kill_after(moment, *KILLED):
            killed += 1
        else:
            deployment.reset()
    print(f"{killed} were still running")
    assert killed > 0, "all runs ended before they were killed: nothing is proved"
    done = program.apply(expect=None)
    if done.code != 0:
        done = program.apply()
    deployment.assert_moved(program)
