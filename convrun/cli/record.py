"""`convrun record`: go live for what is stale or missing, and keep it."""

from __future__ import annotations

from typing import Annotated

import typer

from convrun.cli.ending import named_errors
from convrun.cli.parameters import (
    BaseUrl,
    Cassettes,
    Defines,
    Jobs,
    Keyword,
    MaxFail,
    Models,
    NoColor,
    OnlyLastFailed,
    OnlyShard,
    Paths,
    Quiet,
    Reports,
    StopAtFirst,
    Strict,
    Tags,
    Verbose,
    defines,
    most_failed,
    reports,
    shard_of,
)
from convrun.errors import UsageError
from convrun.run.options import RecordMode, RunOptions


def record(
    paths: Paths = None,
    keyword: Keyword = None,
    tags: Tags = None,
    models: Models = None,
    define: Defines = None,
    everything: Annotated[bool, typer.Option("--all", help="Record from scratch, fresh conversations too.")] = False,
    cassettes: Cassettes = None,
    jobs: Jobs = None,
    shard: OnlyShard = None,
    last_failed: OnlyLastFailed = False,
    stop_at_first: StopAtFirst = False,
    maxfail: MaxFail = None,
    strict: Strict = False,
    report: Reports = None,
    base_url: BaseUrl = None,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    no_color: NoColor = False,
) -> None:
    """Record what is stale or missing, live: a matching beginning is replayed for free, the rest is asked anew."""
    from convrun.cli.running import Presentation, execute  # other commands, and --help, do without

    with named_errors(tracebacks=verbose > 1):
        if define and cassettes is None:
            raise UsageError(
                "-D changes what is recorded, and the cassettes here belong to the specs as they stand",
                fix="record into another folder with --cassettes DIR, or change the spec",
            )
        options = RunOptions(
            keyword=keyword,
            tags=tuple(tags or ()),
            models=tuple(dict.fromkeys(models or ())),
            defines=defines(define or ()),
            record=RecordMode.ALL if everything else RecordMode.NEW_EPISODES,
            refresh=True,
            last_failed=last_failed,
            shard=shard_of(shard),
            most_failed=most_failed(stop_at_first, maxfail),
            strict=strict,
            base_url=base_url,
        )
        presentation = Presentation(
            reports=reports(report or ()), quiet=quiet, verbosity=verbose, plain=no_color, command="record"
        )
        execute(paths or [], options, presentation, overrides={"cassettes": cassettes, "jobs": jobs})
