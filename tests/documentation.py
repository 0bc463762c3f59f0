"""Runs the code blocks of a Markdown page, in order, in a temporary project that holds the example specs.

A page that says `<!-- begins in an empty folder -->` has an empty one instead.

- A block of any language whose first line is a comment with a path (`# specs/greet.yaml`) is written there
  (without that line where it is `csv`, which has no comments); a `diff` block changes that file.
- Any other `yaml` block is a whole spec and is validated; any other `python` block is run and must end well.
- In a `sh` block each line is a command; in a `console` block those behind `$ `, and the lines below one are its
  output: times and prices are not compared, and a line `...` stands for any lines.
- Of the commands, `convrun ...`, `pytest ...` and `python FILE` are run and must end with 0, or with the code that a
  comment behind them names (`# exit 3`); `cat FILE` shows a file; `make ...` must name a target that exists; another
  command is not checked: mark its block.
- A block behind `<!-- not run: reason -->` is left alone.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from forking import convrun, environment
from plugin import NAMED

ROOT = Path(__file__).parents[1]
EXAMPLES = ("specs", "cassettes", "demo", "pyproject.toml")
_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+?) -->\n\s*)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_PATH = re.compile(r"(?:#|//) (?P<path>[\w./-]+\.\w+)\n")
_COSTS = re.compile(r"^costs: \[.*\]$")  # prices change with each release of their list
_TIME = re.compile(r"\b\d+(\.\d+)? ?(ms|s)\b")
_EMPTY = "<!-- begins in an empty folder -->"
_ALONE = "-P"  # as the installed commands do: the present folder is not on the import path


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: its language, its text, its line in the page; `reason` if it is not to be run."""

    language: str
    text: str
    line: int
    reason: str | None = None

    @property
    def path(self) -> str | None:
        """Where the block says it stands in a project."""
        found = _PATH.match(self.text)
        return found["path"] if found else None


class PageError(AssertionError):
    """A block that does not do what the page says."""


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page that name a language."""
    return [
        Block(
            language=found["language"],
            text=found["text"],
            line=page.count("\n", 0, found.start("language")) + 1,
            reason=found["reason"],
        )
        for found in _BLOCK.finditer(page)
    ]


def new_project(folder: Path) -> Path:
    """Copy the example specs and all they need into `folder`; return it."""
    for name in EXAMPLES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy(source, folder / name)
    return folder


def project_of(page: str, folder: Path) -> Path:
    """Make of `folder` the project that a page begins in; return it."""
    return folder if _EMPTY in page else new_project(folder)


def run_page(page: str, project: Path) -> None:
    """Write, run and validate every block.

    Raises:
        PageError: for the first block that does not do what it should, with its line.
    """
    for block in blocks(page):
        if block.reason is None:
            try:
                _run(block, project)
            except PageError as error:
                raise PageError(f"line {block.line}: {error}\n{block.text}") from None


def _run(block: Block, project: Path) -> None:
    if block.language == "diff":
        _change(block, project)
    elif block.path:
        target = project / block.path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = block.text.partition("\n")[2] if block.language == "csv" else block.text
        target.write_text(text, encoding="utf-8")
    if block.language == "yaml" and (not block.path or block.path.startswith("specs/")):
        _validate(block, project)
    elif block.language == "python" and not block.path:
        _succeed(_process(["python", "-c", block.text], project))
    elif block.language in {"sh", "bash", "console"}:
        for command, output in _commands(block):
            _check_command(command, output, project)


def _change(block: Block, project: Path) -> None:
    """Replace the lines with a minus by those with a plus, in the file that the block names."""
    target = project / (block.path or "")
    lines = block.text.splitlines(keepends=True)[1:]
    old, new = ("".join(line[1:] for line in lines if line[0] != other) for other in "+-")
    text = target.read_text(encoding="utf-8") if target.is_file() else ""
    if not old or text.count(old) != 1:
        raise PageError(f"the lines are not once in {block.path!r}")
    target.write_text(text.replace(old, new), encoding="utf-8")


def _validate(block: Block, project: Path) -> None:
    """What a spec names may be written by a later block, so nothing is imported yet."""
    path = block.path or f"specs/block_{block.line}.yaml"
    (project / path).parent.mkdir(exist_ok=True)
    (project / path).write_text(block.text, encoding="utf-8")
    try:
        _succeed(_process(["convrun", "validate", "--no-import", path], project))
    finally:
        if not block.path:
            (project / path).unlink()


def _commands(block: Block) -> Iterator[tuple[str, list[str] | None]]:
    """The commands of a shell block, each with the output that follows it, if one does."""
    lines = block.text.splitlines()
    if block.language != "console":
        yield from ((line, None) for line in lines if line.strip() and not line.startswith("#"))
        return
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start].removeprefix("$ "), lines[start + 1 : end] or None


def _check_command(command: str, output: list[str] | None, project: Path) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        _find_targets(words[1:])
        return
    shown = _text_of(project, words[1]) if words[0] == "cat" else _output(words, command, project)
    if output is not None:
        _compare(output, shown.splitlines())


def _find_targets(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in (word for word in words if "=" not in word):
        if not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE):
            raise PageError(f"there is no target {target!r}")


def _text_of(project: Path, path: str) -> str:
    if not (project / path).is_file():
        raise PageError(f"there is no file {path!r}")
    return (project / path).read_text(encoding="utf-8")


def _output(words: list[str], command: str, project: Path) -> str:
    """Run a command; return what it writes, if it ends with the code that is wanted."""
    if words[0] not in {"convrun", "pytest"} and (words[0] != "python" or not words[1:]):
        raise PageError(f"{words[0]!r} is not run here: mark the block with <!-- not run: reason -->")
    wanted = re.search(r"#.*\bexit (\d+)", command)
    done = _process(words, project)
    if done.returncode != int(wanted[1] if wanted else 0):
        raise PageError(f"{command!r} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def _compare(expected: list[str], actual: list[str]) -> None:
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "..." else re.escape(_scrubbed(line)) + "\n" for line in _stripped(expected)
    )
    text = "".join(f"{_scrubbed(line)}\n" for line in _stripped(actual))
    if not re.fullmatch(pattern, text):
        raise PageError("the output is another one:\n" + "\n".join(actual))


def _stripped(lines: list[str]) -> list[str]:
    return [line.rstrip() for line in "\n".join(lines).strip("\n").split("\n")]


def _scrubbed(line: str) -> str:
    return _COSTS.sub("costs: [USD]", _TIME.sub("TIME", line))


def _succeed(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        raise PageError(f"ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _process(command: list[str], project: Path) -> subprocess.CompletedProcess[str]:
    """Without keys, settings and colours of whoever runs the tests."""
    if command[0] == "convrun":
        return convrun(*command[1:], cwd=project, alone=True)
    options = {"pytest": [_ALONE, "-m", "pytest", *NAMED]}.get(command[0], [] if command[1] == "-c" else [_ALONE])
    return subprocess.run(
        [sys.executable, *options, *command[1:]],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
