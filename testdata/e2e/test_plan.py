"""Plan: it names all that differs, and changes nothing."""

from __future__ import annotations

from harness import BASELINE, GROUP, RESTORE_CLUSTER, Program, Sandbox, creators, group_of


def shorten(sandbox: Sandbox, bots: list[str]) -> dict[str, int]:
    """Takes some rows from these bots; how many are left of each."""
    with sandbox.session(sandbox.summary["cluster"]) as session:
        for bot in bots:
            session.execute("DELETE FROM items WHERE id IN (SELECT id FROM items WHERE botid = %s ORDER BY id "
                            "LIMIT greatest(1, %s))", (bot, sandbox.summary["rows"][bot] // 3))
    left = sandbox.counts(sandbox.summary["cluster"])
    return {bot: left.get(bot, 0) for bot in bots}


def test_plan_names_all_drift_and_changes_nothing(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=6, rows=300, users=20)
    emails = creators(sandbox)
    trueup.specify(cluster=RESTORE_CLUSTER, vectors={"counts": BASELINE}, users=group_of(emails),
                   allow=["replace-cluster"])
    baseline = trueup.capture()
    assert {bot: entry["rows"] for bot, entry in baseline.items()} == sandbox.summary["rows"]
    short = sorted(sandbox.summary["rows"])[:3]
    left = shorten(sandbox, short)
    sandbox.forget()

    plan = trueup.plan(expect=2)

    encrypted = plan.resource("cluster")
    assert encrypted["state"] == "drifted"
    assert encrypted["differences"] == [
        {"path": "encrypted", "change": "replace", "desired": "true", "observed": "false"}]
    vectors = plan.resource("vectors")
    assert {difference["path"] for difference in vectors["differences"]} == {f"bots/{bot}" for bot in short}
    for difference in vectors["differences"]:
        bot = difference["path"].removeprefix("bots/")
        assert str(sandbox.summary["rows"][bot]) in difference["desired"]
        assert str(left[bot]) in difference["observed"]
    assert plan.paths("users") == {"present"} | {f"members/{email}" for email in emails}
    assert plan.report["summary"]["converged"] is False
    assert plan.report["summary"]["drifted"] == 3
    calls = sandbox.calls()
    assert calls["mutating"] == 0 and calls["total"] > 0
    assert sandbox.writes() == 0


def test_every_output_of_plan_tells_the_same(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=2, rows=20, users=6)
    emails = creators(sandbox, 2)
    trueup.specify(cluster=RESTORE_CLUSTER, users=group_of(emails), allow=["replace-cluster"])
    for form in ("text", "markdown"):
        told = trueup.run("plan", "spec.yaml", "-o", form, expect=2).out
        assert "encrypted" in told and GROUP in told
        assert all(email in told for email in emails)


def test_an_observation_stands_for_the_world(sandbox: Sandbox, trueup: Program) -> None:
    """A bug report is a spec and what was observed: the same plan comes of both, with nothing running."""
    sandbox.seed(bots=2, rows=20, users=6)
    trueup.specify(cluster=RESTORE_CLUSTER, users=group_of(creators(sandbox, 2)), allow=["replace-cluster"])
    live = trueup.plan(expect=2).report
    trueup.write("observed.json", trueup.run("observe", "spec.yaml").out)
    sandbox.forget()

    replayed = trueup.plan("spec.yaml", "--observed", "observed.json", expect=2).report

    assert sandbox.calls()["total"] == 0
    assert replayed["resources"] == live["resources"]


def test_what_the_spec_does_not_name_is_not_read(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=2, rows=20, users=6)
    trueup.specify(users=group_of(creators(sandbox, 1)))
    sandbox.forget()
    trueup.plan(expect=2)
    asked = set(sandbox.calls()["operations"])
    assert not {name for name in asked if name.startswith(("rds:", "secretsmanager:", "kms:", "dynamodb:"))}, asked


def test_only_leaves_the_rest_alone(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=2, rows=20, users=6)
    trueup.specify(cluster=RESTORE_CLUSTER, users=group_of(creators(sandbox, 2)), allow=["replace-cluster"])
    sandbox.forget()

    done = trueup.apply("spec.yaml", "--only", "users")

    assert {resource["kind"] for resource in done.report["resources"]
            if resource["state"] != "skipped"} <= {"account", "users"}
    assert len(sandbox.members()) == 2
    assert not any(name.startswith("rds:") for name in sandbox.calls()["operations"])
    assert not sandbox.clusters()[sandbox.summary["cluster"]]["StorageEncrypted"]
