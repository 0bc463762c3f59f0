"""One turn: rendered, said to the engine, and what came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from itertools import islice

from convrun.checks.context import ErrorAnswer, TurnView
from convrun.checks.views import turn_view
from convrun.conversation.chain import ChainResponse
from convrun.conversation.conversation import Conversation
from convrun.conversation.response import Response
from convrun.errors import ChainLimitError, ConvrunError, ProviderError
from convrun.frozen import frozen
from convrun.results import CheckResult, Problem, ToolCallResult, TurnResult, UsageResult, Verdict, total_usage
from convrun.run.binding.bound_specs import BoundTurn
from convrun.run.playing.attachments import attachment
from convrun.run.playing.carrier import Carrier
from convrun.run.problems import problem
from convrun.templates import render_text


@frozen
class PlayedTurn:
    """A turn that was played or passed over. `view` is None where nothing came back that checks could look at.

    `verified` are the checks that verified tools made, which count as its own. `excused`: it failed, as the spec says
    that it does. `faults` are those that were injected, in words.
    """

    bound: BoundTurn
    index: int
    verdict: Verdict
    user: str = ""
    view: TurnView | None = None
    problem: Problem | None = None
    checks: tuple[CheckResult, ...] = ()
    verified: tuple[CheckResult, ...] = ()
    reason: str | None = None
    faults: tuple[str, ...] = ()
    calls: tuple[ToolCallResult, ...] = ()
    model_calls: int = 0
    usage: UsageResult = field(default_factory=UsageResult)
    cost_usd: float | None = None
    refusal: str | None = None
    stops: bool = False
    excused: bool = False

    @property
    def skip(self) -> bool:
        """Whether the spec says that it is passed over."""
        return self.bound.spec.skip is not None

    def result(self) -> TurnResult:
        """Return the turn as reports see it."""
        return TurnResult(
            index=self.index,
            id=self.bound.spec.id,
            verdict=self.verdict,
            user=self.user,
            reply=self.view.reply if self.view and self.view.error is None else None,
            refusal=self.refusal,
            model_calls=self.model_calls,
            finish_reason=self.view.finish_reason if self.view else None,
            usage=self.usage,
            error=self.problem,
            faults=self.faults,
            tool_calls=self.calls,
            checks=self.checks,
            reason=self.reason,
            where=self.bound.spec.where,
        )


def skipped_turn(turn: BoundTurn, index: int, *, stale: bool, reason: str | None) -> PlayedTurn:
    """Return a turn that is not played; behind a stale one it is stale itself."""
    return PlayedTurn(
        bound=turn, index=index, verdict="stale" if stale else "skipped", user=turn.spec.user.source, reason=reason
    )


def up_to_the_error(played: Sequence[PlayedTurn]) -> Sequence[PlayedTurn]:
    """Return the turns up to one that ended in an error; nothing is to be said of those behind it."""
    errors = [turn.index for turn in played if turn.verdict == "error"]
    return played[: errors[0]] if errors else played


def play_turn(
    conversation: Conversation, carrier: Carrier, turn: BoundTurn, index: int, names: Mapping[str, object]
) -> PlayedTurn:
    """Say one turn to the conversation and return what came of it; errors of ours are values in it."""
    carrier.begin_turn(index, error_wanted=turn.spec.expect_error is not None)
    conversation.replaying = carrier.replaying
    user = turn.spec.user.source
    saying: Response | ChainResponse | None = None
    failure: ConvrunError | None = None
    try:
        user = render_text(turn.spec.user, names)
        saying = _prompted(conversation, turn, user, names)
        _read(saying, turn.spec.chain)
    except ConvrunError as error:
        failure = error
    responses = _complete(saying)
    refused = _refused(turn, failure, carrier)
    answered = bool(responses) or refused is not None
    view = turn_view(responses, index=index, id=turn.spec.id, user=user, error=refused) if answered else None
    played = PlayedTurn(
        bound=turn,
        index=index,
        verdict="passed",
        user=user,
        calls=view.tool_calls if view else (),
        model_calls=view.model_calls if view else 0,
        usage=view.usage if view else total_usage(()),
        cost_usd=view.cost_usd if view else 0.0,
        refusal=view.refusal if view else None,
        view=view,
    )
    return _judged_by_playing(played, carrier, failure)


def _refused(turn: BoundTurn, failure: ConvrunError | None, carrier: Carrier) -> ErrorAnswer | None:
    """The provider's error where the turn expects one; that no answer came is expected only where it is injected."""
    if turn.spec.expect_error is None or not isinstance(failure, ProviderError):
        return None
    if failure.is_answer:
        return ErrorAnswer(status=failure.status, message=failure.provider_message or "")
    return ErrorAnswer(status=failure.status, message=failure.what) if failure is carrier.injected else None


def _prompted(
    conversation: Conversation, turn: BoundTurn, user: str, names: Mapping[str, object]
) -> Response | ChainResponse:
    spec = turn.spec
    say = conversation.chain if spec.chain else conversation.prompt
    return say(
        user,
        system=render_text(spec.system, names) if spec.system is not None else None,
        attachments=[attachment(one, names, root=turn.root, at_most=turn.max_attachment) for one in spec.attachments],
        options=spec.options,
        schema=turn.schema,
    )


def _read(saying: Response | ChainResponse, chain: bool | int) -> None:
    """Read it all, or as many model calls as the turn has: tools that the last one wants are not run then."""
    if chain is True or not isinstance(saying, ChainResponse):
        saying.text()
    else:
        for response in islice(saying.responses(), chain):
            response.text()


def _complete(saying: Response | ChainResponse | None) -> list[Response]:
    """The responses that arrived whole."""
    begun = saying.begun if isinstance(saying, ChainResponse) else [saying] if saying is not None else []
    return [response for response in begun if response.done]


def _judged_by_playing(played: PlayedTurn, carrier: Carrier, failure: ConvrunError | None) -> PlayedTurn:
    """The verdict as far as playing decides it: what is stale cannot be wrong, and what went wrong stops the rest."""
    refused = played.view is not None and played.view.error is not None
    if carrier.staleness is not None:
        # Behind the first stale request nothing is an error; playing on ends where the recording no longer fits.
        return replace(played, verdict="stale", stops=failure is not None and not refused)
    if failure is None:
        return played
    where = played.bound.spec.where
    if refused:
        return replace(played, problem=problem(failure, where))  # whether it is the right one, the check says
    if isinstance(failure, ChainLimitError):
        return replace(played, verdict="failed", problem=problem(failure, where))
    return replace(played, verdict="error", problem=problem(failure, where), view=None, stops=True)
