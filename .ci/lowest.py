"""Print the lower bound of every dependency as a pip constraint, and of pytest with its plugins: ours runs in them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def constraints(dependencies: list[str]) -> list[str]:
    """Return `name==bound` for each `name>=bound`; a dependency without a lower bound is a mistake."""
    pins = []
    for dependency in dependencies:
        found = re.fullmatch(r"([A-Za-z0-9._-]+)>=([0-9.]+)", dependency)
        if found is None:
            raise SystemExit(f"{PROJECT.name}: {dependency!r} must be written as name>=bound")
        pins.append(f"{found[1]}=={found[2]}")
    return pins


if __name__ == "__main__":
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    tested_in = [one for one in project["optional-dependencies"]["dev"] if one.startswith("pytest")]
    print("\n".join(constraints([*project["dependencies"], *tested_in])))
