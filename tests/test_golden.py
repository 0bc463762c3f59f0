"""Command lines and exactly what they print: each folder of `golden` is a project with its arguments and its output.

`CONVRUN_GOLDEN=write pytest tests/test_golden.py` writes what is printed now; the difference is for the reviewer.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from forking import convrun

GOLDEN = Path(__file__).parent / "golden"
FOLDERS = sorted(folder.name for folder in GOLDEN.iterdir() if (folder / "args").is_file())
OUTCOME = ("stdout", "stderr", "exit")
SEVERAL = {
    "figures-that-cannot-be-meant",
    "lengths-and-likeness-that-cannot-be-meant",
    "three-files-at-once",
    "mistakes-of-every-stage",
    "turn-with-several-mistakes",
}  # all others are about one mistake


@pytest.mark.parametrize("name", FOLDERS)
def test_output_is_the_golden_one(name, tmp_path):
    """A real process in a copy of the folder prints what was written down, and ends with its exit code."""
    folder = GOLDEN / name
    shutil.copytree(folder, tmp_path / name, ignore=shutil.ignore_patterns("args", *OUTCOME))
    arguments = shlex.split((folder / "args").read_text("utf-8"))
    ended = convrun(*arguments, cwd=tmp_path / name)
    found = {"stdout": timeless(ended.stdout), "stderr": timeless(ended.stderr), "exit": f"{ended.returncode}\n"}
    if os.environ.get("CONVRUN_GOLDEN") == "write":
        write(folder, found)
    assert found == {part: golden(folder, part) for part in OUTCOME}


@pytest.mark.parametrize("name", FOLDERS)
def test_refusals_are_short(name):
    """A refusal takes at most 14 lines and shows no traceback."""
    printed = golden(GOLDEN / name, "stderr")
    assert "Traceback" not in printed
    if golden(GOLDEN / name, "exit") == "2\n" and name not in SEVERAL:
        assert len(printed.splitlines()) <= 14


def test_there_are_refusals_enough():
    """At least 30 folders end with exit code 2."""
    assert sum(golden(GOLDEN / name, "exit") == "2\n" for name in FOLDERS) >= 30


def timeless(text):
    """The text without how long it took."""
    return re.sub(r"(?m)(?<= )\d+(\.\d)? m?s(?=;|$)", "N ms", text)


def golden(folder, part):
    """What is written down; a file that is not there is empty."""
    path = folder / part
    return path.read_text("utf-8") if path.exists() else ""


def write(folder, found):
    """Write down what was printed; nothing printed, no file."""
    for part, text in found.items():
        if text:
            (folder / part).write_text(text, "utf-8", newline="\n")
        else:
            (folder / part).unlink(missing_ok=True)
