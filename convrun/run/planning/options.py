"""What a run was asked for, apart from the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from convrun.errors import UsageError, did_you_mean
from convrun.frozen import frozen
from convrun.run.planning.shards import Shard

if TYPE_CHECKING:
    from convrun.backends.metering import Meter
    from convrun.settings import Jobs


class RecordMode(StrEnum):
    """vcrpy's names; the meaning is convrun's own. NONE never goes live."""

    NONE = "none"
    ONCE = "once"
    NEW_EPISODES = "new_episodes"
    ALL = "all"

    @classmethod
    def named(cls, name: str) -> RecordMode:
        """Return the mode of this name.

        Raises:
            UsageError: where there is none.
        """
        try:
            return cls(name)
        except ValueError:
            known = [mode.value for mode in cls]
            fix = did_you_mean(str(name), known) or f"known are {', '.join(known)}"
            raise UsageError(f"unknown record mode {name!r}", fix=fix) from None


class Rehearsal(StrEnum):
    """A recording that ends where it would go live, and writes nothing: with the tools, or without any code running."""

    WITH_TOOLS = "with_tools"
    ON_PAPER = "on_paper"


@frozen
class RunOptions:
    """The options of `convrun run` and `convrun record`, parsed.

    `defines` are the `-D` values. `refresh` is set by `record`: for it an offline model without a cassette is missing.
    From turn number `from_turn` on it goes live, whatever is recorded. With a `rehearsal`, what `record` names is only
    rehearsed. `apart`: the code of the project runs in another process, so that nothing is left of it here. `heard`
    hears, in words, of long waits before live calls. The `meter` counts what those cost, and refuses them where it has
    a limit. Of what keyword, tags and paths select, `only` keeps these ids, `last_failed` those that did not pass when
    they last ran, `shard` its part. After `most_failed` that did not pass nothing is begun. `jobs` is how many run at
    once; the setting of this name is the command line's to put here.
    """

    keyword: str | None = None
    tags: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    defines: Mapping[str, str] = field(default_factory=dict)
    record: RecordMode = RecordMode.NONE
    refresh: bool = False
    from_turn: int | None = None
    rehearsal: Rehearsal | None = None
    apart: bool = False
    only: frozenset[str] | None = None
    last_failed: bool = False
    shard: Shard | None = None
    jobs: Jobs = 1
    most_failed: int | None = None
    keep_going: bool = False
    strict: bool = False
    stale_is_fatal: bool = True
    base_url: str | None = None
    meter: Meter | None = None
    heard: Callable[[str], None] | None = None

    @property
    def goes_live(self) -> bool:
        """Whether anything may be asked of a provider."""
        return self.record is not RecordMode.NONE and self.rehearsal is None
