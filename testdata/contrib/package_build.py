"""The Debian package: built, looked at, and installed into a folder. Run by name alone: `contrib/check package`."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WANTED = {"etc/trueup/specs", "lib/systemd/system/trueup-agent.service", "lib/systemd/system/trueup@.service",
          "lib/systemd/system/trueup@.timer", "usr/bin/trueup", "usr/lib/sysusers.d/trueup.conf",
          "usr/lib/tmpfiles.d/trueup.conf", "usr/share/bash-completion/completions/trueup",
          "usr/share/zsh/vendor-completions/_trueup", "usr/share/fish/vendor_completions.d/trueup.fish",
          "usr/share/man/man1/trueup.1.gz", "usr/share/man/man5/trueup-spec.5.gz",
          "usr/share/man/man8/trueup-agent.8.gz", "usr/share/trueup/trueup.schema.json",
          "usr/share/doc/trueup/README.Debian", "usr/share/doc/trueup/examples/agent.yaml",
          "usr/share/doc/trueup/examples/crontab", "usr/share/doc/trueup/examples/specs/migrate-in-place.yaml"}


def run(*command: str | Path, **variables: str) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          env={**os.environ, **variables})
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without optimisation, to be quick. lintian's errors fail it."""
    folder = tmp_path_factory.mktemp("package")
    run(ROOT / "contrib/package", folder, DEB_BUILD_OPTIONS="noopt noautodbgsym")
    (built,) = folder.iterdir()
    return built


def test_it_has_all_that_meson_installs(package: Path) -> None:
    lines = run("dpkg-deb", "--contents", package).splitlines()
    assert {line.split()[-1].strip("./") for line in lines} >= WANTED


def test_it_makes_the_user_and_starts_nothing(package: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        run("dpkg-deb", "--extract", package, tmp_path)
    else:
        for name in ("etc", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"):
            (tmp_path / name).mkdir(parents=True)
        (tmp_path / "var/lib/dpkg/status").touch()
        run("dpkg", f"--root={tmp_path}", "--force-script-chrootless", "--force-depends", "--install", package)
        (line,) = (tmp_path / "etc/passwd").read_text().splitlines()
        assert line.startswith("trueup:") and line.endswith(":/var/lib/trueup:/usr/sbin/nologin")
        state = (tmp_path / "var/lib/trueup").stat()
        assert (state.st_mode & 0o777, state.st_uid) == (0o700, int(line.split(":")[2]))
        assert not list((tmp_path / "etc").rglob("*.wants"))
    commit = run("git", "-C", ROOT, "rev-parse", "--short=12", "HEAD").strip()
    assert re.search(rf"^commit +{commit}", run(tmp_path / "usr/bin/trueup", "version"), re.MULTILINE)


def test_it_is_hardened(package: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "--extract", package, tmp_path)
    assert re.search(r"Flags: NOW PIE", run("readelf", "--dynamic", "--wide", tmp_path / "usr/bin/trueup"))
