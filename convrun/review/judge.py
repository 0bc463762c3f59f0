"""A recording judged by the checks of a spec: nothing runs, nothing is imported, no request is compared.

What a check needs of user code, or what a recording does not hold, is not judged, and is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from convrun.cassette.interaction import Recording
from convrun.checks.context import ErrorAnswer, Prompted, TurnView
from convrun.checks.lanes import Lanes
from convrun.checks.registry import asks_model, leaves, runs_code, templates
from convrun.checks.views import parsed_reply
from convrun.errors import ConvrunError, TemplateError
from convrun.frozen import frozen
from convrun.results import CheckResult, ConversationResult, Problem, known_sum
from convrun.review.pairing import pairs_of
from convrun.review.recorded_lanes import RecordedLanes
from convrun.run.binding.bound_checks import BoundCheck, bind_checks
from convrun.run.binding.bound_specs import BoundTurn
from convrun.run.binding.names import mention, used_templates, variables_named
from convrun.run.planning.plan import Planned
from convrun.run.playing.judging import judge_conversation, judge_turn, template_names
from convrun.run.playing.known_failures import conversation_known_to_fail, turn_known_to_fail
from convrun.run.playing.surroundings import Surroundings, shown_variables
from convrun.run.playing.turn import PlayedTurn
from convrun.run.verdicts import of_checks, of_conversation
from convrun.spec.model import CheckSpec, TurnSpec
from convrun.templates import render_text
from convrun.transcript import Judgement, ModelCallRecord, RecordedTurn, TurnJudgement, Unjudged

_CODE = "it needs the project's code"
_MODEL = "it asks a model"
_RAISED = "a recording does not hold what a tool raised"
_FOLDER = "it names the temporary folder of a run"
_NO_TURN = "not every turn of the spec was recorded"


@frozen
class _Turn:
    """A turn of the spec as it is judged. `says` is what the user says, None where only a run can know it."""

    bound: BoundTurn
    unjudged: tuple[Unjudged, ...] = ()
    says: str | None = None


@frozen
class Judge:
    """The checks of one conversation of a spec, bound without code; made once, for any number of recordings.

    Unless it is `settled`, a simulated user is one turn, and not yet those of a recording. `asks`: see `judge_of`.
    """

    planned: Planned
    turns: tuple[_Turn, ...]
    checks: tuple[BoundCheck, ...]
    unjudged: tuple[Unjudged, ...]
    surroundings: Surroundings
    asks: bool = True
    settled: bool = False

    def of(self, recorded: Sequence[RecordedTurn]) -> Judge:
        """Return the judge of one recording: a simulated user is the turns that it took in that."""
        if self.settled or all(turn.bound.spec.simulate is None for turn in self.turns):
            return self
        from convrun.review.simulated import as_recorded  # few specs have one

        made = judge_of(as_recorded(self.planned, recorded), root=self.turns[0].bound.root, asks=self.asks)
        return replace(made, settled=True)


def judge_of(planned: Planned, *, root: Path, asks: bool = True) -> Judge:
    """Return the judge of a conversation's recordings; `root` is the project's folder.

    A recording holds placeholders of environment variables, and so do the templates that are compared with it. Unless
    it `asks`, checks that ask a model are not judged: what was recorded is no answer to anything else.
    """
    spec = planned.spec
    names = variables_named(used_templates(spec))
    surroundings = Surroundings(env=shown_variables(names, {}), freeze=spec.freeze)
    each, own = _bound(spec.each_turn, asks=asks), _bound(spec.expect, asks=asks)
    turns = []
    for index, turn in enumerate(spec.turns, start=1):
        checks, unjudged = _bound([turn.expect_error] if turn.expect_error else turn.own_checks, asks=asks)
        if index <= spec.borrowed:
            checks, unjudged = (), ()  # what they are to be checked for, the trunk is
        elif not turn.expect_error:
            checks, unjudged = (*checks, *each[0]), (*unjudged, *each[1])
        bound = BoundTurn(spec=turn, root=root, checks=checks)
        turns.append(_Turn(bound=bound, unjudged=unjudged, says=_says(planned, turn, index, surroundings)))
    return Judge(
        planned=planned,
        turns=tuple(turns),
        checks=own[0],
        unjudged=own[1],
        surroundings=surroundings,
        asks=asks,
    )


def judged(judge: Judge, recorded: Sequence[RecordedTurn], lanes: Lanes | None = None) -> Judgement:
    """Return what the checks say of recorded turns; `lanes` are the recorded answers of the models that they ask.

    As many as the spec has are taken for its turns in order; where there are more or fewer, by what the user says.
    """
    judge = judge.of(recorded)
    planned = judge.planned
    if planned.skip:
        return Judgement(verdict=None, unjudged=(Unjudged(why=f"skipped: {planned.skip}"),))
    run = _Judging(judge, lanes if lanes is not None else RecordedLanes(Recording(), planned.asked))
    places = partners_of(judge, recorded)
    for index, turn in enumerate(judge.turns):
        place = places.get(index)
        run.take(turn, recorded[place] if place is not None else None)
    return run.judgement()


def partners_of(judge: Judge, recorded: Sequence[RecordedTurn]) -> dict[int, int]:
    """Return the index of the recorded turn for that of each turn of the spec that has one.

    Those of a branch may begin with its own, and are numbered behind those of its trunk then.
    """
    first = judge.planned.spec.borrowed if recorded and recorded[0].index > 1 else 0
    played = [index for index, turn in enumerate(judge.turns) if index >= first and not turn.bound.spec.skip]
    partners = _partners([judge.turns[index].says for index in played], [turn.user for turn in recorded])
    return {played[place]: other for place, other in partners}


def _partners(says: Sequence[str | None], said: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Which turn of the spec is which recorded one."""
    if len(says) == len(said) and all(text in (None, heard) for text, heard in zip(says, said, strict=True)):
        yield from ((index, index) for index in range(len(says)))
        return
    unknown = [object() if text is None else text for text in says]
    for one, other in pairs_of([(unknown, said)]):
        if one is not None and other is not None:
            yield one, other


def _says(planned: Planned, turn: TurnSpec, index: int, surroundings: Surroundings) -> str | None:
    """What the user says in a turn, unless it hangs on earlier turns."""
    names = template_names(planned.vars, (), surroundings.for_messages("turn", index))
    try:
        return None if mention([turn.user], "turns") else render_text(turn.user, names)
    except TemplateError:
        return None


def views_of(judge: Judge, recorded: Sequence[RecordedTurn]) -> list[TurnView]:
    """Return the turns of the spec as checks see them; one without a recorded turn has no model call."""
    places = partners_of(judge, recorded)
    return [
        _view(turn, recorded[places[index]] if index in places else None, index + 1)
        for index, turn in enumerate(judge.turns)
    ]


class _Judging:
    """One recording under judgement."""

    def __init__(self, judge: Judge, lanes: Lanes) -> None:
        self.judge = judge
        self.lanes = lanes
        self.views: list[TurnView] = []
        self.found: dict[int, TurnJudgement] = {}
        self.played: list[PlayedTurn] = []
        self.whole = True

    def take(self, turn: _Turn, recorded: RecordedTurn | None) -> None:
        """Judge a turn of the spec by what was recorded for it."""
        spec = turn.bound.spec
        view = _view(turn, recorded, len(self.views) + 1)
        self.views.append(view)
        if recorded is None:
            self.whole = self.whole and spec.skip is not None
            return
        played = _played(turn.bound, recorded, view)
        unheld: tuple[Unjudged, ...] = ()
        if played.verdict != "error":
            played, unheld = self._checked(played)
        self.played.append(played)
        self.found[recorded.index] = TurnJudgement(
            verdict=played.verdict,
            id=spec.id,
            checks=played.checks,
            problem=played.problem if played.verdict in {"failed", "error"} else None,
            unjudged=(*turn.unjudged, *unheld),
        )

    def _checked(self, played: PlayedTurn) -> tuple[PlayedTurn, tuple[Unjudged, ...]]:
        """The turn with what its checks say, and those whose answers are not recorded."""
        judge = self.judge
        every = judge_turn(played.bound.checks, self.views, judge.planned.vars, judge.surroundings, lanes=self.lanes)
        checks, unheld = _held(every)
        verdict = of_checks(checks) if played.verdict == "passed" else played.verdict
        known = played.bound.spec.known_failure
        made = replace(played, checks=checks, verdict=verdict)
        return (turn_known_to_fail(made, known) if known else made), unheld

    def judgement(self) -> Judgement:
        """The whole: the conversation's own checks are judged where every turn was recorded."""
        judge, planned = self.judge, self.judge.planned
        turns = tuple(turn.result() for turn in self.played)
        checks: tuple[CheckResult, ...] = ()
        unheld: tuple[Unjudged, ...] = ()
        if self.whole and not any(turn.verdict == "error" for turn in turns):
            checks, unheld = _held(
                judge_conversation(judge.checks, self.views, planned.vars, judge.surroundings, lanes=self.lanes)
            )
        verdict = of_conversation(turns, checks)
        if verdict == "unchecked" and any(turn.excused for turn in self.played):
            verdict = "skipped"  # what failed as it is known to was all that was checked
        result = ConversationResult(id=planned.id, spec=planned.spec.file, verdict=verdict, turns=turns, checks=checks)
        if planned.known_failure:
            result = conversation_known_to_fail(result, planned.known_failure)
        missing = () if self.whole else (Unjudged(why=_NO_TURN),)
        return Judgement(
            verdict=result.verdict,
            turns=self.found,
            checks=result.checks,
            unjudged=(*judge.unjudged, *unheld, *missing),
        )


def _held(checks: Sequence[CheckResult]) -> tuple[tuple[CheckResult, ...], tuple[Unjudged, ...]]:
    """The checks that were judged, and those that ask what the recording does not answer."""
    stale = [check for check in checks if check.verdict == "stale"]
    unheld = (Unjudged(why=check.message, kind=check.kind, where=check.where) for check in stale)
    return tuple(check for check in checks if check.verdict != "stale"), tuple(unheld)


def _bound(specs: Iterable[CheckSpec], *, asks: bool) -> tuple[tuple[BoundCheck, ...], tuple[Unjudged, ...]]:
    """The checks that can be judged, and those that cannot."""
    checks: list[BoundCheck] = []
    unjudged: list[Unjudged] = []
    for one in specs:
        errors: list[ConvrunError] = []
        why = _why_not(one, asks=asks)
        bound = bind_checks([one], errors, imports=False) if why is None else ()
        checks += bound
        if not bound:
            said = why or "; ".join(error.what for error in errors)
            may_ask = asks_model(one.kind, one.value)
            unjudged.append(Unjudged(why=said, kind=one.kind, where=one.where, may_ask=may_ask))
    return tuple(checks), tuple(unjudged)


def _why_not(check: CheckSpec, *, asks: bool) -> str | None:
    """Why a check cannot be judged from a recording; None where it can."""
    if runs_code(check.kind, check.value):
        return _CODE
    if not asks and asks_model(check.kind, check.value):
        return _MODEL
    if any(_patterns_with_error(check.kind, check.value)):
        return _RAISED
    return _FOLDER if mention(templates(check.kind, check.value), "tmp") else None


def _patterns_with_error(kind: str, value: object) -> Iterator[bool]:
    """Whether each pattern of a tool call in a check looks at what the tool raised."""
    for _, leaf, found in leaves(kind, value):
        if leaf == "called":
            yield isinstance(found, Mapping) and "error" in found
        elif leaf == "calls" and isinstance(found, Mapping):
            listed = [item for items in found.values() if isinstance(items, list | tuple) for item in items]
            yield from (isinstance(item, Mapping) and "error" in item for item in listed)


def _view(turn: _Turn, recorded: RecordedTurn | None, index: int) -> TurnView:
    """A turn of the spec as checks see it, by what was recorded for it."""
    spec = turn.bound.spec
    if recorded is None:
        return TurnView(index=index, id=spec.id, user=spec.user.source, model_calls=0)
    last, error = recorded.last, recorded.last.error
    answered = [call for call in recorded.model_calls if call.error is None]
    return TurnView(
        index=index,
        id=spec.id,
        user=recorded.user,
        reply=last.text,
        parsed=parsed_reply(last.text),
        tool_calls=recorded.calls,
        usage=recorded.usage,
        finish_reason=last.finish_reason,
        model_calls=len(recorded.model_calls),
        error=ErrorAnswer(status=error.status, message=error.message) if error else None,
        refusal=last.refusal,
        latency_s=known_sum(None if one.latency_ms is None else one.latency_ms / 1000 for one in answered),
        cost_usd=known_sum(one.cost_usd for one in answered),
        model=last.model,
        prompted=partial(_prompted, answered),
    )


def _prompted(calls: Sequence[ModelCallRecord]) -> Iterator[Prompted]:
    """What was sent with each model call, as the recording has it."""
    for call in calls:
        if call.sent is not None:
            yield Prompted(tools=call.sent.tools, messages=call.sent.messages)


def _played(bound: BoundTurn, turn: RecordedTurn, view: TurnView) -> PlayedTurn:
    """A recorded turn as a run plays it: an error that is not expected ends it, and so do calls that stay open."""
    played = PlayedTurn(
        bound=bound,
        index=view.index,
        verdict="passed",
        user=turn.user,
        view=view,
        calls=turn.calls,
        model_calls=len(turn.model_calls),
        usage=turn.usage,
        refusal=turn.last.refusal,
    )
    error, where = turn.last.error, bound.spec.where
    if error is not None and not (bound.spec.expect_error and error.is_answer):
        problem = Problem(type=error.type, message=error.what, where=where)
        return replace(played, verdict="error", problem=problem)
    if turn.last.calls and bound.spec.chain is True and error is None:
        asked = len(turn.model_calls)
        what = f"the recording ends its chain with open tool calls, after {asked} model call{'s' * (asked != 1)}"
        return replace(played, verdict="failed", problem=Problem(type="ChainLimitError", message=what, where=where))
    return played
