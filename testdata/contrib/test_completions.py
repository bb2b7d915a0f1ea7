"""What bash, zsh and fish themselves complete a line to, with contrib/completions."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COMPLETIONS = ROOT / "contrib/completions"
TRUEUP = Path(os.environ.get("TRUEUP", ROOT / ".build-asan/agent/trueup"))

KINDS = {"account", "cluster", "apis", "rotation", "vectors", "users", "bots"}
LINES = {
    "trueup v": {"validate", "version"},
    "trueup help pl": {"plan"},
    "trueup plan --ob": {"--observed"},
    "trueup -v apply --y": {"--yes"},
    "trueup plan -o ": {"text", "json", "markdown"},
    "trueup observe --color a": {"auto", "always"},
    "trueup explain --man trueup-": {"trueup-agent", "trueup-spec"},
    "trueup explain --iam ": {"observe", "enforce"},
    "trueup plan --only ": KINDS,
    "trueup plan production": {"production.yaml"},
    "trueup explain spec.cl": {"spec.cluster"},
    "trueup explain spec.cluster.enc": {"spec.cluster.encrypted"},
    "trueup explain me": {"metadata"},
}


def answers(folder: Path, *command: str | Path) -> list[set[str]]:
    """What a shell said: a completion a line, an empty line behind those of each of LINES."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd=folder,
                          env={**os.environ, "PATH": f"{TRUEUP.parent}:{os.environ['PATH']}", "HOME": str(folder)},
                          timeout=120)
    assert done.returncode == 0, done.stderr
    return [{line.split("\t")[0] for line in answer.splitlines()} for answer in done.stdout.split("\n\n")[:-1]]


def bash(folder: Path) -> list[set[str]]:
    script = f"""source {COMPLETIONS}/trueup.bash
for line; do
    IFS=' ' read -r -a COMP_WORDS <<<"$line"; case $line in *' ') COMP_WORDS+=('') ;; esac
    COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _trueup && printf '%s\\n' "${{COMPREPLY[@]}}" ''
done"""
    return answers(folder, "bash", "-c", script, "bash", *LINES)


def zsh(folder: Path) -> list[set[str]]:
    return answers(folder, "zsh", "-f", HERE / "complete.zsh", COMPLETIONS, *LINES)


def fish(folder: Path) -> list[set[str]]:
    return answers(folder, "fish", "--no-config", "-c", f"""source {COMPLETIONS}/trueup.fish
for line in $argv
    complete -C $line
    echo
end""", *LINES)


@pytest.mark.parametrize("shell", [bash, zsh, fish], ids=lambda shell: shell.__name__)
def test_a_shell_completes(shell: Callable[[Path], list[set[str]]], tmp_path: Path) -> None:
    (tmp_path / "production.yaml").touch()
    assert dict(zip(LINES, shell(tmp_path), strict=True)) == LINES
