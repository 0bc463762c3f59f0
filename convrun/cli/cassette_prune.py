"""`convrun cassette prune`: what recordings hold that no spec needs any more."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from convrun.cli.ending import NOTHING_TO_RUN, named_errors, nothing_to_run, say
from convrun.cli.parameters import Cassettes, Paths
from convrun.source import printable

_NOT_ALL = 1
_DRY = {"removed": "would remove", "shortened": "would shorten"}


def prune(
    paths: Paths = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be done; change nothing.")] = False,
    cassettes: Cassettes = None,
) -> None:
    """Remove interactions that are surely unplayed and, without PATH, recordings that no spec has, with what is beside.

    Nothing is run or imported, and nothing outside of the cassettes folder is touched. Exit codes: 0, 1 where something
    could not be removed, or a spec cannot be read, 2 for what does not exist, 5 where there is no spec.
    """
    from convrun.review.pruning import Pruning  # other commands, and --help, do without
    from convrun.run.project import open_project

    with named_errors():
        project = open_project(paths or [], cwd=Path.cwd(), environ=os.environ, overrides={"cassettes": cassettes})
        if not project.specs and not project.errors:
            say([nothing_to_run(project.settings.root / project.settings.specs, found=False)])
            raise typer.Exit(NOTHING_TO_RUN)
        counts: Counter[str] = Counter()
        width = max(map(len, _DRY.values())) if dry_run else len("shortened") + 1
        for step in Pruning(project, dry=dry_run, selected=bool(paths)).steps():
            counts[step.kind] += 1
            kind = _DRY.get(step.kind, step.kind) if dry_run else step.kind
            print(printable(f"{kind:<{width}} {step.path}: {step.why}"), flush=True)
        total = ", ".join(_counted(kind, number, dry_run) for kind, number in counts.items()) or "nothing to prune"
        print(f"{total}; nothing was changed (--dry-run)" if dry_run and counts else total)
        if counts["failed"]:
            raise typer.Exit(_NOT_ALL)


def _counted(kind: str, number: int, dry: bool) -> str:
    return f"{_DRY[kind]} {number}" if dry and kind in _DRY else f"{number} {kind}"
