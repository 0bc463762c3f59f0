"""Faults that a spec wants: a transport above the carrier, which lets go wrong what went right when it was recorded.

It always asks the carrier, so that a recording holds what the provider really said, with faults or without. What comes
of a fault is what the engine would live: a client's retries are counted, not waited for. Behind a fault that changed
something the recording may hold nothing: that is no staleness of it, and no answer to another question is played.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from convrun.backends.provider_errors import timed_out
from convrun.conversation.conversation import Conversation
from convrun.conversation.tool_running import Failing, RecordedResults, Verified
from convrun.conversation.tools import Tool, ToolCall, ToolOutput
from convrun.errors import CheckError, ConvrunError, ProviderError, SpecError, StaleError, ToolArgumentsError
from convrun.results import Change
from convrun.run.binding.bound_specs import BoundTurn
from convrun.run.planning.plan import Planned
from convrun.run.playing.carrier import Carrier
from convrun.run.playing.fault_replies import (
    REFUSING,
    REPLACING,
    Payloads,
    cut_off,
    host_of,
    hung_up,
    malformed,
    read,
    refusing,
    saying,
    with_payloads,
)
from convrun.run.playing.turn import PlayedTurn, play_turn
from convrun.source import Where
from convrun.spec.faults import RETRIED, turn_number
from convrun.spec.model import ModelFault, ToolFault
from convrun.templates import render_text
from convrun.wire import Reply, Request

_Value = TypeVar("_Value")
MAX_RETRIES = 2  # of the openai SDK, where the spec says nothing


class Faults:
    """Carries the requests of one conversation, with the faults of its spec; implements `wire.Transport`.

    `names` are what templates may name. For one that is `to_record`, what the recording does not hold behind a fault
    makes it stale, so that it is recorded; else it is an error.
    """

    def __init__(self, planned: Planned, carrier: Carrier, names: Mapping[str, object], *, to_record: bool) -> None:
        spec = planned.spec
        self._planned = planned
        self._carrier = carrier
        self._to_record = to_record
        of_model = [fault for fault in spec.faults if isinstance(fault, ModelFault)]
        of_tools = [fault for fault in spec.faults if isinstance(fault, ToolFault)]
        self._of_model = {(turn_number(fault, spec.turns) or 0, fault.model_call): fault for fault in of_model}
        self._of_tools = {(one.tool, one.call): (one, render_text(one.raises, names)) for one in of_tools}
        retries = planned.model.max_retries
        self._retries = MAX_RETRIES if retries is None else retries
        self._turn = 0  # 0: none is under way
        self._call = 0
        self._asked: dict[int, int] = {}  # model calls by turn
        self._called: dict[str, int] = {}  # calls by tool
        self._met: set[int] = set()  # faults that were injected, by identity
        self._notes: list[str] = []  # on those of the turn under way
        self._cut: str | None = None  # the arguments of a call that are to be made out of nothing
        # The faults behind which the recording need not go on: how each is called, and the turn that it altered.
        self._altering: list[tuple[int, ModelFault | ToolFault, str]] = []
        self._on_errors: set[int] = set()  # faults whose call was answered with an error, by identity
        self._lost: StaleError | None = None
        if carrier.lanes is not None:
            carrier.lanes.heed(self)

    def send(self, request: Request) -> Reply:
        """Send one request, and return what comes back of it; see `wire.Transport`.

        Raises:
            StaleError: also where the recording does not go on behind a fault.
            SpecError: where there is nothing in the reply that could go wrong so.
        """
        self._call += 1
        reply = self._beyond(lambda: self._carrier.send(request))
        fault = self._of_model.get((self._turn, self._call))
        if fault is None or self._carrier.staleness is not None:
            return reply
        return self._injected(fault, request, reply)

    def play_turn(
        self, conversation: Conversation, carrier: Carrier, turn: BoundTurn, index: int, names: Mapping[str, object]
    ) -> PlayedTurn:
        """Say one turn to the conversation, with its faults, and return what came of it; see `turn.play_turn`."""
        self._turn, self._call, self._notes = index, 0, []
        try:
            played = play_turn(conversation, carrier, turn, index, names)
        finally:
            self._asked[index], self._turn = self._call, 0
        return replace(played, faults=tuple(self._notes))

    def results(self, recorded: RecordedResults | None) -> RecordedResults:
        """Return what gives the engine recorded results, and errors for the calls that are to raise."""

        def found(tool: Tool, call: ToolCall) -> str | ToolOutput | Verified | Failing | None:
            number = self._called[call.name] = self._called.get(call.name, 0) + 1
            fault, text = self._of_tools.get((call.name, number), (None, ""))
            if fault is not None and self._carrier.staleness is None:
                self._note(fault, _named(fault, self._turn), f"{call.name}, call {number}: raises {text}")
                return Failing(error=RuntimeError(text))
            if self._cut is not None and call.arguments_text == self._cut:
                self._cut = None
                codeless = tool.implementation is None and tool.stand_in is None
                return Failing(error=ToolArgumentsError(call.arguments_error or "")) if codeless else None
            return self._beyond(lambda: recorded(tool, call)) if recorded is not None else None

        return found

    def unmet(self) -> ConvrunError | None:
        """Return the error of the first fault that was never injected, now that the conversation is over."""
        for fault in self._planned.spec.faults:
            if id(fault) in self._met or (isinstance(fault, ToolFault) and self._planned.trunks):
                continue  # whether a tool is called so often at all, the trunk says
            place: Where | None = fault.where
            if id(fault) in self._on_errors:
                said = "the recorded reply to that call is an error: there is nothing to change"
            elif isinstance(fault, ToolFault):
                made, place = self._called.get(fault.tool, 0), fault.places.get("call")
                said = f"{fault.tool!r} is called {_times(made)}"
            else:
                turn = turn_number(fault, self._planned.spec.turns) or 0
                made, place = self._asked.get(turn, 0), fault.places.get("model_call")
                said = f"turn {turn} makes {made} model call{'' if made == 1 else 's'}"
            what = f"the fault {_named(fault, 0)} was never injected: {said}"
            made_so = "answered" if id(fault) in self._on_errors else "made"
            return SpecError(what, where=place or fault.where, fix=f"take it out, or name a call that is {made_so}")
        return None

    def _beyond(self, ask: Callable[[], _Value]) -> _Value:
        """What is asked for, as long as the recording goes on with it; behind a fault it need not.

        Raises:
            StaleError: where it does not.
        """
        if self._lost is not None:
            raise self._lost
        before = self._carrier.staleness
        try:
            found = ask()
        except StaleError:
            self._look(before is not None)
            raise
        self._look(before is not None)
        return found

    def _look(self, before: bool) -> None:
        """Say what it is that the recording does not hold, where it is what follows on a fault."""
        stale = self._carrier.staleness
        if before or stale is None or not self._altering:
            return
        _, fault, named = self._altering[-1]
        if self._to_record:
            self._carrier.lose_behind(_following(named))
            return
        self._carrier.lose_behind(None)
        what = f"after the fault {named} the recording does not hold what comes next"
        self._lost = StaleError(what, where=fault.where, fix=self._fix)
        raise self._lost

    @property
    def has_altered(self) -> bool:
        """Whether a fault changed what checks see; see `lanes.Altering`."""
        return bool(self._altering)

    def unheld_of(self, turn: int) -> Change | None:
        """Return what is stale where a check of a turn asks what is not recorded; see `lanes.Altering`.

        Raises:
            CheckError: of a conversation that is not to be recorded.
        """
        named = [named for altered, _, named in self._altering if altered <= turn]
        if not named:
            return None
        if self._to_record:
            return _following(named[-1])
        raise CheckError(f"after the fault {named[-1]} the recording does not hold what this asks", fix=self._fix)

    @property
    def _fix(self) -> str:
        return f"record it: convrun record {shlex.quote(self._planned.id)}"

    def _note(self, fault: ModelFault | ToolFault, named: str | None, text: str) -> None:
        """Note that a fault was injected; unless all went on as if it had not been, `named` is how it is called."""
        self._met.add(id(fault))
        self._notes.append(text)
        self._altering += [(self._turn, fault, named)] if named else []

    def _injected(self, fault: ModelFault, request: Request, reply: Reply) -> Reply:
        name, named, at = fault.inject, _named(fault, self._turn), f"model call {self._call}: {fault.inject}"
        streamed = bool(request.body.get("stream"))
        if name in RETRIED or (name == "cut_stream" and not streamed):
            if fault.times <= self._retries:
                self._note(fault, None, f"{at} {_times(fault.times)}, then sent again")
                return reply
            self._note(fault, named, f"{at} {_in_each(self._retries + 1)}")
            read(reply)
            return self._failed(name, request)
        reply, payloads = read(reply)
        if name in REFUSING:
            self._note(fault, named, at)
            return refusing(name)
        if not payloads:  # no answer in which anything could go wrong: what came is wrong enough
            self._on_errors.add(id(fault))
            return reply
        if name in REPLACING:
            reply = with_payloads(reply, saying(name, payloads))
        elif name == "cut_stream":
            reply, error = cut_off(request, reply, payloads)
            self._carrier.inject(error)
        else:
            reply = self._malformed(fault, reply, payloads)
        self._note(fault, named, at)
        return reply

    def _failed(self, name: str, request: Request) -> Reply:
        """What comes of a request whose every attempt met the fault.

        Raises:
            ProviderError: where that is no answer.
        """
        if name in REFUSING:
            return refusing(name)
        host = host_of(request)
        error: ProviderError = timed_out(host, self._planned.model.timeout) if name == "timeout" else hung_up(request)
        self._carrier.inject(error)
        raise error

    def _malformed(self, fault: ModelFault, reply: Reply, payloads: Payloads) -> Reply:
        found = malformed(payloads)
        if found is None:
            what = f"the reply to {_place(fault, self._turn)} calls no tool: {fault.inject!r} has nothing to cut"
            raise SpecError(what, where=fault.where, fix="name a model call whose reply calls one")
        payloads, self._cut = found
        return with_payloads(reply, payloads)


def _named(fault: ModelFault | ToolFault, turn: int) -> str:
    """`'refusal' in turn 2, model call 1`."""
    if isinstance(fault, ToolFault):
        return f"in call {fault.call} of {fault.tool!r}"
    return f"{fault.inject!r} in {_place(fault, turn)}"


def _following(named: str) -> Change:
    """What is stale where it follows on the fault that is called so."""
    return Change(path="", part=f"what comes after the fault {named}")


def _place(fault: ModelFault, turn: int) -> str:
    return f"turn {turn or fault.turn}, model call {fault.model_call}"


def _in_each(attempts: int) -> str:
    return "in its only attempt" if attempts == 1 else f"in each of {attempts} attempts"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
