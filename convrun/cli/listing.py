"""`convrun list`: the conversations that would run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.cli.ending import NOTHING_TO_RUN, named_errors, nothing_to_run, say
from convrun.cli.parameters import (
    Cassettes,
    Defines,
    Keyword,
    Models,
    OnlyLastFailed,
    OnlyShard,
    Paths,
    Tags,
    defines,
    shard_of,
)
from convrun.run.options import RunOptions
from convrun.source import printable

if TYPE_CHECKING:
    from convrun.run.plan import Planned


def list_conversations(
    paths: Paths = None,
    keyword: Keyword = None,
    tags: Tags = None,
    models: Models = None,
    define: Defines = None,
    cassettes: Cassettes = None,
    shard: OnlyShard = None,
    last_failed: OnlyLastFailed = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the conversations that would run; nothing is imported. Exit 5 where there are none."""
    from convrun.run.project import open_project, planned  # other commands, and --help, do without

    with named_errors():
        options = RunOptions(
            keyword=keyword,
            tags=tuple(tags or ()),
            models=tuple(dict.fromkeys(models or ())),
            defines=defines(define or ()),
            last_failed=last_failed,
            shard=shard_of(shard),
        )
        project = open_project(paths or [], cwd=Path.cwd(), environ=os.environ, overrides={"cassettes": cassettes})
        plan = planned(project, options)
        conversations = plan.conversations
        if plan.remarks:
            say(plan.remarks)
        if as_json:
            from convrun.report.json_result import escaped  # so do they without the results

            print(escaped(json.dumps([_entry(one) for one in conversations], ensure_ascii=False, indent=2)))
        else:
            for one in conversations:
                print(printable(one.id))
        if not conversations and not plan.elsewhere:
            say([nothing_to_run(project.settings.root / project.settings.specs, bool(project.specs))])
            raise typer.Exit(NOTHING_TO_RUN)


def _entry(one: Planned) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.spec.name,
        "spec": one.spec.file,
        "case": one.case.id if one.case else None,
        "model": one.model.name,
        "tags": list(one.spec.tags),
        "turns": len(one.spec.turns),
        "cassette": one.cassette_shown,
        "recorded": one.cassette.is_file(),
        "skip": one.skip,
    }
