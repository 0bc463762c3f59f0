"""Whole processes, measured one by one: wall-clock and CPU seconds, and the most memory they held."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LAUNCH = (sys.executable, "-I", "-S", str(Path(__file__).parent / "launch.py"))
_PER_MEGABYTE = 1024 * 1024 if sys.platform == "darwin" else 1024  # ru_maxrss is in kB, on macOS in bytes


class Failed(Exception):  # noqa: N818  # it says what happened, and ends the measurement
    """What was to be measured did not do its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one process took: seconds by the clock and of CPU (its workers' too), and the MB of the largest of them."""

    seconds: float
    cpu: float
    memory: float


def measured(command: Sequence[str], folder: Path, environ: Mapping[str, str], *, limit: float) -> Usage | None:
    """Run a command in a folder and return what it took; None where it was stopped after `limit` seconds.

    Raises:
        Failed: where it ends with an error.
    """
    with tempfile.NamedTemporaryFile() as result:
        launch = [*_LAUNCH, str(limit), result.name, *command]
        done = subprocess.run(
            launch, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Failed(f"{shlex.join(launch)} ended with {done.returncode}:\n{done.stderr}")
        figures = Path(result.name).read_text(encoding="ascii").split()
    if not figures:
        return None
    seconds, cpu, memory, code = map(float, figures)
    if code != 0:
        raise Failed(f"{shlex.join(command)} ended with {code:.0f}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return Usage(seconds=seconds, cpu=cpu, memory=memory / _PER_MEGABYTE)
