"""What contrib/ offers to run trueup with: as far as it can be checked without a machine of that kind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONTRIB = ROOT / "contrib"
TRUEUP = Path(os.environ.get("TRUEUP", ROOT / ".build-asan/agent/trueup"))
UNITS = ["trueup-agent.service", "trueup@.service", "trueup@.timer"]


def run(*command: str | Path, code: int = 0) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, of a program that is there."""
    for name in UNITS:
        text = (CONTRIB / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/bin/trueup", str(shutil.which("true"))))
    return tmp_path


def test_units_are_sound_and_hardened(units: Path) -> None:
    # The instance of a template by its own name; the timer finds its service beside it.
    instance = units / "trueup@production.service"
    instance.write_text((units / "trueup@.service").read_text())
    assert run("systemd-analyze", "verify", units / UNITS[0], instance, units / UNITS[2]) == ""
    for name in (UNITS[0], instance.name):
        run("systemd-analyze", "security", "--offline=true", "--threshold=15", units / name)


def test_units_call_what_the_program_has() -> None:
    for name in UNITS[:2]:
        (line,) = re.findall(r"^ExecStart=/usr/bin/(.*)$", (CONTRIB / "systemd" / name).read_text(), re.MULTILINE)
        command = line.split()[1]
        told = run(TRUEUP, "help", command)
        for option in re.findall(r"--[a-z-]+", line):
            assert option in told, (name, option)


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    told = run(TRUEUP, "agent", "--next", "1", CONTRIB / "agent.yaml")
    assert "not in this version" not in told


def test_alerts() -> None:
    """promtool's own tests of the rules; and the agent has every metric that they are made of."""
    run("promtool", "check", "rules", CONTRIB / "prometheus/trueup.rules.yaml")
    run("promtool", "test", "rules", CONTRIB / "prometheus/trueup.test.yaml")
    rules = (CONTRIB / "prometheus/trueup.rules.yaml").read_text()
    served = (ROOT / "agent/daemon/metrics.c").read_text()
    for metric in set(re.findall(r"\btrueup_[a-z_]+", rules)):
        assert f'"{metric}"' in served, metric


def pods(document: dict[str, Any]) -> list[dict[str, Any]]:
    if document["kind"] == "Deployment":
        return [document["spec"]["template"]["spec"]]
    if document["kind"] == "CronJob":
        return [document["spec"]["jobTemplate"]["spec"]["template"]["spec"]]
    return []


def test_pods_may_do_nothing_but_their_work(tmp_path: Path) -> None:
    documents = [one for file in sorted((CONTRIB / "kubernetes").glob("*.yaml"))
                 for one in yaml.safe_load_all(file.read_text())]
    assert sorted(one["kind"] for one in documents) == ["ConfigMap", "CronJob", "Deployment",
                                                        "PersistentVolumeClaim", "ServiceAccount"]
    for pod in [pod for document in documents for pod in pods(document)]:
        assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                "capabilities": {"drop": ["ALL"]}}
        assert {mount["name"] for mount in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
        command = container["args"][0]
        told = run(TRUEUP, "help", command)
        assert all(word in told for word in container["args"] if word.startswith("--"))
    (config,) = (one for one in documents if one["kind"] == "ConfigMap")
    (tmp_path / "agent.yaml").write_text(config["data"]["agent.yaml"])
    run(TRUEUP, "agent", "--next", "1", tmp_path / "agent.yaml")


def test_the_image_is_built_of_what_setup_installs() -> None:
    """The same development packages; nobody's root; nothing of a registry but Debian's own image."""
    text = (CONTRIB / "Dockerfile").read_text()
    wanted = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert wanted == ["debian:12-slim", "debian:12-slim"] and re.search(r"^USER [1-9]", text, re.MULTILINE)
    setup = (CONTRIB / "setup").read_text()
    packages = set(re.findall(r"\b(lib[a-z0-9+-]+-dev)\b", setup))
    assert packages and packages <= set(re.findall(r"\b(lib[a-z0-9+-]+-dev)\b", text))


def test_cron_lines() -> None:
    lines = [line for line in (CONTRIB / "crontab").read_text().splitlines() if line and line[0] not in "#T"]
    for line in lines:
        command = line.split(maxsplit=6)[6]
        told = run(TRUEUP, "help", command.split()[1])
        assert all(word in told for word in re.findall(r"(?<= )--?[a-z-]+", command)), line


def test_it_installs(tmp_path: Path) -> None:
    """All of it where distributions expect it, and what was installed runs."""
    build = TRUEUP.parents[1]
    done = subprocess.run(["meson", "install", "-C", str(build), "--no-rebuild", "--quiet"], check=False,
                          env={**os.environ, "DESTDIR": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    prefix = "usr/local"
    assert {f"{prefix}/bin/trueup", f"{prefix}/share/trueup/trueup.schema.json",
            f"{prefix}/share/doc/trueup/examples/agent.yaml"} <= files
    assert {f"{prefix}/lib/systemd/system/{name}" for name in UNITS} <= files
    assert run(tmp_path / prefix / "bin/trueup", "version").startswith("trueup ")


@pytest.mark.parametrize(("line", "expected"), [
    ("trueup v", {"validate", "version"}),
    ("trueup help pl", {"plan"}),
    ("trueup plan --ob", {"--observed"}),
    ("trueup -v apply --y", {"--yes"}),
    ("trueup plan -o ", {"text", "json", "markdown"}),
    ("trueup plan --only ", {"account", "cluster", "apis", "rotation", "vectors", "users", "bots"}),
])
def test_bash_completes(line: str, expected: set[str]) -> None:
    words = line.split(" ")
    script = f"""source {CONTRIB}/completions/trueup.bash
COMP_WORDS=({' '.join(f"'{word}'" for word in words)}) COMP_CWORD={len(words) - 1}
_trueup && printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False,
                          env={**os.environ, "PATH": f"{TRUEUP.parent}:{os.environ['PATH']}"})
    assert set(done.stdout.split()) == expected, done.stderr


def test_scripts_are_clean() -> None:
    scripts = [file for file in CONTRIB.iterdir() if file.is_file() and file.read_bytes().startswith(b"#!/bin/bash")]
    assert {"setup", "check", "quickstart"} <= {file.name for file in scripts}
    assert run("shellcheck", "--exclude=SC1091", *scripts, CONTRIB / "completions/trueup.bash", "--shell=bash") == ""
