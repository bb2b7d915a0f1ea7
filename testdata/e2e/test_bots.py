"""The application's bots: which have rows, which answer, and what is done about the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Thread
from typing import Any

from harness import BASELINE, Outcome, Program, Sandbox

COUNTS = {"counts": {"from": "bots"}}
MODEL = "cohere.embed-multilingual-v3"


def bots(sandbox: Sandbox, **wanted: Any) -> list[str]:
    """The ids of the bots that were seeded so."""
    return [bot["id"] for bot in sandbox.summary["bots"] if all(bot[name] == value for name, value in wanted.items())]


def troubles(outcome: Outcome) -> dict[str, str]:
    """What is wrong with each bot that is not usable."""
    return {difference["path"].removeprefix("bots/"): difference["observed"]
            for difference in outcome.resource("bots")["differences"]}


def notes(outcome: Outcome, kind: str = "bots") -> str:
    return " | ".join(outcome.resource(kind)["notes"])


def delete_bot(sandbox: Sandbox, bot: str) -> dict[str, Any]:
    """Deletes the bot's item, and nothing else. Its key."""
    (owner,) = (one["owner"] for one in sandbox.summary["bots"] if one["id"] == bot)
    key = {"PK": {"S": owner}, "SK": {"S": f"{owner}#BOT#{bot}"}}
    sandbox.client("dynamodb").delete_item(TableName=sandbox.summary["table"], Key=key)
    return key


def test_whether_whoever_asks_a_bot_is_answered(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=9, rows=300, users=5, queued=1, failed=1, emptied=2, knowledge_bases=1)
    cluster = sandbox.summary["cluster"]
    trueup.specify(vectors=COUNTS, bots={"usable": True, "query": "bedrock", "region": "us-east-1"})
    (queued,), (failed,) = bots(sandbox, status="QUEUED"), bots(sandbox, status="FAILED")
    whole = bots(sandbox, status="SUCCEEDED", knowledge=True, knowledge_base=False)
    with sandbox.session(cluster) as session:
        # One whose rows are gone, and one whose first row is what its words are embedded as.
        session.execute("DELETE FROM items WHERE botid = %s", (whole[0],))
        asked = min({queued, failed, *whole[1:]})
        row, content = session.execute("SELECT id, left(content, 200) FROM items WHERE botid = %s AND embedding IS NOT "
                                       "NULL ORDER BY id LIMIT 1", (asked,)).fetchone() or ("", "")
        words = content.lstrip()
        words = words.rpartition(" ")[0] if len(words.encode()) > 100 else words
        vector = sandbox.control("bedrock-runtime/embed", text=words)["embedding"]
        session.execute("UPDATE items SET embedding = %s::text::vector WHERE id = %s", (str(vector), row))
    sandbox.forget()
    sandbox.control("bedrock-runtime/not_ready", count=1)  # the first question is asked once more

    plan = trueup.plan(expect=2)

    assert troubles(plan).keys() == {queued, failed, whole[0]}
    assert troubles(plan)[whole[0]] == "no rows"
    assert troubles(plan)[queued] == "QUEUED; it answers from the rows of before"
    assert troubles(plan)[failed].startswith("FAILED: 404 Client Error") and "rows of before" in troubles(plan)[failed]
    assert "searches find all that is nearest" in notes(plan), "with 300 rows nobody needs the index"
    assert "1 of 5 questions in words found the row" in notes(plan)
    assert "not tried: 4 without knowledge, 1 that a Bedrock knowledge base answers for" in notes(plan)
    assert plan.paths("vectors") == {f"bots/{whole[0]}"}
    calls = sandbox.calls()
    assert calls["mutating"] == 0 and sandbox.writes() == 0
    assert calls["operations"]["bedrock-runtime:InvokeModel"] == 6

    policy = json.loads(trueup.run("explain", "--iam", "observe", "spec.yaml").out)["Statement"]
    assert {statement["Resource"] for statement in policy if "bedrock:InvokeModel" in statement["Action"]} == {
        f"arn:aws:bedrock:us-east-1::foundation-model/{MODEL}"}

    trueup.specify(vectors=COUNTS, bots={"usable": True, "query": "bedrock", "region": "ap-south-1"})
    assert "ap-south-1" in trueup.plan(expect=1).resource("bots")["reason"]
    trueup.specify(vectors=COUNTS, bots={"usable": True, "query": "bedrock"})
    sandbox.control("bedrock-runtime/access", model=MODEL, granted=False)
    refused = trueup.plan(expect=1).resource("bots")
    assert refused["state"] == "unknown" and "bedrock:InvokeModel" in refused["reason"]
    sandbox.control("deny", operation="dynamodb:Scan")
    unseen = trueup.plan(expect=1)
    assert {unseen.resource(kind)["state"] for kind in ("bots", "vectors")} == {"unknown"}
    assert unseen.actions() == []

    # The bot without rows is embedded again, and answers; the others wait for people.
    sandbox.control("clear")
    sandbox.control("bedrock-runtime/access", model=MODEL, granted=True)
    trueup.specify(vectors={**COUNTS, "restore": {"method": "embed"}}, bots={"usable": True, "query": "bedrock"},
                   allow=["run-embedding-tasks"])
    done = trueup.apply(expect=2)
    assert done.resource("vectors")["state"] == "in-sync"
    assert troubles(done).keys() == {queued, failed}


def test_bots_that_are_running(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=5, rows=100, users=5, running=1, queued=1)
    (forgotten,), (lost,) = bots(sandbox, status="RUNNING"), bots(sandbox, status="QUEUED")
    alive, killed = bots(sandbox, status="SUCCEEDED", knowledge=True)[:2]
    sandbox.control("ecs/trouble", mode="stall", bot=alive)
    sandbox.control("ecs/trouble", mode="die", bot=killed)
    for bot in (alive, killed):
        save_bot(sandbox, bot)
    await_tasks(sandbox, {alive: "RUNNING", killed: "STOPPED"})
    trueup.specify(bots={"usable": True})

    plan = trueup.plan(expect=2)

    assert troubles(plan) == {
        forgotten: "RUNNING, but its task is gone; it answers from the rows of before",
        lost: "QUEUED; it answers from the rows of before",
        killed: "RUNNING, but its task has stopped: OutOfMemoryError: Container killed due to memory usage; "
                "it answers from the rows of before"}
    assert "1 bot is being embedded right now" in notes(plan)
    sandbox.control("deny", operation="ecs:DescribeTasks")
    unseen = trueup.plan(expect=1).resource("bots")
    assert "3 bots are RUNNING" in unseen["reason"] and "ecs:DescribeTasks" in unseen["reason"]
    sandbox.control("clear")
    sandbox.control("ecs/release")
    await_tasks(sandbox, {alive: "STOPPED"})
    assert troubles(trueup.plan(expect=2)).keys() == {forgotten, lost, killed}


def save_bot(sandbox: Sandbox, bot: str) -> None:
    """Has the application embed the bot again, as its owner does by saving it."""
    (owner,) = (one["owner"] for one in sandbox.summary["bots"] if one["id"] == bot)
    sandbox.client("dynamodb").update_item(
        TableName=sandbox.summary["table"], Key={"PK": {"S": owner}, "SK": {"S": f"{owner}#BOT#{bot}"}},
        UpdateExpression="SET SyncStatus = :queued", ExpressionAttributeValues={":queued": {"S": "QUEUED"}})


def await_tasks(sandbox: Sandbox, wanted: dict[str, str]) -> None:
    """Until the last task of each of these bots is in that state, and, if it runs, its bot says so."""
    last: dict[str, str] = {}
    while not wanted.items() <= last.items() or any(status(sandbox, bot) == "QUEUED" for bot in wanted):
        last = {task["bot"]: task["status"] for task in sandbox.control("ecs/tasks")["tasks"]}


def status(sandbox: Sandbox, bot: str) -> str:
    (owner,) = (one["owner"] for one in sandbox.summary["bots"] if one["id"] == bot)
    item = sandbox.client("dynamodb").get_item(TableName=sandbox.summary["table"], Key={
        "PK": {"S": owner}, "SK": {"S": f"{owner}#BOT#{bot}"}})["Item"]
    return str(item["SyncStatus"]["S"])


def test_rows_of_bots_that_no_longer_exist(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=5, rows=200, users=5, emptied=1, orphans=12)
    cluster, known = sandbox.summary["cluster"], {bot["id"] for bot in sandbox.summary["bots"]}
    deleted, reborn = bots(sandbox, knowledge=True)[:2]
    keep = sandbox.client("dynamodb").get_item(TableName=sandbox.summary["table"], Key=delete_bot(sandbox, reborn))
    assert "Item" not in keep
    delete_bot(sandbox, deleted)
    before = sandbox.counts(cluster)
    (orphan,) = before.keys() - known

    trueup.specify(vectors=COUNTS)
    plan = trueup.plan(expect=2)
    assert plan.paths("vectors") == {f"bots/{bot}" for bot in (orphan, deleted, reborn)}
    (action,) = trueup.apply(expect=2).actions()
    assert (action["state"], "delete-vectors" in action["waitsFor"]) == ("blocked", True)
    assert sandbox.counts(cluster) == before

    # One of them is made, and has its rows, while the deletion is about to begin.
    trueup.specify(vectors=COUNTS, allow=["delete-vectors"])
    sandbox.forget()
    sandbox.control("fault", kind="delay", operation="sts:GetCallerIdentity", count=9, seconds=1.0)
    process = trueup.start("apply", "spec.yaml", "--yes", "--wait", "10m", "-o", "json")
    maker = Thread(target=make_after_scans, args=(sandbox, reborn, 2, lambda: process.poll() is None))
    maker.start()
    done = trueup.finish(process)
    maker.join()
    sandbox.control("clear")
    assert done.code == 0, done.told()
    left = {bot: rows for bot, rows in before.items() if bot not in (orphan, deleted)}
    assert sandbox.counts(cluster) == left
    assert sandbox.query(cluster, "SELECT count(*) FROM items WHERE botid IS NULL") == [(6,)]


def make_after_scans(sandbox: Sandbox, bot: str, scans: int, goes_on: Callable[[], bool]) -> None:
    """Puts a bot's item once the table was read so many times."""
    while goes_on() and sandbox.calls()["operations"].get("dynamodb:Scan", 0) < scans:
        pass
    (owner,) = (one["owner"] for one in sandbox.summary["bots"] if one["id"] == bot)
    sandbox.client("dynamodb").put_item(TableName=sandbox.summary["table"], Item={
        "PK": {"S": owner}, "SK": {"S": f"{owner}#BOT#{bot}"}, "SyncStatus": {"S": "SUCCEEDED"},
        "Knowledge": {"M": {"filenames": {"L": [{"S": "a.pdf"}]}}}})


def test_bots_that_were_deleted_or_made_since_the_baseline(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=4, rows=100, users=5)
    cluster = sandbox.summary["cluster"]
    trueup.specify(vectors={"counts": BASELINE})
    baseline = trueup.capture()
    gone, left_behind, made = sorted(baseline)[0], sorted(baseline)[1], sorted(baseline)[2]
    delete_bot(sandbox, gone)
    delete_bot(sandbox, left_behind)
    sandbox.query(cluster, "DELETE FROM items WHERE botid = %s", gone)
    text = (trueup.directory / "baseline.yaml").read_text().splitlines()
    trueup.write("baseline.yaml", "\n".join(line for line in text if made not in line) + "\n")
    assert trueup.plan(expect=2).paths("vectors") == {f"bots/{gone}", f"bots/{made}"}

    trueup.specify(vectors={"counts": BASELINE}, bots={"usable": True})

    plan = trueup.plan()
    assert "1 bot of the application is not in spec.vectors.counts" in notes(plan, "vectors")
    assert plan.resource("bots")["state"] == "in-sync"


def test_an_index_that_does_not_fit_its_rows(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=4, rows=8200, users=3)
    cluster = sandbox.summary["cluster"]
    spec = {"vectors": {"index": {"lists": "auto"}}, "bots": {"usable": True}}
    trueup.specify(**spec)

    blocked = trueup.apply(expect=2)
    assert blocked.paths("vectors") == {"index/lists"}
    assert [(action["verb"], action["state"]) for action in blocked.actions()] == [("rebuild-index", "blocked")]
    assert sandbox.writes() == 0

    # As many lists as there should be, but trained on a single row: all others come to that one's list.
    counts = sandbox.counts(cluster)
    with sandbox.session(cluster) as session:
        session.execute("CREATE TEMP TABLE aside AS SELECT * FROM items; TRUNCATE items; DROP INDEX idx_items_embedding; "
                        "INSERT INTO items SELECT * FROM aside LIMIT 1; "
                        "SET client_min_messages = error; CREATE INDEX idx_items_embedding ON items USING ivfflat "
                        "(embedding vector_l2_ops) WITH (lists = 8); INSERT INTO items SELECT * FROM aside ON CONFLICT DO NOTHING; "
                        "ANALYZE items")
    trueup.specify(**spec, allow=["rebuild-index"])
    assert trueup.plan(expect=2).paths("vectors") == {"index/trained"}
    assert [(action["verb"], action["state"]) for action in trueup.apply().actions()] == [("rebuild-index", "done")]
    assert lists(sandbox) == 8

    # Rows that the index has lost.
    lost = min(counts, key=lambda bot: counts[bot])
    with sandbox.session(cluster) as session:
        ready = "UPDATE pg_index SET indisready = %s WHERE indexrelid = 'idx_items_embedding'::regclass"
        session.execute(ready, (False,))
        session.execute("CREATE TEMP TABLE few AS SELECT * FROM items WHERE botid = %s", (lost,))
        session.execute("DELETE FROM items WHERE botid = %s", (lost,))
        session.execute("INSERT INTO items SELECT * FROM few")
        session.execute(ready, (True,))
    broken = trueup.plan(expect=2)
    assert troubles(broken) == {lost: "the index does not lead to its rows"}
    assert broken.paths("vectors") == {"index/rows"}
    mended = trueup.apply()
    assert {mended.resource(kind)["state"] for kind in ("bots", "vectors")} == {"in-sync"}
    assert sandbox.counts(cluster) == counts


def lists(sandbox: Sandbox) -> int:
    ((options,),) = sandbox.query(sandbox.summary["cluster"],
                                  "SELECT reloptions[1] FROM pg_class WHERE relname = 'idx_items_embedding'")
    return int(options.removeprefix("lists="))
