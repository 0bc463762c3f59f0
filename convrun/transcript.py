"""A recorded conversation as people read it, and what differs between two of them: what their reports see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Literal, TypeAlias

from convrun.frozen import frozen
from convrun.results import CheckResult, Problem, Staleness, ToolCallResult, UsageResult, Verdict, total_usage
from convrun.source import Where
from convrun.values import Json, JsonObject

Kind: TypeAlias = Literal["changed", "added", "removed", "same"]
State: TypeAlias = Literal["fresh", "stale", "missing", "partial", "error", "offline", "skipped"]


@frozen
class AttachmentNote:
    """What was sent beside a text: its media type, and its size in bytes where it was in the request.

    `name` is its file name or its address, `digest` the first digits of the sha256 of its bytes.
    """

    type: str
    name: str | None = None
    size: int | None = None
    digest: str | None = None


@frozen
class Said:
    """A message of the history that a recording begins with; of a `tool` message, `text` is the result."""

    role: str
    text: str = ""
    calls: tuple[ToolCallResult, ...] = ()
    attachments: tuple[AttachmentNote, ...] = ()


@frozen
class Asked:
    """All of a request but its messages. `tools` are the functions by name, `options` all that is neither."""

    model: str | None = None
    system: str | None = None
    options: JsonObject = field(default_factory=dict)
    tools: Mapping[str, JsonObject] = field(default_factory=dict)


@frozen
class RefusedCall:
    """What came in the place of a reply; `message` are the provider's own words, `what` and `type` are a run's.

    `is_answer`: the provider refused, instead of breaking off or saying what nobody can read.
    """

    what: str
    type: str = "ProviderError"
    status: int | None = None
    message: str = ""
    is_answer: bool = True


class SentParts:
    """The tools and the messages of a whole request, as JSON; no dataclass, as nobody shows it or looks through it."""

    __slots__ = ("messages", "tools")

    def __init__(self, tools: Sequence[Json], messages: Sequence[JsonObject]) -> None:
        self.tools = tools
        self.messages = messages


@frozen
class ModelCallRecord:
    """One model call. `number` is that of its interaction in the file, from 1; `calls` have their results.

    `attachments` were sent behind the results. `latency_ms` and `cost_usd` are as recorded, None where that is not
    known. Where there is an `error` there is no reply. `model` is who answered, and `sent` what the whole request held.
    """

    number: int
    asked: Asked
    text: str = ""
    reasoning: str = ""
    refusal: str | None = None
    calls: tuple[ToolCallResult, ...] = ()
    attachments: tuple[AttachmentNote, ...] = ()
    finish_reason: str | None = None
    usage: UsageResult = field(default_factory=UsageResult)
    error: RefusedCall | None = None
    latency_ms: float | None = field(default=None, compare=False)
    cost_usd: float | None = field(default=None, compare=False)
    model: str | None = field(default=None, compare=False)
    sent: SentParts | None = field(default=None, repr=False, compare=False)


@frozen
class LaneRecord:
    """What a check asked a model, and was told: the score of a rubric, and why; `score` is None where it told none.

    `whole`: of the conversation up to its end, not of the turn that it is shown at.
    """

    lane: str
    model: str
    about: str
    score: float | None = None
    reason: str = ""
    whole: bool = False


@frozen
class RecordedTurn:
    """What the user said, and the model calls that followed; there is at least one. `index` counts from 1.

    `lanes` is what checks asked once it was over; `simulated_by` what a model was told that played the user.
    """

    index: int
    user: str
    model_calls: tuple[ModelCallRecord, ...]
    attachments: tuple[AttachmentNote, ...] = ()
    lanes: tuple[LaneRecord, ...] = ()
    simulated_by: str | None = None

    @property
    def last(self) -> ModelCallRecord:
        """The model call that the turn ended with."""
        return self.model_calls[-1]

    @property
    def calls(self) -> tuple[ToolCallResult, ...]:
        """The tool calls of the turn, in order."""
        return tuple(call for one in self.model_calls for call in one.calls)

    @property
    def usage(self) -> UsageResult:
        """The tokens of the turn, but for a model call that was refused."""
        return total_usage(one.usage for one in self.model_calls if one.error is None)


@frozen
class RecordedConversation:
    """One conversation of a recording, behind its `history`; `embeddings` counts those that checks asked for."""

    turns: tuple[RecordedTurn, ...]
    history: tuple[Said, ...] = ()
    embeddings: int = 0

    @property
    def usage(self) -> UsageResult:
        """The tokens of all turns."""
        return total_usage(turn.usage for turn in self.turns)


@frozen
class Transcript:
    """The conversations in a recording, and what in it is none, in words."""

    conversations: tuple[RecordedConversation, ...]
    others: tuple[str, ...] = ()


@frozen
class Unjudged:
    """A check, or all of them, that nobody judged, and why; whether a run may ask a model for it."""

    why: str
    kind: str | None = None
    where: Where | None = None
    may_ask: bool = True


@frozen
class TurnJudgement:
    """What the spec's checks say of a recorded turn; `id` is the turn's own in the spec."""

    verdict: Verdict
    id: str | None = None
    checks: tuple[CheckResult, ...] = ()
    problem: Problem | None = None
    unjudged: tuple[Unjudged, ...] = ()

    @property
    def known(self) -> Verdict | None:
        """The verdict; None where a check that was not judged could make it another one."""
        return _known(self.verdict, self.unjudged)


@frozen
class Judgement:
    """What a spec's checks say of a recording. `turns` are by the recorded turn's index.

    `checks` are the conversation's own, `unjudged` are those of them, and what is said of the conversation as a whole.
    `outdated` are the parts of what is sent that the spec has otherwise now: the recording is stale.
    """

    verdict: Verdict | None
    turns: Mapping[int, TurnJudgement] = field(default_factory=dict)
    checks: tuple[CheckResult, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    outdated: tuple[str, ...] = ()

    @property
    def every_unjudged(self) -> tuple[Unjudged, ...]:
        """What was not judged, the turns' before the conversation's."""
        return (*(one for turn in self.turns.values() for one in turn.unjudged), *self.unjudged)

    @property
    def known(self) -> Verdict | None:
        """The verdict: stale where the spec has changed since; None where it is not known."""
        if self.outdated:
            return "stale"
        return None if self.verdict is None else _known(self.verdict, self.every_unjudged)


def _known(verdict: Verdict, unjudged: tuple[Unjudged, ...]) -> Verdict | None:
    """A failure stays one, whatever the others would have said."""
    return verdict if not unjudged or verdict in {"failed", "error"} else None


@frozen
class PartDifference:
    """One part that differs; a side that lacks it is None. `part` names it for people.

    `literal`: both are texts that are shown as they are, JSON values or calls. `grade`: it is no part of the turn, but
    what a judge said of it.
    """

    part: str
    old: Json = None
    new: Json = None
    literal: bool = False
    grade: bool = False


@frozen
class VerdictDifference:
    """Verdicts on both sides (None: not judged), the checks that fail now only, and those that did before only.

    `problem` is what else is wrong now, and was not before.
    """

    old: Verdict | None = None
    new: Verdict | None = None
    failing: tuple[CheckResult, ...] = ()
    mended: tuple[CheckResult, ...] = ()
    problem: Problem | None = None

    @property
    def is_one(self) -> bool:
        """Whether anything differs."""
        return self.old != self.new or bool(self.failing or self.mended or self.problem)


@frozen
class TurnDifference:
    """A turn that one side has only, or that differs in `parts` or verdict; `id` is its own in the spec."""

    kind: Kind
    old: RecordedTurn | None = None
    new: RecordedTurn | None = None
    id: str | None = None
    parts: tuple[PartDifference, ...] = ()
    verdict: VerdictDifference = field(default_factory=VerdictDifference)


@frozen
class Side:
    """One side of a comparison, as it is shown: where its recording is, what is wrong with it, what was judged."""

    name: str
    problem: Problem | None = None
    usage: UsageResult = field(default_factory=UsageResult)
    turns: int = 0
    model_calls: int = 0
    judgement: Judgement = field(default_factory=lambda: Judgement(verdict=None))


@frozen
class ConversationDifference:
    """What differs between two recordings of a conversation; a side that is None has none.

    `name` is the conversation's. `parts` concern no single turn. `unchanged` counts the turns that are the same, those
    included that are so but for their tokens, which `recounted` counts.
    """

    name: str
    old: Side | None = None
    new: Side | None = None
    parts: tuple[PartDifference, ...] = ()
    turns: tuple[TurnDifference, ...] = ()
    unchanged: int = 0
    recounted: int = 0
    verdict: VerdictDifference = field(default_factory=VerdictDifference)

    @property
    def kind(self) -> Kind:
        """`added` and `removed` where one side has it only; `same` where nothing differs."""
        if self.old is None or self.new is None:
            return "added" if self.old is None else "removed"
        differs = self.parts or self.turns or self.recounted or self.verdict.is_one or self.unreadable
        return "changed" if differs else "same"

    @property
    def unreadable(self) -> bool:
        """Whether a side could not be read, so that nothing was compared."""
        return any(side is not None and side.problem is not None for side in (self.old, self.new))


@frozen
class Quote:
    """What recording takes: the model calls that go live, their tokens and dollars, by what was recorded before.

    `at_least`: of a part nothing is known but how many calls there are at the least; its tokens are not in here. Up to
    `user_calls` more are of simulated users, with their tokens. `usd` is None where no price is known, for the models
    in `unpriced`, or no tokens are.
    """

    calls: int = 0
    user_calls: int = 0
    input: int = 0
    output: int = 0
    usd: float | None = 0.0
    at_least: bool = False
    unpriced: tuple[str, ...] = ()


def total_quote(quotes: Iterable[Quote]) -> Quote:
    """Return the sum."""
    every = list(quotes)
    dollars = [one.usd for one in every if one.usd is not None]
    return Quote(
        calls=sum(one.calls for one in every),
        user_calls=sum(one.user_calls for one in every),
        input=sum(one.input for one in every),
        output=sum(one.output for one in every),
        usd=sum(dollars) if len(dollars) == len(every) else None,
        at_least=any(one.at_least for one in every),
        unpriced=tuple(sorted({name for one in every for name in one.unpriced})),
    )


@frozen
class RecordingState:
    """How the recording of a conversation stands to what would be sent today, and what recording it takes.

    `partial`: a recording broke off, one from `scratch` or not, `kept` calls of it were paid for; what it lacks is in
    the quote. `offline`: a model of our own answers, and needs no cassette. `committed` is the day of the cassette's
    last commit, where that has all of it as it is now; `unsaved` are attachments that it lacks, although it has the
    cassette. `longer`: some of it is not played. `saved` is how many of the calls would not go live if the tool whose
    result differs gave what was recorded. `assumed` is what has to answer as it did when it was recorded, where that
    was not tried. `vars` are those of the conversation.
    """

    id: str
    spec: str
    cassette: str
    state: State
    kept: int = 0
    scratch: bool = False
    stale: Staleness | None = None
    problem: Problem | None = None
    reason: str | None = None
    committed: str | None = None
    unsaved: tuple[str, ...] = ()
    longer: bool = False
    quote: Quote = field(default_factory=Quote)
    saved: int | None = None
    assumed: tuple[str, ...] = ()
    vars: Mapping[str, Json] = field(default_factory=dict)


@frozen
class Renaming:
    """A cassette that may be the recording of a conversation, by its id; the command makes it so."""

    cassette: str
    conversation: str
    command: str


@frozen
class RecordingStates:
    """Those of a selection. `orphans` are cassettes that belong to no conversation. `dated`: commits are known.

    `renamed` are orphans that fit conversations without a recording.
    """

    states: tuple[RecordingState, ...]
    orphans: tuple[str, ...] = ()
    renamed: tuple[Renaming, ...] = ()
    dated: bool = False

    @property
    def quote(self) -> Quote:
        """What recording all that is stale or missing takes."""
        return total_quote(one.quote for one in self.states)
