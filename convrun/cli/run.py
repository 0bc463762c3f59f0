"""`convrun run`: run specs and check what came out."""

from __future__ import annotations

from typing import Annotated

import typer

from convrun.cli.ending import named_errors
from convrun.cli.parameters import (
    BaseUrl,
    Cassettes,
    Defines,
    Jobs,
    KeepGoing,
    Keyword,
    MaxFail,
    Models,
    NoColor,
    OnlyLastFailed,
    OnlyShard,
    OnStale,
    Paths,
    Quiet,
    Reports,
    StopAtFirst,
    Strict,
    Tags,
    Verbose,
    defines,
    most_failed,
    one_of,
    record_mode,
    reports,
    shard_of,
)
from convrun.run.options import RunOptions


def run(
    paths: Paths = None,
    keyword: Keyword = None,
    tags: Tags = None,
    models: Models = None,
    define: Defines = None,
    record: Annotated[
        str, typer.Option("--record", metavar="none|once|new_episodes|all", help="Whether to go live. none: never.")
    ] = "none",
    cassettes: Cassettes = None,
    jobs: Jobs = None,
    shard: OnlyShard = None,
    last_failed: OnlyLastFailed = False,
    stop_at_first: StopAtFirst = False,
    maxfail: MaxFail = None,
    keep_going: KeepGoing = False,
    strict: Strict = False,
    on_stale: OnStale = "fail",
    report: Reports = None,
    base_url: BaseUrl = None,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    no_color: NoColor = False,
) -> None:
    """Run specs and check what came out: offline, from cassettes, unless --record says otherwise.

    Exit codes: 0 passed, 1 a check failed, 2 wrong specs or options, 3 stale or missing recordings, 4 an error while
    running, 5 nothing to run, 130 interrupted.
    """
    from convrun.cli.running import Presentation, execute  # other commands, and --help, do without

    with named_errors(tracebacks=verbose > 1):
        options = RunOptions(
            keyword=keyword,
            tags=tuple(tags or ()),
            models=tuple(dict.fromkeys(models or ())),
            defines=defines(define or ()),
            record=record_mode(record),
            last_failed=last_failed,
            shard=shard_of(shard),
            most_failed=most_failed(stop_at_first, maxfail),
            keep_going=keep_going,
            strict=strict,
            stale_is_fatal=one_of("--on-stale", on_stale, ("fail", "warn")) == "fail",
            base_url=base_url,
        )
        presentation = Presentation(
            reports=reports(report or ()), quiet=quiet, verbosity=verbose, plain=no_color, command="run"
        )
        execute(paths or [], options, presentation, overrides={"cassettes": cassettes, "jobs": jobs})
