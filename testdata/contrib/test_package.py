"""What the Debian package is made of, as far as that shows without building it; package_build.py does."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "contrib/debian"
TRUEUP = Path(os.environ.get("TRUEUP", ROOT / ".build-asan/agent/trueup"))


def test_it_is_built_of_what_setup_installs() -> None:
    """The same development packages, and the version that the program has."""
    libraries = [set(re.findall(r"\b(lib[a-z0-9+-]+-dev)\b", path.read_text()))
                 for path in (ROOT / "contrib/setup", DEBIAN / "control")]
    assert libraries[0] and libraries[0] == libraries[1]
    (version,) = re.findall(r"^  version: '(.*)',$", (ROOT / "meson.build").read_text(), re.MULTILINE)
    assert (DEBIAN / "changelog").read_text().startswith(f"trueup ({version}) ")


def test_it_moves_what_meson_installs() -> None:
    told = subprocess.check_output(["meson", "introspect", "--installed", str(TRUEUP.parents[1])])
    installed = set(json.loads(told).values())
    moved = re.findall(r"^\t(?:mv|rm) \$\(root\)/usr/(\S+)", (DEBIAN / "rules").read_text(), re.MULTILINE)
    assert len(moved) == 3
    for path in moved:
        assert any(f"{place}/".startswith(f"/usr/local/{path}/") for place in installed), path
