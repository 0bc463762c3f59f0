"""`convrun validate`: everything that can be said of specs without running them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from convrun.cli.ending import NOTHING_TO_RUN, counted, named_errors, nothing_to_run, say
from convrun.cli.parameters import Cassettes, Defines, Models, Paths, Verbose, defines
from convrun.run.planning.options import RunOptions


def validate(
    paths: Paths = None,
    models: Models = None,
    define: Defines = None,
    cassettes: Cassettes = None,
    no_import: Annotated[bool, typer.Option("--no-import", help="Import no module that a spec names.")] = False,
    verbose: Verbose = 0,
) -> None:
    """Read specs and report every mistake at once; exit 0, 2, or 5 where there are none."""
    from convrun.run.project import open_project, prepare  # other commands, and --help, do without

    with named_errors(tracebacks=verbose > 1):
        options = RunOptions(models=tuple(dict.fromkeys(models or ())), defines=defines(define or ()))
        project = open_project(paths or [], cwd=Path.cwd(), environ=os.environ, overrides={"cassettes": cassettes})
        prepared = prepare(project, options, environ=os.environ, imports=not no_import)
        if not prepared.conversations:
            say([nothing_to_run(project.settings.root / project.settings.specs, bool(project.specs))])
            raise typer.Exit(NOTHING_TO_RUN)
        files = counted(len({spec.file for spec, _ in project.specs}), "spec")
        print(f"{files}, {counted(len(prepared.tests), 'conversation')}: no mistakes")
