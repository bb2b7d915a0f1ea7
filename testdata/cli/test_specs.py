"""What needs no world: validate, explain, and plans from a file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import ROOT, Run, observed, spec


def test_validate_lists_every_mistake(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(spec().replace("region", "regoin"))
    (tmp_path / "b.yaml").write_text(spec("UPPER", "  mode: sometimes\n"))
    done = trueup("validate", "a.yaml", "b.yaml")
    assert done.returncode == 65 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("a.yaml:5:9: spec.aws.regoin: ")
    assert [line.split(": ")[0:2] for line in lines[1:]] == [["b.yaml:3:18", "metadata.name"], ["b.yaml:6:9", "spec.mode"]]
    document = json.loads(trueup("validate", "a.yaml", "b.yaml", "-o", "json").stdout)
    assert document["valid"] is False
    assert [(issue["file"], issue["line"], issue["column"], issue["path"]) for issue in document["issues"]] == [
        ("a.yaml", 5, 9, "spec.aws.regoin"), ("b.yaml", 3, 18, "metadata.name"), ("b.yaml", 6, 9, "spec.mode")]


def test_validate_knows_the_groups_of_the_application(trueup: Run, tmp_path: Path) -> None:
    groups = "  users: {pool: eu-west-3_A, groups: {Admin: {members: [a]}, CreatingBotAllowd: {members: [a]}}}\n"
    done = trueup("validate", "-", text=spec(body=groups))
    assert done.returncode == 0
    assert done.stderr.count("Bedrock Chat reads") == done.stderr.count("-: spec.users.groups.CreatingBotAllowd: ") == 1


def test_validate_says_what_is_valid(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/a.yaml").write_text(spec("a"))
    (tmp_path / "specs/b.yml").write_text(spec("b"))
    expected = "specs/a.yaml: a is valid\nspecs/b.yml: b is valid\n"
    assert trueup("validate").stdout == trueup("validate", "specs").stdout == expected
    assert trueup("validate", "-", text=spec("c")).stdout == "-: c is valid\n"
    assert trueup("validate", "-q").stdout == ""
    (tmp_path / "specs").rename(tmp_path / "elsewhere")
    assert trueup("validate").returncode == 65
    assert trueup("validate", TRUEUP_SPECS="elsewhere").returncode == 0
    assert json.loads(trueup("validate", "elsewhere", "-o", "json").stdout)["specs"][1]["name"] == "b"


def test_validate_reads_the_baseline(trueup: Run, tmp_path: Path) -> None:
    body = "  vectors: {counts: {file: base.yaml}, connect: {host: db.example.com, secret: s}}\n"
    (tmp_path / "spec.yaml").write_text(spec(body=body))
    early = trueup("validate", "spec.yaml")
    assert (early.returncode, early.stdout) == (0, "spec.yaml: production is valid\n")
    assert "there is no baseline base.yaml yet; `trueup capture spec.yaml` writes it" in early.stderr
    assert trueup("validate", "-q", "spec.yaml").stderr == ""
    (tmp_path / "base.yaml").write_text("apiVersion: trueup/v1\nkind: VectorBaseline\nbots: {}\n")
    done = trueup("validate", "spec.yaml")
    assert done.returncode == 65
    assert "spec.vectors.counts.file: base.yaml:" in done.stdout


@pytest.mark.parametrize("command", ["plan", "apply", "capture", "observe", "explain --iam observe"])
def test_an_invalid_spec_stops_all(trueup: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "good.yaml").write_text(spec("good"))
    (tmp_path / "bad.yaml").write_text(spec("bad", "  mode: sometimes\n"))
    done = trueup(*command.split(), "good.yaml", "bad.yaml")
    assert done.returncode == 65
    assert done.stdout == ""
    assert done.stderr.startswith("bad.yaml:6:9: spec.mode: ")


def test_explain_and_schema(trueup: Run) -> None:
    done = trueup("explain", "spec.vectors.restore")
    assert done.returncode == 0 and "How missing rows come back." in done.stdout
    assert trueup("explain", "vectors.restore").stdout == done.stdout
    schema = json.loads(trueup("explain", "--schema").stdout)
    assert "spec" in schema["properties"] or "$defs" in schema


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda path: path.name)
def test_policies(trueup: Run, path: Path) -> None:
    granted = {}
    for mode in ("observe", "enforce"):
        policy = json.loads(trueup("explain", "--iam", mode, str(path)).stdout)
        assert policy["Version"] == "2012-10-17"
        assert [name for name in policy["Statement"][0]] == ["Sid", "Effect", "Action", "Resource"]
        resources = [statement["Resource"] for statement in policy["Statement"]]
        assert resources == sorted(resources)
        sids = [statement["Sid"] for statement in policy["Statement"]]
        assert len(sids) == len(set(sids)) and all(re.fullmatch("(Read|Use|Change)[A-Za-z0-9]+", sid) for sid in sids)
        for statement in policy["Statement"]:
            assert statement["Effect"] == "Allow"
            assert statement["Action"] == sorted(set(statement["Action"]))
        pairs = [(action, statement["Resource"]) for statement in policy["Statement"] for action in statement["Action"]]
        everywhere = {action for action, resource in pairs if resource == "*"}
        assert not [pair for pair in pairs if pair[0] in everywhere and pair[1] != "*"]
        granted[mode] = set(pairs)
    assert granted["observe"] <= granted["enforce"]
    assert ("sts:GetCallerIdentity", "*") in granted["observe"]


@pytest.mark.parametrize("word", ["", "  allow: [remove-published-apis]\n"])
def test_nothing_may_delete_an_api_without_the_word(trueup: Run, tmp_path: Path, word: str) -> None:
    (tmp_path / "spec.yaml").write_text(
        "apiVersion: trueup/v1\nkind: BedrockChat\nmetadata: {name: chat}\nspec:\n"
        "  aws: {region: eu-west-3, account: \"123456789012\", stack: BedrockChatStack}\n"
        "  cluster: {encrypted: true, replace: manual}\n" + word)
    policy = json.loads(trueup("explain", "--iam", "enforce", "spec.yaml").stdout)
    granted = {(action, statement["Resource"]) for statement in policy["Statement"] for action in statement["Action"]}
    # API Gateway's ARNs have no account, and whoever may read all of it may read the values of keys.
    assert [resource for action, resource in granted if action == "apigateway:GET"] == [
        "arn:aws:apigateway:eu-west-3::/usageplans/*"]
    stacks = "arn:aws:cloudformation:eu-west-3:123456789012:stack/ApiPublishmentStack*/*"
    deletions = {("apigateway:DELETE", "arn:aws:apigateway:eu-west-3::/apikeys/*"), ("cloudformation:DeleteStack", stacks)}
    found = {pair for pair in granted if "delete" in pair[0].lower() and not pair[0].startswith("rds:")}
    assert found == (deletions if word else set())


@pytest.mark.parametrize(("via", "starts", "never"), [
    ("queue", {"dynamodb:UpdateItem"}, {"ecs:RunTask", "iam:PassRole"}),
    ("task", {"ecs:RunTask", "iam:PassRole"}, set())])
def test_policies_of_embedding(trueup: Run, tmp_path: Path, via: str, starts: set[str], never: set[str]) -> None:
    text = (ROOT / "specs/embed-again.yaml").read_text().replace("via: queue", f"via: {via}")
    (tmp_path / "embed.yaml").write_text(text)
    (tmp_path / "baselines").mkdir()
    granted = {}
    for mode in ("observe", "enforce"):
        policy = json.loads(trueup("explain", "--iam", mode, "embed.yaml").stdout)
        granted[mode] = {action: statement["Resource"] for statement in policy["Statement"]
                         for action in statement["Action"]}
    assert {"ecs:DescribeTaskDefinition", "dynamodb:Scan"} <= granted["observe"].keys()
    assert not {"ecs:ListTasks", *starts, *never} & granted["observe"].keys()
    assert {"ecs:ListTasks", "ecs:DescribeTasks", *starts} <= granted["enforce"].keys()
    assert not never & granted["enforce"].keys()
    if "iam:PassRole" in starts:
        assert granted["enforce"]["iam:PassRole"] == "arn:aws:iam::123456789012:role/BedrockChatStack*"
    (tmp_path / "embed.yaml").write_text(text.replace("  allow: [run-embedding-tasks]\n", ""))
    without = json.loads(trueup("explain", "--iam", "enforce", "embed.yaml").stdout)
    assert not starts & {action for statement in without["Statement"] for action in statement["Action"]}


@pytest.mark.parametrize(("vectors", "may"), [
    ("counts: {file: base.yaml}", {"rds:DeleteDBCluster", "rds:DeleteDBInstance"}),  # left of an earlier spec
    ("counts: {file: base.yaml}, restore: {from: {snapshot: auto}}",
     {"rds:DeleteDBCluster", "rds:DeleteDBInstance", "rds:ModifyDBCluster"}),
    ("schema: present", set()),  # nothing tells that no row is missing
    ("counts: {file: base.yaml}, connect: {host: db.example.com, secret: s}", set())])
def test_only_temporary_clusters_may_be_deleted(trueup: Run, tmp_path: Path, vectors: str, may: set[str]) -> None:
    text = spec("chat", f"  vectors: {{{vectors}}}\n").replace("eu-west-3}", "eu-west-3, stack: BedrockChatStack}")
    (tmp_path / "spec.yaml").write_text(text)
    for mode, wanted in (("observe", set()), ("enforce", may)):
        statements = json.loads(trueup("explain", "--iam", mode, "spec.yaml").stdout)["Statement"]
        found = [statement for statement in statements if re.search("(Delete|Modify)DB", str(statement["Action"]))]
        assert {action for statement in found for action in statement["Action"]} == wanted
        for statement in found:
            assert re.fullmatch(r"arn:aws:rds:[^:]*:[^:]*:(cluster|db):trueup-source-chat-\*", statement["Resource"])
            assert statement["Condition"] == {"StringEquals": {"aws:ResourceTag/trueup:deployment": "chat"}}


def test_the_command_s_own_permissions_are_a_matter_of_a_note(trueup: Run) -> None:
    path = str(ROOT / "specs/migrate-with-deploy.yaml")
    done = trueup("explain", "--iam", "enforce", path)
    assert json.loads(done.stdout) and "by-deployment: the policy does not hold what the command" in done.stderr
    assert trueup("explain", "--iam", "observe", path).stderr == ""
    assert trueup("explain", "--iam", "enforce", str(ROOT / "specs/migrate-in-place.yaml")).stderr == ""


def test_plans_come_in_the_order_of_the_specs(trueup: Run, tmp_path: Path) -> None:
    names = [f"deployment-{number}" for number in range(9)]
    for name in names:
        (tmp_path / f"{name}.yaml").write_text(spec(name))
    (tmp_path / "seen.json").write_text("".join(observed(name, *(["alice"] if name == names[3] else [])) for name in reversed(names)))
    files = [f"{name}.yaml" for name in names]
    done = trueup("plan", *files, "--observed", "seen.json", "-o", "json")
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2 and done.stderr == ""
    assert [report["name"] for report in reports] == names
    assert [report["summary"]["converged"] for report in reports] == [name == names[3] for name in names]
    assert trueup("plan", files[3], "--observed", "seen.json").returncode == 0
    markdown = trueup("plan", *files, "--observed", "seen.json", "-o", "markdown").stdout
    assert [markdown.index(name) for name in names] == sorted(markdown.index(name) for name in names)


def test_a_deployment_that_was_not_observed_does_not_stop_the_others(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(spec("a"))
    (tmp_path / "b.yaml").write_text(spec("b"))
    (tmp_path / "seen.json").write_text(observed("b", "alice"))
    done = trueup("plan", "a.yaml", "b.yaml", "--observed", "seen.json", "-o", "json")
    first, second = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert "seen.json has nothing of a" in first["error"]["message"]
    assert second["summary"]["converged"] is True


def test_a_file_that_is_nothing_observed(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(spec())
    (tmp_path / "seen.json").write_text(observed() + "nonsense\n")
    done = trueup("plan", "spec.yaml", "--observed", "seen.json")
    assert done.returncode == 65 and done.stdout == ""
    assert "seen.json:2: " in done.stderr
    assert trueup("plan", "spec.yaml", "--observed", "none.json").returncode == 1


def test_only_leaves_the_others_out(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(spec())
    (tmp_path / "seen.json").write_text(observed())
    done = trueup("plan", "spec.yaml", "--observed", "seen.json", "--only", "cluster", "-o", "json")
    assert done.returncode == 0
    resources = json.loads(done.stdout)["resources"]
    assert [(resource["kind"], resource["state"]) for resource in resources] == [("account", "in-sync"),
                                                                                 ("cluster", "skipped")]
    done = trueup("plan", "spec.yaml", "--observed", "seen.json", "--only", "users/Admin", "-o", "json")
    assert done.returncode == 2
    done = trueup("plan", "spec.yaml", "--observed", "seen.json", "--only", "users/Admin")
    assert "trueup apply spec.yaml --only users/Admin\n" in done.stdout
    done = trueup("plan", "spec.yaml", "--observed", "seen.json", "--only", "users/Typo")
    assert done.returncode == 1 and "no such resource" in done.stdout


def test_colour_only_where_it_is_wanted(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(spec())
    (tmp_path / "seen.json").write_text(observed())
    command = ["plan", "spec.yaml", "--observed", "seen.json"]
    assert "\x1b[" not in trueup(*command).stdout
    assert "\x1b[" in trueup(*command, "--color", "always", NO_COLOR="1").stdout
    assert "\x1b[" not in trueup(*command, "--color", "never").stdout
    narrow, wide = trueup(*command, COLUMNS="40").stdout, trueup(*command, COLUMNS="200").stdout
    assert len(narrow.splitlines()) > len(wide.splitlines())


def test_a_plan_is_saved_whole(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(spec())
    for members, code in (([], 2), (["alice"], 0)):
        (tmp_path / "seen.json").write_text(observed("production", *members))
        done = trueup("plan", "spec.yaml", "--observed", "seen.json", "--out", "plan.json")
        saved = json.loads((tmp_path / "plan.json").read_text())
        assert done.returncode == code
        assert saved["schema"] == "trueup/plan/v1"
        assert [deployment["name"] for deployment in saved["deployments"]] == ["production"]
    done = trueup("plan", "-", "--observed", "seen.json", "--out", "other.json", text=spec())
    assert done.returncode == 64 and not (tmp_path / "other.json").exists()
    assert done.stderr.startswith("trueup: --out: ")
    done = trueup("plan", "spec.yaml", "--observed", "seen.json", "--out", "none/plan.json")
    assert done.returncode == 1 and "none/plan.json" in done.stderr and done.stdout != ""
