"""What the plugin is to a pytest that is too old for it: nothing, but for a word where specs are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from convrun.pytesting.signs import is_yaml, may_be_settled, reads_as_spec


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say that the specs on the command line were not collected; hooks of any pytest have this one and its argument."""
    named = [Path(argument.partition("::")[0]).absolute() for argument in terminalreporter.config.args]
    if any(map(_asks_for_specs, named)):
        terminalreporter.write_line(
            f"convrun: no spec is collected by pytest {pytest.__version__}: install 8.3 or newer", yellow=True
        )


def _asks_for_specs(path: Path) -> bool:
    if not path.is_dir():
        return is_yaml(path) and reads_as_spec(path)
    return may_be_settled(path, {}) and any(is_yaml(file) and reads_as_spec(file) for file in path.rglob("*.y*ml"))
