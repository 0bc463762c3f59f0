"""One conversation, from its first turn to its verdict."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from convrun.backends.resolving import backend_for
from convrun.checks.context import TurnView
from convrun.conversation.conversation import Conversation
from convrun.conversation.model import Model
from convrun.conversation.network import network_blocked, raise_refused
from convrun.conversation.tool_running import RecordedResults
from convrun.conversation.tools import Tool
from convrun.errors import CassetteError, ConvrunError, StaleError
from convrun.redaction import Redactor
from convrun.results import CheckResult, ConversationResult, Finding, Staleness, TurnResult, known_sum, total_usage
from convrun.run.binding.bind import BoundConversation
from convrun.run.binding.bound_specs import BoundTurn
from convrun.run.binding.bound_tools import BoundTool, opened
from convrun.run.planning.options import RecordMode, Rehearsal, RunOptions
from convrun.run.playing.carrier import Carrier
from convrun.run.playing.conversation_hooks import hooked
from convrun.run.playing.copies import end_copy
from convrun.run.playing.history import history_messages
from convrun.run.playing.judging import judge_conversation, judge_turn, template_names
from convrun.run.playing.known_failures import conversation_known_to_fail, turn_known_to_fail
from convrun.run.playing.opening import open_carrier
from convrun.run.playing.surroundings import Surroundings, shown_variables, temporary_folder
from convrun.run.playing.turn import PlayedTurn, play_turn, skipped_turn, up_to_the_error
from convrun.run.playing.uses import Uses
from convrun.run.problems import advised, problem
from convrun.run.secrets import redactor_for, told_without_secrets, without_secrets
from convrun.run.verdicts import of_checks, of_conversation
from convrun.templates import render_text
from convrun.wire import Transport

if TYPE_CHECKING:
    from convrun.run.playing.faults import Faults
    from convrun.run.playing.verifying import Verifying
    from convrun.source import Where


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
                return replace(empty, verdict="missing")
            result = _Run(bound, options, carrier, empty, redactor).result(environ)
    except ConvrunError as error:
        result = replace(empty, verdict="error", error=problem(error, planned.where, conversation=planned.id))
    result = told_without_secrets(result, redactor)
    return replace(result, duration_s=time.perf_counter() - began)


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
        self.recording = options.record is not RecordMode.NONE
        self.surroundings = Surroundings()
        self.views: list[TurnView] = []
        self.failure: ConvrunError | None = None
        self.uses = Uses(bound.spec, lambda: carrier.staleness is None)
        self.verifying: Verifying | None = None
        self.called: dict[str, Where | None] = {}  # the tools that a replay calls
        self.asked = carrier.lanes if bound.asked else None
        self.faults: Faults | None = None

    def result(self, environ: Mapping[str, str]) -> ConversationResult:
        """Play and judge; what goes wrong around the turns leaves those that were played."""
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
                conversation = self._conversation(environ)
                with hooked(self.bound.spec.before_conversation, conversation):
                    played += self._play(conversation)
                raise_refused()
            except ConvrunError as error:
                # That what a hook asks would go live is no error.
                self.failure = None if self._would_go_live and isinstance(error, StaleError) else error
            # The hooks are over: what they said to the model is in the recording too.
            checks = self._judge(played)
            if self.faults is not None and self.failure is None and self._every_turn_ran(played):
                self.failure = self.faults.unmet()
            result = self._concluded(played, checks)
        known = self.bound.planned.known_failure if self.bound.planned.sample is None else None  # else its group's
        return conversation_known_to_fail(result, known) if known else result

    def _names(self, purpose: str, turn: int = 0) -> dict[str, object]:
        """The names in what is sent."""
        return template_names(self.bound.planned.vars, self.views, self.surroundings.for_messages(purpose, turn))

    def _conversation(self, environ: Mapping[str, str]) -> Conversation:
        """The engine's conversation, over the carrier."""
        bound, spec = self.bound, self.bound.spec
        tools, recorded_results = self._tools()
        transport: Transport = self.carrier
        if spec.spec.faults:
            from convrun.run.playing.faults import Faults  # few specs have one

            to_record = self.options.refresh or self.options.rehearsal is not None
            transport = self.faults = Faults(bound.planned, self.carrier, self._names("faults"), to_record=to_record)
            recorded_results = self.faults.results(recorded_results)
        backend = backend_for(bound.model, transport, environ=environ, trusted_base_urls=bound.trusted)
        system = spec.spec.system
        conversation = Model(backend, stream=bound.planned.model.stream).conversation(
            system=render_text(system, self._names("system")) if system is not None else None,
            tools=tools,
            options=dict(spec.spec.options),
            before_call=self.uses.before_call,
            after_call=self.uses.after_call,
            chain_limit=spec.spec.chain_limit,
            history=history_messages(spec.spec.history, self._names("history")),
            tool_timeout=spec.spec.tool_timeout,
            recorded_results=recorded_results,
        )
        conversation.replaying = self.carrier.replaying
        return conversation

    def _tools(self) -> tuple[list[Tool], RecordedResults | None]:
        """The tools with their stand-ins, and what gives the recorded results of those that have such a policy."""
        tools: list[Tool] = []
        recorded: dict[str, BoundTool] = {}
        names = self._names("tools")
        for index, (tool, made) in enumerate(opened(self.bound.spec.tools, names)):
            self.uses.declared(index, made)
            tools += self._stubbed(tool, made, names) if tool.policy == "stub" else made
            recorded |= {one.name: tool for one in made} if tool.recorded else {}
            if tool.policy in ("live", "verify"):
                self.called |= {one.name: tool.spec.where for one in made}
        results = self.carrier.recorded_results(set(recorded)) if recorded else None
        verified = {name: tool.spec.where for name, tool in recorded.items() if tool.policy == "verify"}
        if results is None or not verified:
            return tools, results
        from convrun.run.playing.verifying import Verifying  # only where there is something to compare

        self.verifying = Verifying(
            results,
            self.carrier.attached,
            tools=verified,
            recorded=frozenset(recorded),
            redactor=self.redactor,
            conversation=self.empty.id,
        )
        return tools, self.verifying

    def _stubbed(self, tool: BoundTool, made: Sequence[Tool], names: Mapping[str, object]) -> list[Tool]:
        from convrun.run.binding.stubs import stubbed  # few specs have one

        in_checks = template_names(self.bound.planned.vars, (), self.surroundings.for_checks())
        spec = tool.spec
        return stubbed(made, spec.stub, names, in_checks, redactor=self.redactor, where=spec.where)

    def _play(self, conversation: Conversation) -> Iterator[PlayedTurn]:
        """Play turn by turn; judge each at once, so that a failed one stops the rest, unless this is a recording."""
        stopped = False
        for index, turn in enumerate(self.bound.spec.turns, start=1):
            stale = self.carrier.staleness is not None
            if stopped:
                yield skipped_turn(turn, index, stale=stale, reason=None if stale else "not reached")
                continue
            if turn.spec.skip:
                played = skipped_turn(turn, index, stale=stale, reason=turn.spec.skip)
            else:
                play = play_turn if self.faults is None else self.faults.play_turn
                played = play(conversation, self.carrier, turn, index, self._names("turn", index))
                played = replace(played, verified=self.verifying.taken()) if self.verifying else played
            view = played.view or TurnView(index=index, id=turn.spec.id, model_calls=0)
            # A secret is its placeholder to later templates and to checks: what they make of it is so on replay, too.
            self.views.append(without_secrets(view, self.redactor))
            if not self.recording:
                played = self._judged(played)
            stopped = played.stops or (not self.recording and self._ends(played))
            yield played

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
        late = self.verifying.taken() if self.verifying is not None else ()  # of what hooks asked behind the last turn
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
        answered = sum(turn.verdict in ran or turn.skip or turn.excused for turn in played)
        return answered == len(self.bound.spec.turns)

    def _keep(self, *, judged: bool = True) -> None:
        try:
            self.carrier.finish(judged=judged)
        except CassetteError as error:  # what was answered is judged and shown all the same
            self.failure = error

    def _judged(self, played: PlayedTurn) -> PlayedTurn:
        if played.view is None:
            return played
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
        return turn_known_to_fail(judged, known) if known else judged

    def _hinted(self, checks: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
        if all(check.verdict != "failed" for check in checks):
            return checks
        from convrun.run.redacted import hinted  # what holds needs no hint

        return tuple(hinted(check, self.redactor) for check in checks)

    def _concluded(self, played: Sequence[PlayedTurn], checks: tuple[CheckResult, ...]) -> ConversationResult:
        told = up_to_the_error(played)
        turns = tuple(turn.result() for turn in told)
        if played and all(turn.skip for turn in played) and not self.failure:
            return replace(self.empty, reason="every turn is skipped")
        failure = problem(self.failure, self.empty.where, conversation=self.empty.id) if self.failure else None
        kept = self.carrier.kept
        if kept is not None:
            failure = advised(failure, kept) if failure else None
            turns = tuple(
                replace(turn, error=advised(turn.error, kept)) if turn.error and turn.verdict == "error" else turn
                for turn in turns
            )
        verdict = "error" if failure else "stale" if self._would_go_live else of_conversation(turns, checks)
        reason = next((turn.reason for turn in played if turn.excused), None) if verdict == "unchecked" else None
        verdict = "skipped" if reason else verdict  # what failed as it is known to was all that was checked
        return replace(
            self.empty,
            verdict=verdict,
            reason=reason,
            error=failure or next((turn.error for turn in turns if turn.verdict == "error"), None),
            model_calls=sum(turn.model_calls for turn in turns),
            live_calls=self.carrier.live_calls,
            spent=self.carrier.spent,
            usage=total_usage(turn.usage for turn in turns if turn.model_calls),
            cost_usd=known_sum(turn.cost_usd for turn in told if turn.model_calls),
            stale=self._stale(played, turns),
            ignored=self.carrier.ignored,
            turns=turns,
            checks=checks,
            used=self.uses.of(turns),
            findings=tuple(self._findings(verdict, played)) if not failure and self._every_turn_ran(played) else (),
        )

    def _stale(self, played: Sequence[PlayedTurn], turns: Sequence[TurnResult]) -> Staleness | None:
        """The first request that was not recorded, with what the run knows of it."""
        stale, bound = self.carrier.staleness, self.bound
        if stale is None:
            return self.asked.staleness if self.asked is not None else None
        from convrun.run.playing.own_texts import own_texts  # only once something is stale
        from convrun.run.playing.staleness import Surrounding, explained

        spec = bound.spec.spec
        own = own_texts(spec, bound.planned.model)
        around = Surrounding(
            users=[self._said(turn, index, played) for index, turn in enumerate(bound.spec.turns)],
            redactor=self.redactor,
            calls=[call for turn in turns if turn.index == stale.turn for call in turn.tool_calls],
            tools=self.uses.returned,
            before_call=[getattr(hook, "__name__", repr(hook)) for hook in bound.spec.before_call],
            after_call=[getattr(hook, "__name__", repr(hook)) for hook in bound.spec.after_call],
            suspects=self.carrier.suspects,
            own=(one.text for one in own if one.where is not None and one.where.file == spec.file),
            stubs=frozenset(name for tool in bound.spec.tools if tool.policy == "stub" for name in tool.names),
        )
        return explained(stale, around)

    def _said(self, turn: BoundTurn, index: int, played: Sequence[PlayedTurn]) -> str:
        """What the user says in a turn, as far as that is known."""
        if index < len(played) and played[index].view is not None:
            return played[index].user
        try:
            return render_text(turn.spec.user, self._names("turn", index + 1))
        except ConvrunError:  # it takes up a reply that never came
            return turn.spec.user.source

    def _findings(self, verdict: str, played: Sequence[PlayedTurn]) -> Iterator[Finding]:
        where = self.empty.where
        if self.recording and self.carrier.live_calls:
            from convrun.run.redacted import secrets_given  # a replay gives nobody a secret

            yield from secrets_given(played, self.called, self.redactor)
        if verdict == "unchecked":
            fix = "add checks under `expect:`; what is not checked cannot be right"
            yield Finding(kind="unchecked", message="the conversation has no check", where=where, fix=fix)
        unplayed, lanes = self.carrier.unplayed, self.carrier.lanes
        unasked = lanes.unplayed if lanes is not None and verdict in {"passed", "failed", "unchecked"} else ()
        if unplayed or unasked:
            from convrun.run.findings.unplayed import unplayed_finding  # most recordings are as long as their specs

            yield unplayed_finding(
                unplayed, unasked, conversation=self.empty.id, cassette=self.empty.cassette, where=where
            )
