"""What a run found out: RunResult > ConversationResult > TurnResult > CheckResult. Reports see these and nothing else.

The shapes are those of the JSON result; `report.json` writes them key by key.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import ClassVar, Literal, TypeAlias

from convrun.frozen import frozen
from convrun.source import Where
from convrun.values import Json

Verdict: TypeAlias = Literal["passed", "failed", "stale", "missing", "error", "skipped", "unchecked"]
CheckVerdict: TypeAlias = Literal["passed", "failed", "stale", "error"]
TOOL_RESULT = "tool_result"  # the kind of the checks that verified tools make; no spec writes one
NOT_BEGUN = "not begun: stopped at "  # how the reason of a conversation begins that was passed over for others


@frozen
class Problem:
    """An error as a value. `type` is the error's class name; `details` are more lines (a traceback), shown with -vv."""

    type: str
    message: str
    where: Where | None = None
    fix: str | None = None
    details: str | None = None


@frozen
class Finding:
    """What is not wrong yet and keeps a suite from being trusted.

    Its `kind` is `unchecked`, `unplayed` or `secret` of a conversation, `uncalled`, `unfired`, `weak` or `orphaned` of
    a run.
    """

    kind: str
    message: str
    where: Where | None = None
    fix: str | None = None


@frozen
class UsageResult:
    """Tokens as recorded; None where unknown."""

    called: ClassVar[str] = "usage"  # in what templates say of it
    input: int | None = None
    output: int | None = None


@frozen
class Spending:
    """What the live `calls` of this run took, as their replies tell. Attempts without an answer are not counted.

    `usd` is what is known: `unpriced` calls have no known price, and `untold` ones no usage in their reply; counted by
    their length the latter cost `more_usd` at most. `tokens` are those of input and output that were told.
    """

    calls: int = 0
    usd: float = 0.0
    more_usd: float = 0.0
    tokens: int = 0
    unpriced: int = 0
    untold: int = 0

    @property
    def total_usd(self) -> float | None:
        """The dollars; None where they are not known of every call."""
        return None if self.unpriced or self.untold else self.usd


def total_spending(spendings: Iterable[Spending]) -> Spending:
    """Return the sum."""
    every = list(spendings)
    return Spending(
        calls=sum(one.calls for one in every),
        usd=sum(one.usd for one in every),
        more_usd=sum(one.more_usd for one in every),
        tokens=sum(one.tokens for one in every),
        unpriced=sum(one.unpriced for one in every),
        untold=sum(one.untold for one in every),
    )


def total_usage(usages: Iterable[UsageResult]) -> UsageResult:
    """Return the sum; where one part lacks a figure, the whole is unknown."""
    every = list(usages)
    return UsageResult(input=_total([one.input for one in every]), output=_total([one.output for one in every]))


def known_sum(figures: Iterable[float | None]) -> float | None:
    """Return the sum of seconds or dollars, without the dust of adding floats; None where one of them is unknown."""
    every = list(figures)
    known = [figure for figure in every if figure is not None]
    return round(math.fsum(known), 12) if len(known) == len(every) else None


def _total(figures: list[int | None]) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


@frozen
class CheckResult:
    """One check, judged. `info` marks one behind the first stale request, or of a known failure: shown, never counted.

    `expected` and `actual` are JSON values. `comparison` are lines that set one against the other, where a failure
    needs more than its message; `details` are more lines (the traceback of a check that crashed). `weak`: it passed,
    and would for any reply; no report shows that of one check.
    """

    kind: str
    verdict: CheckVerdict
    info: bool = False
    expected: Json = None
    actual: Json = None
    message: str = ""
    comparison: tuple[str, ...] = ()
    because: str | None = None
    where: Where | None = None
    details: str | None = None
    weak: bool = False


@frozen
class ToolCallResult:
    """A tool call with what came of it. `arguments` are parsed where they are JSON; `error` is what the tool raised."""

    called: ClassVar[str] = "tool call"  # in what templates say of it
    id: str
    name: str
    arguments: Json
    result: str | None = None
    error: str | None = None


FROM_TURN = "--from-turn"  # the part of a change that is none: from there on it is to be recorded anew
STUB_HINT = "the tool is a stub: what it `returns` is not what was recorded"
NO_GRADE = "the judge gave no grade"  # that of a change where what is recorded gives a check nothing, as the next
NO_VECTOR = "the model gave no embedding"
NO_WORDS = "the simulated user said nothing"
USER_LANE = "user"  # of a recording: what a model said that plays the user
BROKE_OFF = "recording broke off"  # that of a change where a recording that broke off holds no more


@frozen
class Change:
    """One part of a request that differs from the recording. `path` is a JSON pointer; `part` names it for people.

    `raised` is what the tool raised of whose result this is.
    """

    path: str
    part: str
    recorded: Json = None
    now: Json = None
    hint: str | None = None
    raised: str | None = None


@frozen
class Staleness:
    """Where the recording stopped matching (turn and model call from 1), and what changed there.

    `breaks` are recorded tool calls that today's signatures no longer take. Of a check that asks a model, `lane` is its
    kind, `turn` the one that is judged (for the conversation's own checks the last), and the model call 1. Of a
    simulated user the lane is USER_LANE, and the turn the one in which it speaks.
    """

    turn: int
    model_call: int
    changes: tuple[Change, ...]
    breaks: tuple[str, ...] = ()
    lane: str | None = None

    @property
    def is_of_check(self) -> bool:
        """Whether only a check asks anew; the turns are as they were."""
        return self.lane not in (None, USER_LANE)


@frozen
class IgnoredDifference:
    """A difference that `cassette.ignore` let pass."""

    path: str
    recorded: Json = None
    now: Json = None


@frozen
class TurnResult:
    """One turn: what the user said, what came back, what the checks say."""

    index: int
    verdict: Verdict
    id: str | None = None
    user: str = ""
    reply: str | None = None
    refusal: str | None = None  # the model's own words for refusing; `reply` is empty then
    model_calls: int = 0
    finish_reason: str | None = None
    usage: UsageResult = field(default_factory=UsageResult)
    error: Problem | None = None
    faults: tuple[str, ...] = ()  # that the spec wanted and that were injected, in words
    tool_calls: tuple[ToolCallResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    reason: str | None = None  # of a skipped turn
    where: Where | None = None


@frozen
class Samples:
    """The samples of a group, in their order: of `times` conversations `needed` must pass, and `passed` did.

    `rate` is the part that passed, `interval` its 95 % confidence interval (Wilson's). The three are None where not all
    samples were judged. There are fewer `conversations` than `times` where something ended the run.
    """

    times: int
    needed: int
    passed: int | None = None
    rate: float | None = None
    interval: tuple[float, float] | None = None
    conversations: tuple[ConversationResult, ...] = ()


@frozen
class Used:
    """What of its spec a conversation made use of, by the indexes there: tools that were called, hooks that fired."""

    tools: tuple[int, ...] = ()
    before_call: tuple[int, ...] = ()
    after_call: tuple[int, ...] = ()


@frozen
class BranchedOff:
    """Where a branch begins: behind turn number `turn` of the conversation `trunk`, whose recording holds those.

    That may be a branch as well; `root` is the conversation with which all begins.
    """

    trunk: str
    turn: int
    root: str


@frozen
class ConversationResult:
    """One conversation; `cassette` is the path where its recording is or would be, None for one that has none.

    One that `branched` off another has its own turns only, and of those before them what went wrong.
    `cost_usd` is what its model calls cost when they were recorded, None where that is not known of each. Of its
    `live_calls`, which went to a provider, `check_calls` are those that checks made, `user_calls` those of models that
    play the user.
    Of a group of `samples` it is the one result: figures are their sums, findings and ignored differences theirs, each
    once, `error` and `stale` those of the first that has one; turns and checks stand in the samples. Id and cassette
    are those of sample 1.
    """

    id: str
    spec: str
    verdict: Verdict
    case: str | None = None
    model: str | None = None
    tags: tuple[str, ...] = ()
    vars: Mapping[str, Json] = field(default_factory=dict)
    cassette: str | None = None
    model_calls: int = 0
    live_calls: int = 0
    check_calls: int = 0
    user_calls: int = 0
    usage: UsageResult = field(default_factory=UsageResult)
    cost_usd: float | None = None
    spent: Spending = field(default_factory=Spending)
    duration_s: float = 0.0
    error: Problem | None = None
    stale: Staleness | None = None
    ignored: tuple[IgnoredDifference, ...] = ()
    turns: tuple[TurnResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    reason: str | None = None  # of a skipped conversation, and of a branch whose beginning is missing
    where: Where | None = None  # its line in the spec
    used: Used = field(default_factory=Used)  # for findings of the run; no report shows it
    branched: BranchedOff | None = None
    sample: int | None = None  # its number among the samples of its group
    samples: Samples | None = None

    @property
    def recorded_with(self) -> str:
        """The id of what is to be recorded for it: itself, or what it goes on from, where that is stale or missing."""
        off, stale = self.branched, self.stale
        if off is None:
            return self.id
        begun = stale is not None and stale.lane is None and stale.turn <= off.turn
        return off.root if begun or any(one.verdict == "missing" and one.reason for one in self.singles) else self.id

    @property
    def singles(self) -> tuple[ConversationResult, ...]:
        """The conversations that it is of: the samples of a group, else itself."""
        return (self,) if self.samples is None else self.samples.conversations

    @property
    def parts(self) -> tuple[ConversationResult, ...]:
        """All that turns and checks stand in: itself, and the samples of a group."""
        return (self,) if self.samples is None else (self, *self.samples.conversations)

    @property
    def all_checks(self) -> Iterator[CheckResult]:
        """The checks of its turns, then its own; those of samples are theirs."""
        for turn in self.turns:
            yield from turn.checks
        yield from self.checks

    @property
    def finished(self) -> bool:
        """Whether it was judged to its end: no sample of a group lacks, and it was not passed over."""
        lacks = self.samples is not None and len(self.samples.conversations) < self.samples.times
        return not lacks and not any(one.not_begun for one in self.singles)

    @property
    def not_begun(self) -> bool:
        """Whether it was passed over because others had not passed."""
        return self.verdict == "skipped" and (self.reason or "").startswith(NOT_BEGUN)


@frozen
class RunResult:
    """A whole run. `started` is ISO 8601 with its offset; `exit_code` is what the process ends with.

    `spent` is what all live calls took, those of conversations that were not finished included; None: as they say.
    `command` is the start of the line that reproduces one conversation, as `convrun run -D city=Rome`; empty where none
    does. `planned` is how many conversations there were to run, None where nobody knows; there are fewer results where
    something ended the run.
    """

    version: str
    started: str
    duration_s: float
    exit_code: int
    conversations: tuple[ConversationResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    interrupted: bool = False
    bug: Problem | None = None  # what ended the run and is convrun's own fault
    command: str = "convrun run"
    planned: int | None = None
    spent: Spending | None = None

    @property
    def only_findings_fail(self) -> bool:
        """Whether it ends with 1 for its findings alone, as a strict run does where no check failed."""
        return self.exit_code == 1 and all(one.verdict != "failed" for one in self.conversations)

    @property
    def passed(self) -> bool:
        """Whether every conversation passed that was not skipped, and there was one; what is unchecked did not."""
        verdicts = {conversation.verdict for conversation in self.conversations}
        return self.exit_code == 0 and "passed" in verdicts and verdicts <= {"passed", "skipped"}
