"""What the command line takes, and what is said and returned where it is wrong."""

from __future__ import annotations

import resource
import subprocess
import time
from pathlib import Path

import pytest
from conftest import ENVIRONMENT, TRUEUP, Run, observed, spec

COMMANDS = ["validate", "plan", "apply", "capture", "observe", "doctor", "agent", "explain", "version", "help"]

WRONG = {
    "": "which command?",
    "frobnicate": "there is no command frobnicate",
    "pla": "did you mean plan?",
    "doctor --user": "--user needs a value: WHO",
    "plan --user x": "trueup plan takes no --user",
    "help frobnicate": "there is no command frobnicate",
    "help plan apply": "help takes one command",
    "plan --obsrved x": "unknown option --obsrved; did you mean --observed?",
    "plan --yes": "trueup plan takes no --yes",
    "plan -x": "unknown option -x",
    "plan -o": "-o needs a value: FORMAT",
    "plan -o yaml": "yaml is not text, json or markdown",
    "plan --only bot": "there is no kind bot",
    "apply --wait soon": "soon is not a duration",
    "apply --observed x": "trueup apply takes no --observed",
    "validate -o markdown": "trueup validate has no markdown output",
    "plan --version": "trueup plan takes no --version",
    "explain a b": "explain takes one field",
    "explain --schema --iam observe": "explain takes one of --schema, --iam and --man",
    "explain --schema spec": "explain --schema takes no argument",
    "explain spec.vectrs": "vectors",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage(trueup: Run, line: str) -> None:
    done = trueup(*line.split())
    assert done.returncode == 64
    assert done.stdout == ""
    assert done.stderr.startswith("trueup: ") and done.stderr.count("\n") == 1
    assert WRONG[line] in done.stderr


def test_help_is_the_same_however_it_is_asked_for(trueup: Run) -> None:
    overview = trueup("help")
    assert overview.returncode == 0
    assert trueup("--help").stdout == trueup("-h").stdout == overview.stdout
    for command in COMMANDS:
        done = trueup("help", command)
        assert done.returncode == 0 and done.stderr == ""
        assert done.stdout == trueup(command, "--help").stdout == trueup("-h", command).stdout
        assert f"  {command} " in overview.stdout


def test_version_names_the_libraries(trueup: Run) -> None:
    text, document = trueup("version"), trueup("version", "-o", "json")
    assert text.returncode == document.returncode == 0
    assert trueup("--version").stdout == text.stdout
    for name in ("libpq", "libcurl", "openssl", "libyaml", "jansson", "expat"):
        assert f"\n{name} " in text.stdout
        assert f'"{name}":"' in document.stdout


@pytest.mark.parametrize("arguments", [["help"], ["version"], ["explain", "--schema"], ["plan", "--observed", "seen.json", "spec.yaml"]])
def test_lost_output_is_no_success(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "spec.yaml").write_text(spec())
    (tmp_path / "seen.json").write_text(observed("production", "alice"))
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([TRUEUP, *arguments], cwd=tmp_path, env=ENVIRONMENT, check=False, stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert "cannot write to standard output" in done.stderr


def test_a_reader_that_has_gone_is_an_error(tmp_path: Path) -> None:
    with subprocess.Popen([TRUEUP, "explain", "--schema"], env=ENVIRONMENT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert "Broken pipe" in process.stderr.read()
        assert process.wait(timeout=60) == 1


def test_closed_output_is_an_error(tmp_path: Path) -> None:
    done = subprocess.run(["sh", "-c", '"$0" version >&-', str(TRUEUP)], env=ENVIRONMENT, check=False,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "cannot write to standard output" in done.stderr


def core_limit(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8").splitlines()
    return next(line.split()[4:6] for line in lines if line.startswith("Max core file size"))


def test_it_leaves_no_core_file() -> None:
    """Seen while it waits for a spec on standard input."""
    until = time.monotonic() + 30
    with subprocess.Popen([TRUEUP, "validate", "-"], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          preexec_fn=allow_core_files, text=True) as process:
        while core_limit(process.pid) != ["0", "0"] and time.monotonic() < until:
            time.sleep(0.05)
        assert core_limit(process.pid) == ["0", "0"]
        process.communicate(spec(), timeout=60)
        assert process.returncode == 0


def allow_core_files() -> None:
    """So that it is the program that forbids them."""
    resource.setrlimit(resource.RLIMIT_CORE, (4096, 4096))


@pytest.mark.parametrize("arguments", [("history",), ("history", "--verify")], ids=" ".join)
def test_history_that_cannot_be_read_is_no_empty_one(trueup: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "state").mkdir()
    assert trueup(*arguments).returncode == 0
    (tmp_path / "state/audit").touch()  # cannot be opened, by root neither
    result = trueup(*arguments)
    assert result.returncode == 1
    assert "state/audit: Not a directory" in result.stderr and "nothing was done yet" not in result.stderr
