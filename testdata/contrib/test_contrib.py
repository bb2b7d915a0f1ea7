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
BUILD = TRUEUP.parents[1]
PREFIX = "usr/local"
UNITS = ["trueup-agent.service", "trueup@.service", "trueup@.timer"]


def run(*command: str | Path, code: int = 0) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of what `meson install` brings."""
    root = tmp_path_factory.mktemp("installed")
    done = subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet"], check=False,
                          env={**os.environ, "DESTDIR": str(root)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def unit(installed: Path, name: str) -> str:
    return (installed / PREFIX / "lib/systemd/system" / name).read_text()


@pytest.fixture
def units(installed: Path, tmp_path: Path) -> Path:
    """The units, of a program that is there."""
    for name in UNITS:
        text = unit(installed, name)
        (tmp_path / name).write_text(text.replace(f"/{PREFIX}/bin/trueup", str(shutil.which("true"))))
    return tmp_path


def test_units_are_sound_and_hardened(units: Path) -> None:
    # The instance of a template by its own name; the timer finds its service beside it.
    instance = units / "trueup@production.service"
    instance.write_text((units / "trueup@.service").read_text())
    assert run("systemd-analyze", "verify", units / UNITS[0], instance, units / UNITS[2]) == ""
    for name in (UNITS[0], instance.name):
        run("systemd-analyze", "security", "--offline=true", "--threshold=15", units / name)


def test_a_unit_lets_the_deployment_run(installed: Path, units: Path) -> None:
    """cdk is node's, whose pages are written and then run; where it writes, a drop-in has to say."""
    for name in UNITS[:2]:
        assert "\nMemoryDenyWriteExecute=" not in unit(installed, name)
    text = (installed / PREFIX / "share/doc/trueup/examples/systemd/deploy.conf").read_text()
    (units / f"{UNITS[0]}.d").mkdir()
    (units / f"{UNITS[0]}.d/deploy.conf").write_text(re.sub(r"^#(?=\w+=)", "", text, flags=re.MULTILINE))
    assert run("systemd-analyze", "verify", units / UNITS[0]) == ""


def test_units_call_what_was_installed(installed: Path) -> None:
    for name in UNITS[:2]:
        (line,) = re.findall(r"^ExecStart=(.*)$", unit(installed, name), re.MULTILINE)
        program, command, *_ = line.split()
        told = run(installed / program.lstrip("/"), "help", command)
        for option in re.findall(r"--[a-z-]+", line):
            assert option in told, (name, option)


def test_systemd_makes_the_user_and_its_directory(installed: Path, tmp_path: Path) -> None:
    for path in ("lib/sysusers.d", "lib/tmpfiles.d"):
        shutil.copytree(installed / PREFIX / path, tmp_path / "usr" / path)
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}")
    (line,) = (tmp_path / "etc/passwd").read_text().splitlines()
    name, _, uid, _, _, home, shell = line.split(":")
    for text in (unit(installed, each) for each in UNITS[:2]):
        assert f"\nUser={name}\nGroup={name}\nStateDirectory=trueup\n" in text
    assert (name, home, shell) == ("trueup", "/var/lib/trueup", "/usr/sbin/nologin") and int(uid) > 0
    (tmp_path / "var/lib").mkdir(parents=True)
    root = os.geteuid() == 0  # nobody else can give it to another user: 73
    run("systemd-tmpfiles", "--create", f"--root={tmp_path}", "--prefix=/var/lib/trueup", code=0 if root else 73)
    state = (tmp_path / "var/lib/trueup").stat()
    assert state.st_mode & 0o7777 == 0o700 and (state.st_uid == int(uid) or not root)


def test_the_example_configuration_is_valid() -> None:
    run(TRUEUP, "agent", "--next", "1", CONTRIB / "agent.yaml")


def test_alerts() -> None:
    """promtool's own tests of the rules. testdata/agent/test_dashboard.py: the agent has every metric of theirs."""
    run("promtool", "check", "rules", CONTRIB / "prometheus/trueup.rules.yaml")
    run("promtool", "test", "rules", CONTRIB / "prometheus/trueup.test.yaml")


def pods(document: dict[str, Any]) -> list[dict[str, Any]]:
    if document["kind"] == "Deployment":
        return [document["spec"]["template"]["spec"]]
    if document["kind"] == "CronJob":
        return [document["spec"]["jobTemplate"]["spec"]["template"]["spec"]]
    return []


@pytest.mark.parametrize("name", ["agent.yaml", "cronjob.yaml"])
def test_a_manifest_stands_alone(name: str) -> None:
    """What its pod names is in the same file; for secrets, the command that makes them."""
    text = (CONTRIB / "kubernetes" / name).read_text()
    documents = list(yaml.safe_load_all(text))
    there = {(one["kind"], one["metadata"]["name"]) for one in documents}
    (pod,) = (pod for document in documents for pod in pods(document))
    assert ("ServiceAccount", pod["serviceAccountName"]) in there
    for volume in pod["volumes"]:
        if "secret" in volume:
            assert re.search(rf"kubectl create secret \S+ {volume['secret']['secretName']} --", text), volume
        elif "configMap" in volume:
            assert ("ConfigMap", volume["configMap"]["name"]) in there
        elif "persistentVolumeClaim" in volume:
            assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in there
        else:
            assert "emptyDir" in volume


def test_the_service_finds_the_agent() -> None:
    """By its labels, and at a port that it has."""
    documents = {one["kind"]: one for one in yaml.safe_load_all((CONTRIB / "kubernetes/agent.yaml").read_text())}
    service, template = documents["Service"]["spec"], documents["Deployment"]["spec"]["template"]
    assert service["selector"].items() <= template["metadata"]["labels"].items()
    (container,) = template["spec"]["containers"]
    assert {port["targetPort"] for port in service["ports"]} <= {port["name"] for port in container["ports"]}


def test_the_image_has_what_the_agent_runs() -> None:
    """What the Debian package recommends is there as well, and somebody to wait for orphans."""
    control = (CONTRIB / "debian/control").read_text()
    (recommended,) = re.findall(r"^Recommends: (.*)$", control, re.MULTILINE)
    _, _, image = (CONTRIB / "Dockerfile").read_text().partition("\nFROM debian:12-slim\n")
    packages = image.split()
    wanted = set(recommended.split(", ")) - {"python3"}  # of CI's scripts
    assert {"git", "gnupg", "openssh-client"} <= wanted and wanted <= set(packages)
    assert "tini" in packages and 'ENTRYPOINT ["/usr/bin/tini", "--", "/usr/bin/trueup"]' in image


def mounted(config: dict[str, Any], folder: Path) -> Path:
    """A ConfigMap as Kubernetes mounts it: each file a link through ..data."""
    (folder / "..2026").mkdir(parents=True)
    (folder / "..data").symlink_to("..2026")
    for name, text in config["data"].items():
        (folder / "..2026" / name).write_text(text)
        (folder / name).symlink_to(f"..data/{name}")
    return folder


def test_pods_may_do_nothing_but_their_work(tmp_path: Path) -> None:
    documents = [one for file in sorted((CONTRIB / "kubernetes").glob("*.yaml"))
                 for one in yaml.safe_load_all(file.read_text())]
    assert {one["kind"] for one in documents} == {"ConfigMap", "CronJob", "Deployment", "PersistentVolumeClaim",
                                                  "Service", "ServiceAccount"}
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
    config, specs = (one for one in documents if one["kind"] == "ConfigMap")
    run(TRUEUP, "agent", "--next", "1", mounted(config, tmp_path / "etc") / "agent.yaml")
    run(TRUEUP, "validate", mounted(specs, tmp_path / "specs"))


def test_the_image_is_built_of_what_setup_installs() -> None:
    """The same development packages; nobody's root; nothing of a registry but Debian's own image."""
    text = (CONTRIB / "Dockerfile").read_text()
    wanted = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert wanted == ["debian:12-slim", "debian:12-slim"] and re.search(r"^USER [1-9]", text, re.MULTILINE)
    setup = (CONTRIB / "setup").read_text()
    packages = set(re.findall(r"\b(lib[a-z0-9+-]+-dev)\b", setup))
    assert packages and packages <= set(re.findall(r"\b(lib[a-z0-9+-]+-dev)\b", text))


def test_the_image_has_every_library_of_the_program() -> None:
    """By the packages that own them here; a sanitizer's runtime aside."""
    needed = re.findall(r"\(NEEDED\).*\[(?!lib[a-z]*san)(.*)\]", run("readelf", "--dynamic", "--wide", TRUEUP))
    owners = {re.split("[:,]", run("dpkg", "-S", f"*/{name}"))[0] for name in needed} - {"libc6", "libgcc-s1"}
    runtime = (CONTRIB / "Dockerfile").read_text().rsplit("FROM ", 1)[1].split()
    assert len(owners) > 5 and owners <= set(runtime)


def cron_commands(installed: Path) -> list[str]:
    text = (installed / PREFIX / "share/doc/trueup/examples/crontab").read_text()
    return [line.split(maxsplit=6)[6] for line in text.splitlines() if re.match(r"[0-9*]", line)]


def test_cron_lines_call_what_was_installed(installed: Path) -> None:
    for line in cron_commands(installed):
        program, command, *_ = line.split()
        told = run(installed / program.lstrip("/"), "help", command)
        assert all(word in told for word in re.findall(r"(?<= )--?[a-z-]+", line)), line


@pytest.mark.parametrize(("case", "code"), [("everything-in-sync", 0), ("everything-drifts", 2), ("missing", 65)])
def test_cron_mails_drift_and_failure_only(installed: Path, case: str, code: int) -> None:
    """The nightly line as cron runs it, but for where its program and specs are."""
    (line,) = (line for line in cron_commands(installed) if " plan " in line)
    folder = ROOT / "testdata/plan" / case
    line = line.replace(f"/{PREFIX}", str(installed / PREFIX))
    line = line.replace("/etc/trueup/specs", f"--observed {folder}/observed.json {folder}/spec.yaml")
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, bool(done.stdout + done.stderr)) == (code, code != 0), done.stdout + done.stderr


def test_it_installs(installed: Path) -> None:
    """All of it where distributions expect it, and what was installed runs."""
    files = {path.relative_to(installed / PREFIX).as_posix() for path in installed.rglob("*") if path.is_file()}
    assert {"bin/trueup", "share/trueup/trueup.schema.json", "share/doc/trueup/examples/agent.yaml",
            "share/trueup/grafana/trueup.json", "share/trueup/prometheus/trueup.rules.yaml",
            "share/trueup/github/action.yml", "share/trueup/gitlab/trueup.gitlab-ci.yml",
            "lib/sysusers.d/trueup.conf", "lib/tmpfiles.d/trueup.conf", "share/man/man1/trueup.1",
            "share/man/man5/trueup-spec.5", "share/man/man8/trueup-agent.8", "share/bash-completion/completions/trueup",
            "share/zsh/site-functions/_trueup", "share/fish/vendor_completions.d/trueup.fish"} <= files
    assert {f"lib/systemd/system/{name}" for name in UNITS} <= files
    assert run(installed / PREFIX / "bin/trueup", "version").startswith("trueup ")


def test_scripts_are_clean() -> None:
    scripts = [file for file in CONTRIB.iterdir() if file.is_file() and file.read_bytes().startswith(b"#!/bin/bash")]
    assert {"setup", "check", "quickstart"} <= {file.name for file in scripts}
    assert run("shellcheck", "--exclude=SC1091", *scripts, CONTRIB / "completions/trueup.bash", "--shell=bash") == ""
