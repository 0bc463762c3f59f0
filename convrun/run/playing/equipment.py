"""What a conversation is played with: the engine's conversation, its tools and what stands in for them, and faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from convrun.backends.resolving import backend_for
from convrun.conversation.conversation import Conversation
from convrun.conversation.messages import Message
from convrun.conversation.model import Model
from convrun.conversation.tool_running import RecordedResults
from convrun.conversation.tools import Tool
from convrun.redaction import Redactor
from convrun.run.binding.bind import BoundConversation
from convrun.run.binding.bound_tools import BoundTool, opened
from convrun.run.planning.options import RunOptions
from convrun.run.playing.carrier import Carrier
from convrun.run.playing.judging import template_names
from convrun.run.playing.surroundings import Surroundings
from convrun.run.playing.uses import Uses
from convrun.source import Where
from convrun.spec.model import HistoryMessage
from convrun.templates import render_text
from convrun.wire import Transport

if TYPE_CHECKING:
    from convrun.run.playing.faults import Faults
    from convrun.run.playing.verifying import Verifying


class Equipment:
    """Makes the engine's conversation, and has then what that is played with.

    `uses` notes what of it is used, `verifying` compares recorded results with those of today, `faults` lets go wrong
    what the spec wants; None where there is nothing to. `called` are the tools that a replay calls, with their places.
    """

    def __init__(self, bound: BoundConversation, options: RunOptions, carrier: Carrier, redactor: Redactor) -> None:
        self.uses = Uses(bound.spec, lambda: carrier.staleness is None)
        self.verifying: Verifying | None = None
        self.faults: Faults | None = None
        self.called: dict[str, Where | None] = {}
        self._bound = bound
        self._options = options
        self._carrier = carrier
        self._redactor = redactor

    def conversation(self, surroundings: Surroundings, environ: Mapping[str, str]) -> Conversation:
        """Return the engine's conversation, over the carrier.

        Raises:
            ConvrunError: where a template fails, or a tool cannot be made.
        """
        bound, spec = self._bound, self._bound.spec

        def names(purpose: str) -> dict[str, object]:
            return template_names(bound.planned.vars, (), surroundings.for_messages(purpose))

        tools, recorded_results = self._tools(names("tools"), surroundings)
        transport: Transport = self._carrier
        if spec.spec.faults:
            from convrun.run.playing.faults import Faults  # few specs have one

            to_record = self._options.refresh or self._options.rehearsal is not None
            transport = self.faults = Faults(bound.planned, self._carrier, names("faults"), to_record=to_record)
            recorded_results = self.faults.results(recorded_results)
        backend = backend_for(bound.model, transport, environ=environ, trusted_base_urls=bound.trusted)
        system = spec.spec.system
        conversation = Model(backend, stream=bound.planned.model.stream).conversation(
            system=render_text(system, names("system")) if system is not None else None,
            tools=tools,
            options=dict(spec.spec.options),
            before_call=self.uses.before_call,
            after_call=self.uses.after_call,
            chain_limit=spec.spec.chain_limit,
            history=_history(spec.spec.history, names("history")) if spec.spec.history else [],
            tool_timeout=spec.spec.tool_timeout,
            recorded_results=recorded_results,
            max_attachment=spec.max_attachment,
        )
        conversation.replaying = self._carrier.replaying
        return conversation

    def _tools(
        self, names: Mapping[str, object], surroundings: Surroundings
    ) -> tuple[list[Tool], RecordedResults | None]:
        """The tools with their stand-ins, and what gives the recorded results of those that have such a policy."""
        tools: list[Tool] = []
        recorded: dict[str, BoundTool] = {}
        for index, (tool, made) in enumerate(opened(self._bound.spec.tools, names)):
            self.uses.declared(index, made)
            tools += self._stubbed(tool, made, names, surroundings) if tool.policy == "stub" else made
            recorded |= {one.name: tool for one in made} if tool.recorded else {}
            if tool.policy in ("live", "verify"):
                self.called |= {one.name: tool.spec.where for one in made}
        results = self._carrier.recorded_results(set(recorded)) if recorded else None
        verified = {name: tool.spec.where for name, tool in recorded.items() if tool.policy == "verify"}
        if results is None or not verified:
            return tools, results
        from convrun.run.playing.verifying import Verifying  # only where there is something to compare

        self.verifying = Verifying(
            results,
            self._carrier.attached,
            tools=verified,
            recorded=frozenset(recorded),
            redactor=self._redactor,
            conversation=self._bound.planned.id,
        )
        return tools, self.verifying

    def _stubbed(
        self, tool: BoundTool, made: Sequence[Tool], names: Mapping[str, object], surroundings: Surroundings
    ) -> list[Tool]:
        from convrun.run.binding.stubs import stubbed  # few specs have one

        in_checks = template_names(self._bound.planned.vars, (), surroundings.for_checks())
        spec = tool.spec
        return stubbed(made, spec.stub, names, in_checks, redactor=self._redactor, where=spec.where)


def _history(history: Sequence[HistoryMessage], names: Mapping[str, object]) -> list[Message]:
    from convrun.run.playing.history import history_messages  # few specs have one

    return history_messages(history, names)
