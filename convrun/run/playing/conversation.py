"""One conversation, from its first turn to its verdict."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from convrun.checks.context import TurnView
from convrun.conversation.conversation import Conversation
from convrun.conversation.network import network_blocked, raise_refused
from convrun.errors import CassetteError, ConvrunError, StaleError
from convrun.redaction import Redactor
from convrun.results import BranchedOff, CheckResult, ConversationResult
from convrun.run.binding.bind import BoundConversation
from convrun.run.binding.bound_specs import BoundTurn
from convrun.run.planning.options import RecordMode, Rehearsal, RunOptions
from convrun.run.planning.plan import Planned, Trunk
from convrun.run.playing.carrier import Carrier
from convrun.run.playing.concluding import Over, concluded
from convrun.run.playing.copies import end_copy
from convrun.run.playing.equipment import Equipment
from convrun.run.playing.judging import judge_conversation, judge_turn, template_names
from convrun.run.playing.opening import open_carrier
from convrun.run.playing.surroundings import Surroundings, shown_variables, temporary_folder
from convrun.run.playing.turn import PlayedTurn, play_turn, skipped_turn
from convrun.run.problems import problem
from convrun.run.secrets import redactor_for, told_without_secrets, without_secrets
from convrun.run.verdicts import of_checks

if TYPE_CHECKING:
    from convrun.run.playing.simulating import Stage


def blank_result(bound: BoundConversation) -> ConversationResult:
    """Return the result of a conversation of which nothing is known but who it is: skipped."""
    planned = bound.planned
    return ConversationResult(
        id=planned.id,
        spec=planned.spec.file,
        case=planned.case.id if planned.case else None,
        verdict="skipped",
        model=bound.model.name,
        tags=planned.spec.tags,
        vars=planned.vars,
        cassette=planned.cassette_shown,
        where=planned.where,
        branched=_branched_off(planned.trunks) if planned.trunks else None,
        sample=planned.sample,
    )


def run_conversation(
    bound: BoundConversation, options: RunOptions, *, environ: Mapping[str, str]
) -> ConversationResult:
    """Run one conversation and return its result; whatever goes wrong in it is in there."""
    began = time.perf_counter()
    if options.rehearsal is Rehearsal.ON_PAPER:
        from convrun.run.playing.rehearsing import on_paper  # a run does without

        bound = on_paper(bound)
    planned = bound.planned
    empty = blank_result(bound)
    if planned.skip:
        return replace(empty, reason=planned.skip)
    redactor = redactor_for(bound, environ)
    try:
        with open_carrier(bound, options, environ=environ, redactor=redactor) as carrier:
            if carrier is None:
                return replace(empty, verdict="missing", reason=_lacking(bound))
            result = _Run(bound, options, carrier, empty, redactor).result(environ)
    except ConvrunError as error:
        told = problem(error, planned.where, conversation=_to_record(planned, error))
        result = replace(empty, verdict="error", error=told)
    result = told_without_secrets(result, redactor)
    return replace(result, duration_s=time.perf_counter() - began)


def _to_record(planned: Planned, error: ConvrunError) -> str:
    """The id of the conversation whose recording an error is about: a branch plays those of its trunks, too."""
    shown = error.where.file if error.where is not None else None
    return next((trunk.id for trunk in planned.trunks if trunk.cassette_shown == shown), planned.id)


def _branched_off(trunks: Sequence[Trunk]) -> BranchedOff:
    return BranchedOff(trunk=trunks[-1].id, turn=trunks[-1].turns, root=trunks[0].id)


def _lacking(bound: BoundConversation) -> str | None:
    """Why a branch is missing that may have a recording of its own."""
    if not bound.planned.trunks:
        return None
    from convrun.run.playing.borrowing import lacking  # few specs have branches

    return lacking(bound.planned)


def play_conversation(
    bound: BoundConversation, options: RunOptions, carrier: Carrier, *, environ: Mapping[str, str]
) -> ConversationResult:
    """Run one conversation over this carrier and return its result."""
    return _Run(bound, options, carrier, blank_result(bound), redactor_for(bound, environ)).result(environ)


class _Run:
    """The conversation under way: what was played so far, and what the checks say of it."""

    def __init__(
        self,
        bound: BoundConversation,
        options: RunOptions,
        carrier: Carrier,
        empty: ConversationResult,
        redactor: Redactor,
    ) -> None:
        self.bound = bound
        self.options = options
        self.carrier = carrier
        self.empty = empty
        self.redactor = redactor
        self.environ: Mapping[str, str] = {}
        self.reached_the_end = False  # of the spec's turns
        self.recording = options.record is not RecordMode.NONE
        self.surroundings = Surroundings()
        self.views: list[TurnView] = []
        self.failure: ConvrunError | None = None
        self.equipment = Equipment(bound, options, carrier, redactor)
        self.asked = carrier.lanes if bound.asked else None

    def result(self, environ: Mapping[str, str]) -> ConversationResult:
        """Play and judge; what goes wrong around the turns leaves those that were played."""
        self.environ = environ
        played: list[PlayedTurn] = []
        with ExitStack() as stack:
            spec = self.bound.spec
            folder = temporary_folder(stack) if spec.wants_folder else None
            env = shown_variables(spec.variables, environ)
            self.surroundings = Surroundings(tmp=folder, env=env, freeze=spec.spec.freeze, tools=spec.tools)
            stack.callback(end_copy, os.getpid())  # before the folder goes, and what is recorded
            if self.bound.block_network:
                # Where nothing may go live, it is offline as well that an offline model has no recording.
                stack.enter_context(network_blocked(lambda: self.carrier.replaying or not self.recording))
            try:
                conversation = self.equipment.conversation(self.surroundings, environ)
                with self._hooked(conversation):
                    played += self._play(conversation)
                raise_refused()
            except ConvrunError as error:
                # That what a hook asks would go live is no error.
                self.failure = None if self._would_go_live and isinstance(error, StaleError) else error
            # The hooks are over: what they said to the model is in the recording too.
            checks = self._judge(played)
            faults = self.equipment.faults
            if faults is not None and self.failure is None and self._every_turn_ran(played):
                self.failure = faults.unmet()
            result = concluded(self._over(played, checks))
        known = self.bound.planned.known_failure if self.bound.planned.sample is None else None  # else its group's
        if known is None:
            return result
        from convrun.run.playing.known_failures import conversation_known_to_fail  # few specs have one

        return conversation_known_to_fail(result, known)

    def _over(self, played: Sequence[PlayedTurn], checks: tuple[CheckResult, ...]) -> Over:
        """What the result is made of."""
        return Over(
            bound=self.bound,
            carrier=self.carrier,
            equipment=self.equipment,
            redactor=self.redactor,
            empty=self.empty,
            played=played,
            checks=checks,
            failure=self.failure,
            whole=self._every_turn_ran(played),
            recording=self.recording,
            would_go_live=self._would_go_live,
            names=partial(self._names, "turn"),
        )

    def _hooked(self, conversation: Conversation) -> AbstractContextManager[None]:
        """The time between the two halves of the `before_conversation` hooks."""
        hooks = self.bound.spec.before_conversation
        if not hooks:
            return nullcontext()
        from convrun.run.playing.conversation_hooks import hooked  # few specs have one

        return hooked(hooks, conversation)

    def _names(self, purpose: str, turn: int = 0) -> dict[str, object]:
        """The names in what is sent."""
        return template_names(self.bound.planned.vars, self.views, self.surroundings.for_messages(purpose, turn))

    def _play(self, conversation: Conversation) -> Iterator[PlayedTurn]:
        """Play turn by turn; judge each at once, so that a failed one stops the rest, unless this is a recording."""
        stopped, index = False, 0
        for turn in self.bound.spec.turns:
            for played in self._turns_of(turn, index + 1, conversation, stopped=stopped):
                stopped, index = stopped or played.stops, played.index
                yield played
        self.reached_the_end = True

    def _turns_of(
        self, turn: BoundTurn, index: int, conversation: Conversation, *, stopped: bool
    ) -> Iterator[PlayedTurn]:
        """Play what a turn of the spec stands for, from this number on: itself, or those of a simulated user."""
        if stopped:
            stale = self.carrier.staleness is not None
            yield skipped_turn(turn, index, stale=stale, reason=None if stale else "not reached")
        elif turn.spec.simulate is None or turn.spec.skip:
            yield self._settled(self._said(conversation, turn, index))
        else:
            from convrun.run.playing.simulating import simulated  # few specs have one

            yield from simulated(turn, index, self._stage(conversation))

    def _said(self, conversation: Conversation, turn: BoundTurn, index: int) -> PlayedTurn:
        """Play one turn, or pass over it, and note what later ones see of it."""
        if turn.spec.skip:
            stale = self.carrier.staleness is not None
            played = skipped_turn(turn, index, stale=stale, reason=turn.spec.skip)
        else:
            play = play_turn if self.equipment.faults is None else self.equipment.faults.play_turn
            played = play(conversation, self.carrier, turn, index, self._names("turn", index))
            verifying = self.equipment.verifying
            played = replace(played, verified=verifying.taken()) if verifying is not None else played
        view = played.view or TurnView(index=index, id=turn.spec.id, model_calls=0)
        # A secret is its placeholder to later templates and to checks: what they make of it is so on replay, too.
        self.views.append(without_secrets(view, self.redactor))
        return played

    def _settled(self, played: PlayedTurn) -> PlayedTurn:
        """The turn, judged unless this is a recording; it says whether it stops the rest."""
        if self.recording:
            return played
        judged = self._judged(played)
        return replace(judged, stops=judged.stops or self._ends(judged))

    def _stage(self, conversation: Conversation) -> Stage:
        """What a simulated user speaks in."""
        from convrun.run.playing.simulating import Stage

        def until(turn: BoundTurn) -> tuple[CheckResult, ...]:
            return self._hinted(judge_turn(turn.until, self.views, self.bound.planned.vars, self.surroundings))

        return Stage(
            bound=self.bound,
            carrier=self.carrier,
            redactor=self.redactor,
            environ=self.environ,
            views=self.views,
            names=partial(self._names, "turn"),
            at_start=partial(self._names, "history"),
            play=partial(self._said, conversation),
            judged=self._settled,
            until=until,
            rehearsal=self.options.rehearsal,
        )

    def _ends(self, played: PlayedTurn) -> bool:
        """Whether no turn may follow: an error always ends a conversation, a failure unless told otherwise.

        One that is known to fail is played on: what a known failure does not cover may lie behind the failed turn.
        """
        on = self.options.keep_going or self.bound.planned.known_failure is not None
        return played.verdict == "error" or (played.verdict == "failed" and not on)

    def _judge(self, played: list[PlayedTurn]) -> tuple[CheckResult, ...]:
        """Keep the recording, judge what was not judged while playing, then the conversation's own checks."""
        if self._would_go_live:
            return ()  # it will be recorded, and judged then
        if self.recording:
            # What was paid for is kept, whatever the checks say of it; what they ask themselves is kept with it.
            whole, asked = self._every_turn_ran(played), self.asked is not None
            if whole and not asked:
                self._keep()
            played[:] = [self._judged(turn) for turn in played]
            own = self._own_checks(played) if whole else ()
            if whole and asked:
                every = (*own, *(check for turn in played for check in turn.checks))
                self._keep(judged=all(check.verdict != "error" for check in every))
            return own
        return self._own_checks(played)

    def _own_checks(self, played: Sequence[PlayedTurn]) -> tuple[CheckResult, ...]:
        """The conversation's own checks, where every turn was answered."""
        if not self._every_turn_ran(played):
            return ()
        # A turn that was passed over has no reply: the last one that ran is what text checks look at.
        last = max((turn.index for turn in played if turn.view is not None), default=0)
        views = self.views[:last]
        verifying = self.equipment.verifying
        late = verifying.taken() if verifying is not None else ()  # of what hooks asked behind the last turn
        lanes = self.asked.at(last) if self.asked is not None else None
        own = judge_conversation(self.bound.spec.checks, views, self.bound.planned.vars, self.surroundings, lanes=lanes)
        return (*late, *self._hinted(own))

    @property
    def _would_go_live(self) -> bool:
        """Whether this is a rehearsal, and over."""
        return self.options.rehearsal is not None and self.carrier.staleness is not None

    def _every_turn_ran(self, played: Sequence[PlayedTurn]) -> bool:
        """Whether each turn was answered, but for those that the spec passes over."""
        ran = {"passed", "failed"} if self.carrier.staleness is not None else {"passed", "failed", "stale"}
        return self.reached_the_end and all(turn.verdict in ran or turn.skip or turn.excused for turn in played)

    def _keep(self, *, judged: bool = True) -> None:
        try:
            self.carrier.finish(judged=judged)
        except CassetteError as error:  # what was answered is judged and shown all the same
            self.failure = error

    def _judged(self, played: PlayedTurn) -> PlayedTurn:
        if played.view is None or played.index <= self.bound.planned.spec.borrowed:
            return played  # what is borrowed from a trunk is judged there
        info = played.verdict == "stale"
        views = self.views[: played.index]
        lanes = self.asked.at(played.index, info=info) if self.asked is not None else None
        checks = judge_turn(
            played.bound.checks, views, self.bound.planned.vars, self.surroundings, info=info, lanes=lanes
        )
        checks = self._hinted(checks)
        checks = (*(replace(check, info=info) for check in played.verified), *checks)
        verdict = played.verdict
        if verdict == "passed":
            verdict = of_checks(checks)
        judged = replace(played, checks=checks, verdict=verdict)
        known = played.bound.spec.known_failure
        if known is None:
            return judged
        from convrun.run.playing.known_failures import turn_known_to_fail  # few specs have one

        return turn_known_to_fail(judged, known)

    def _hinted(self, checks: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
        if all(check.verdict != "failed" for check in checks):
            return checks
        from convrun.run.redacted import hinted  # what holds needs no hint

        return tuple(hinted(check, self.redactor) for check in checks)
