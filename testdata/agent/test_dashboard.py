"""The dashboard and the alerts name what the agent serves, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from agent import Agent, wait_until
from harness import Program, Sandbox, creators, group_of
from test_daemon import specify
from test_http import Client

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"
BOARD = json.loads((CONTRIB / "grafana/trueup.json").read_text())
SCRAPED = {"instance", "job"}  # labels that Prometheus gives to whatever it reads
ROWS = {"trueup_vector_rows_expected", "trueup_vector_rows_present"}  # only of deployments that manage vectors
WIDTH = 24


def targets() -> list[dict[str, Any]]:
    return [target for panel in BOARD["panels"] for target in panel["targets"]]


def alerts() -> list[str]:
    rules = yaml.safe_load((CONTRIB / "prometheus/trueup.rules.yaml").read_text())
    return [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def served(text: str) -> dict[str, set[str]]:
    """The labels of each metric of /metrics; a histogram's under each of its three names."""
    found = {name: set[str]() for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
             if kind != "histogram"}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    for name in ROWS:
        found[name] |= {"deployment"}
    return found


def check(expression: str, legend: str, metrics: dict[str, set[str]]) -> None:
    bare = re.sub(r'"[^"]*"', '""', expression)
    names = set(re.findall(r"\b(?:trueup|process)_\w+", bare))
    assert names and names <= metrics.keys(), expression
    labels = {label for inner in re.findall(r"\{(.*?)\}", bare) for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inner)}
    labels |= {label for inner in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", bare)
               for label in re.findall(r"\w+", inner)}
    labels |= set(re.findall(r"\{\{(\w+)\}\}", legend))
    assert labels <= SCRAPED.union(*(metrics[name] for name in names)), (expression, labels)


def test_each_metric_and_label_is_served(program: Program, shared: Sandbox, launch: Callable[..., Agent]) -> None:
    specify(program, "one", users=group_of(creators(shared, 1)))
    agent = launch(program, schedule={"every": "1h"}, listen={"address": "127.0.0.1:0"},
                   notify={"nobody": {"command": ["true"]}})
    client = Client(agent)
    wait_until(lambda: 'trueup_deployment_in_sync{deployment="one"} 1' in client.ask("/metrics")[2])
    metrics = served(client.ask("/metrics")[2])
    assert all(metrics[name] for name in metrics if "deployment" in name), "each has a sample, and so its labels"
    for target in targets():
        check(target["expr"], target["legendFormat"], metrics)
    for expression in alerts():
        check(expression, "", metrics)
    asked = json.dumps(BOARD["templating"])
    assert set(re.findall(r"label_values\((\w+), (\w+)\)", asked)) == {("trueup_deployment_running", "deployment")}
    # What is served and shown nowhere would be served for nobody.
    shown = " ".join([target["expr"] for target in targets()] + alerts())
    assert {name for name in metrics if name.startswith("trueup_")} - set(re.findall(r"\w+", shown)) == set()


def test_prometheus_can_read_each_expression(tmp_path: Path) -> None:
    expressions = [target["expr"].replace("$deployment", "a|b") for target in targets()]
    assert not any("$" in expression for expression in expressions), "a variable that this test does not know"
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(tmp_path / "rules.yaml")], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_stand_beside_each_other() -> None:
    panels = BOARD["panels"]
    assert BOARD["schemaVersion"] >= 36 and "id" not in BOARD, "an id is given by whichever Grafana imports it"
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert cells and not cells & taken and at["x"] + at["w"] <= WIDTH, panel["title"]
        taken |= cells
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for part in [*panels, *targets()]:
        assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert {variable["name"] for variable in BOARD["templating"]["list"]} == {"datasource", "deployment"}
