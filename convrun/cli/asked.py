"""What commands are asked for alike: each parameter is declared once, and means one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from convrun.cli.parameters import (
    BaseUrl,
    Cassettes,
    Defines,
    Jobs,
    Keyword,
    MaxCost,
    MaxFail,
    Models,
    MutatedModels,
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
from convrun.frozen import frozen
from convrun.run.planning.options import RunOptions

if TYPE_CHECKING:
    from convrun.cli.running import Presentation


@frozen
class Selection:
    """Which conversations, of which models, from which cassettes."""

    paths: Paths = None
    keyword: Keyword = None
    tags: Tags = None
    models: Models = None
    define: Defines = None
    cassettes: Cassettes = None
    shard: OnlyShard = None
    last_failed: OnlyLastFailed = False

    def options(self) -> RunOptions:
        """Return it as options of a run.

        Raises:
            UsageError: where a text is none that its option takes.
        """
        return RunOptions(
            keyword=self.keyword,
            tags=tuple(self.tags or ()),
            models=tuple(dict.fromkeys(self.models or ())),
            defines=defines(self.define or ()),
            last_failed=self.last_failed,
            shard=shard_of(self.shard),
        )


@frozen
class Recorded:
    """Which recordings are mutated. Those of conversations that did not pass never are, so none are asked for."""

    paths: Paths = None
    keyword: Keyword = None
    tags: Tags = None
    models: MutatedModels = None
    define: Defines = None
    cassettes: Cassettes = None
    shard: OnlyShard = None

    def options(self) -> RunOptions:
        """Return it as options of a run.

        Raises:
            UsageError: where a text is none that its option takes.
        """
        return Selection(**{one.name: getattr(self, one.name) for one in fields(self)}).options()


@frozen
class Manner:
    """How they are run, and what is shown of it."""

    jobs: Jobs = None
    stop_at_first: StopAtFirst = False
    maxfail: MaxFail = None
    strict: Strict = False
    report: Reports = None
    base_url: BaseUrl = None
    max_cost: MaxCost = None
    quiet: Quiet = False
    verbose: Verbose = 0
    no_color: NoColor = False

    def options(self, selection: Selection) -> RunOptions:
        """Return the options of a run of these conversations.

        Raises:
            UsageError: where a text is none that its option takes.
        """
        most = most_failed(self.stop_at_first, self.maxfail)
        options = replace(selection.options(), most_failed=most, strict=self.strict, base_url=self.base_url)
        if self.max_cost is None:
            return options
        from convrun.run.spending import limited, max_cost

        return limited(options, max_cost("--max-cost", self.max_cost), option="--max-cost")

    def overrides(self, selection: Selection) -> Mapping[str, str | None]:
        """Return the settings that the command line gives."""
        return {"cassettes": selection.cassettes, "jobs": self.jobs}

    def presentation(self, command: str) -> Presentation:
        """Return how a run of `command` is shown.

        Raises:
            UsageError: for reports that there are not.
        """
        from convrun.cli.running import Presentation  # other commands, and --help, do without

        return Presentation(
            command=command,
            reports=reports(self.report or ()),
            quiet=self.quiet,
            verbosity=self.verbose,
            plain=self.no_color,
        )
