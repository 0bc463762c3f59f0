"""The turns of a simulated user: each is a turn as any other, whose text a model has said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from convrun.checks.context import TurnView
from convrun.conversation.messages import Message
from convrun.errors import ConversationError, ConvrunError, StaleError
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.results import USER_LANE, CheckResult, Staleness
from convrun.run.binding.bind import BoundConversation
from convrun.run.binding.bound_specs import BoundTurn
from convrun.run.planning.options import Rehearsal
from convrun.run.playing.carrier import Carrier
from convrun.run.playing.history import history_messages
from convrun.run.playing.simulated_user import Said, SimulatedUser, instructions
from convrun.run.playing.turn import PlayedTurn, skipped_turn
from convrun.run.problems import problem
from convrun.spec.model import SimulateSpec
from convrun.templates import Text


@frozen
class Stage:
    """What a simulated user speaks in: a conversation under way.

    `views` are the turns so far, and grow with those that are played. `names` gives what templates of a turn may name,
    `at_start` those of the history. `play` plays a turn with its number, `judged` judges one that was played, unless
    that is for later, and says whether it stops the conversation; `until` judges the checks that end the simulation.
    In a `rehearsal` nothing is played behind what the recording does not hold; on paper no code says when it ends.
    """

    bound: BoundConversation
    carrier: Carrier
    redactor: Redactor
    environ: Mapping[str, str]
    views: list[TurnView]
    names: Callable[[int], Mapping[str, object]]
    at_start: Callable[[], Mapping[str, object]]
    play: Callable[[BoundTurn, int], PlayedTurn]
    judged: Callable[[PlayedTurn], PlayedTurn]
    until: Callable[[BoundTurn], tuple[CheckResult, ...]]
    rehearsal: Rehearsal | None


def simulated(turn: BoundTurn, first: int, stage: Stage) -> Iterator[PlayedTurn]:
    """Yield the turns of a simulated user, the first of which has this number; there is one at least.

    Whether a turn is its last is known once the next is asked for: until then it is not judged.
    """
    simulate = turn.spec.simulate
    assert simulate is not None
    held: PlayedTurn | None = None
    until: tuple[CheckResult, ...] = ()
    user: SimulatedUser | None = None
    most = simulate.max_turns
    why = f"the simulated user had its {most} turn{'' if most == 1 else 's'} (max_turns)"
    for index in range(first, first + most):
        stage.carrier.begin_turn(index)
        said: Said | PlayedTurn
        try:
            user = user or _user(simulate, first, stage)
            said = _next(user, turn, index, stage, begun=held is not None)
        except ConvrunError as error:
            said = _broken(turn, index, stage, error)
        if isinstance(said, Said) and said.text is None:
            if held is not None:
                why = "the simulated user has ended the conversation"
                break
            what = "the simulated user ended the conversation before it had said anything"
            said = _broken(turn, index, stage, ConversationError(what, fix="put persona and goal otherwise"))
        if held is not None:
            yield (passing := stage.judged(held))
            if passing.stops:
                yield skipped_turn(turn, index, stale=stage.carrier.staleness is not None, reason="not reached")
                return
        if isinstance(said, PlayedTurn):
            yield said
            return
        assert said.text is not None
        played = stage.play(_saying(turn, said.text, begins=index == first), index)
        held = replace(played, bound=_passing(played.bound))
        if played.stops:
            break
        until = stage.until(turn)
        if said.over:
            why = "the simulated user has ended the conversation"
        if said.over or _ends(until):
            break
    assert held is not None
    yield stage.judged(held if held.stops else _last(held, turn, until, why))


def _user(simulate: SimulateSpec, first: int, stage: Stage) -> SimulatedUser:
    lanes = stage.carrier.lanes
    assert lanes is not None  # who has a simulated user asks a model
    history: Sequence[Message] = ()
    if stage.bound.spec.spec.history:
        history = history_messages(stage.bound.spec.spec.history, stage.at_start())
    told = instructions(simulate, stage.names(first))
    return SimulatedUser(stage.bound, simulate, lanes.calls, told=told, history=history, environ=stage.environ)


def _next(user: SimulatedUser, turn: BoundTurn, index: int, stage: Stage, *, begun: bool) -> Said | PlayedTurn:
    """What the user says next; where the recording does not hold that, a turn that is stale, or what it says there."""
    try:
        return user.says(index, stage.views)
    except StaleError:
        from convrun.run.playing.simulated_changes import changes_of, stand_in  # only where something is stale

        if begun and stage.rehearsal is Rehearsal.ON_PAPER and _needs_code(turn):
            return Said(text=None, over=True)  # as far as it was recorded
        carrier, request = stage.carrier, user.request
        assert carrier.lanes is not None
        assert request is not None
        if carrier.staleness is None:
            change = carrier.lanes.unheld_after_fault(index)
            changes = (change,) if change else changes_of(request, user.calls, stage.redactor, user.lines)
            carrier.staleness = Staleness(turn=index, model_call=1, changes=changes, lane=USER_LANE)
        found = None if stage.rehearsal is not None else stand_in(request, user.calls)
        return _unsaid(turn, index, stage) if found is None else found


def _needs_code(turn: BoundTurn) -> bool:
    """Whether it ends by checks that are not judged on paper."""
    return turn.spec.simulate is not None and len(turn.until) < len(turn.spec.simulate.until)


def _broken(turn: BoundTurn, index: int, stage: Stage, error: ConvrunError) -> PlayedTurn:
    """The turn that there would be if the user had said anything; behind something stale nothing is an error."""
    unsaid = _unsaid(turn, index, stage)
    if stage.carrier.staleness is not None:
        return unsaid
    assert turn.spec.simulate is not None
    return replace(unsaid, verdict="error", problem=problem(error, turn.spec.simulate.where))


def _unsaid(turn: BoundTurn, index: int, stage: Stage) -> PlayedTurn:
    stage.views.append(TurnView(index=index, model_calls=0))
    return PlayedTurn(bound=_passing(turn), index=index, verdict="stale", stops=True)


def _ends(until: Sequence[CheckResult]) -> bool:
    """Whether the checks say that it is over: all hold, or one cannot tell."""
    return bool(until) and (
        all(one.verdict == "passed" for one in until) or any(one.verdict == "error" for one in until)
    )


def _saying(turn: BoundTurn, text: str, *, begins: bool) -> BoundTurn:
    """One turn with what the user says in it: data, whatever stands there. Its system prompt is set once."""
    spec = turn.spec
    said = Text(source=text, raw=True, where=spec.where)
    return replace(turn, spec=replace(spec, user=said, simulate=None, system=spec.system if begins else None))


def _passing(turn: BoundTurn) -> BoundTurn:
    """One that is not the last: neither its id is this one's, nor are the checks of the last."""
    spec = replace(turn.spec, id=None, expect=(), known_failure=None)
    checks = tuple(one for one in turn.checks if not any(one.spec is own for own in turn.spec.expect))
    return replace(turn, spec=spec, checks=checks)


def _last(played: PlayedTurn, turn: BoundTurn, until: Sequence[CheckResult], why: str) -> PlayedTurn:
    """The last turn: with the checks of its own, and those that were to hold at its end."""
    spec = replace(turn.spec, user=played.bound.spec.user, simulate=None)
    unmet = (one if one.verdict == "passed" else _unmet(one, why) for one in until)
    return replace(played, bound=replace(turn, spec=spec), verified=(*played.verified, *unmet))


def _unmet(check: CheckResult, why: str) -> CheckResult:
    """A check that was to hold at the end, and does not."""
    said = f"`until` is to hold at the end, and {why}"
    return replace(check, because=f"{check.because}; {said}" if check.because else said)
