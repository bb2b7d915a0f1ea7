"""The manual pages, by what reads them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRUEUP = Path(os.environ.get("TRUEUP", ROOT / ".build-asan/agent/trueup"))
PAGES = {"trueup.1": "NAME SYNOPSIS DESCRIPTION COMMANDS OPTIONS EXIT_STATUS ENVIRONMENT FILES EXAMPLES SEE_ALSO",
         "trueup-agent.8": "NAME SYNOPSIS DESCRIPTION OPTIONS CONFIGURATION EXIT_STATUS ENVIRONMENT FILES EXAMPLES "
                           "SEE_ALSO",
         "trueup-spec.5": "NAME DESCRIPTION FIELDS FILES EXAMPLES SEE_ALSO"}


def run(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    path.write_text(run(TRUEUP, "explain", "--man", path.stem))
    return path


def test_roff_has_no_complaint(page: Path) -> None:
    assert run("mandoc", "-T", "lint", "-W", "all", page) == ""
    run("groff", "-ww", "-man", "-T", "utf8", page)


def read(page: Path) -> str:
    return re.sub(".\b", "", run("mandoc", "-T", "utf8", page))


def test_it_has_the_sections_of_a_manual_page(page: Path) -> None:
    assert re.findall("^[A-Z].*", read(page), re.MULTILINE)[1:] == [
        title.replace("_", " ") for title in PAGES[page.name].split()]


def test_its_example_is_valid(page: Path, tmp_path: Path) -> None:
    """As a person copies it: hyphens, quotes and indentation survive."""
    found = re.search(r"^ +(apiVersion: .*?)(?=^ {0,8}\S)", read(page).split("EXAMPLES")[1], re.MULTILINE | re.DOTALL)
    if page.name == "trueup.1":
        assert found is None
        return
    assert found is not None
    indentation = " " * (found.start(1) - found.start())
    text = "\n".join(line.removeprefix(indentation) for line in found[0].splitlines()).rstrip() + "\n"
    example = tmp_path / "example.yaml"
    if page.name == "trueup-spec.5":
        example.write_text(text)
        run(TRUEUP, "validate", example)
    else:
        example.write_text(text.replace("/etc/trueup/specs", str(ROOT / "specs")))
        run(TRUEUP, "agent", "--next", "1", example)
