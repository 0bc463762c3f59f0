"""A recording is rehearsed: what is known is played, and where it would go live it ends. On paper no code runs.

On paper tools give what they gave when they were recorded, found by the link from call to result. Their schemas are
those of today's code, a class's without an object of it. Hooks and checks are left out, but for what checks would ask
a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

from convrun.cassette.files import load
from convrun.cassette.interaction import Interaction
from convrun.cassette.kept.known import Known
from convrun.checks.registry import asks_model, runs_code
from convrun.conversation.tools import Tool
from convrun.errors import CassetteError, StaleError
from convrun.run.binding.bind import BoundConversation
from convrun.run.binding.bound_checks import BoundCheck
from convrun.run.binding.bound_specs import BoundTurn
from convrun.run.binding.bound_tools import BoundTool
from convrun.values import JsonObject
from convrun.wire import Reply, Request


class Refusing:
    """Answers from what is known, up to the first request that is not; implements `wire.Transport`."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._over = False

    def send(self, request: Request) -> Reply:
        """Return the recorded reply to a request.

        Raises:
            StaleError: from the first request on that would go live.
            CassetteError: where the request is nested too deeply to be looked up.
        """
        reply = None if self._over else self._known.play(request)
        if reply is None:
            self._over = True
            refuse()
        return reply


def refuse() -> NoReturn:
    """Go live: a rehearsal does not.

    Raises:
        StaleError: in any case.
    """
    raise StaleError("from here on it would go live", fix="record it")


def on_paper(bound: BoundConversation) -> BoundConversation:
    """Return a conversation in which nothing of the project's code is called."""
    spec, planned = bound.spec, bound.planned
    case = replace(planned.case, known_failure=None) if planned.case is not None else None
    return replace(
        bound,
        planned=replace(planned, case=case, spec=replace(planned.spec, known_failure=None)),
        spec=replace(
            spec,
            tools=tuple(_without_code(spec.tools, bound)),
            before_call=(),
            after_call=(),
            before_conversation=(),
            turns=tuple(map(_unjudged, spec.turns)),
            checks=_asking(spec.checks),
        ),
    )


def makes_tools(tool: BoundTool) -> bool:
    """Return whether it is a class that says only at run time which tools it has beside its methods."""
    return not isinstance(tool.made, Tool) and tool.made.adds_tools()


def _unjudged(turn: BoundTurn) -> BoundTurn:
    until = () if any(runs_code(one.spec.kind, one.spec.value) for one in turn.until) else turn.until
    return replace(turn, checks=_asking(turn.checks), until=until, spec=replace(turn.spec, known_failure=None))


def _asking(checks: Iterable[BoundCheck]) -> tuple[BoundCheck, ...]:
    """The checks that ask a model, and run no code: what they would ask is known."""
    kinds = [(one, one.spec.kind, one.spec.value) for one in checks]
    return tuple(
        replace(one, only_asks=True)
        for one, kind, value in kinds
        if asks_model(kind, value) and not runs_code(kind, value)
    )


def _without_code(tools: Sequence[BoundTool], bound: BoundConversation) -> Iterator[BoundTool]:
    """Each tool as one that only its recording answers for; a class as its methods and what it once had beside them.

    A stub stays one where no hook would have a say: its value is no code.
    """
    hooked = bool(bound.spec.before_call or bound.spec.after_call)
    made = [
        (tool, (tool.made,) if isinstance(tool.made, Tool) else tool.made.described(tool.spec.name)) for tool in tools
    ]
    recorded = _recorded(bound) if any(makes_tools(tool) for tool in tools) else []
    others = _others(recorded, {one.name for _, every in made for one in every})
    known = {str(function.get("name")) for function in recorded}
    last: str | None = None
    for tool, every in made:
        last = next((one.name for one in reversed(every) if one.name in known), last)
        for one in (*every, *(_added(tool, others.pop(last, [])) if makes_tools(tool) else ())):
            yield replace(tool, made=one, policy="stub" if tool.policy == "stub" and not hooked else "replay")


def _added(tool: BoundTool, found: Iterable[Tool]) -> Iterator[Tool]:
    """Those of the tools found that the class may have added: what is called as its methods are was one of them."""
    own = tool.spec.name or getattr(tool.made, "__name__", "")
    yield from (one for one in found if not one.name.startswith(f"{own}_"))


def _others(recorded: Sequence[JsonObject], known: set[str]) -> dict[str | None, list[Tool]]:
    """The recorded tools that today's code does not show, by the tool behind which they stand."""
    found: dict[str | None, list[Tool]] = {}
    last: str | None = None
    for function in recorded:
        name = str(function.get("name"))
        if name in known:
            last = name
        elif name:
            found.setdefault(last, []).append(Tool.declared(function))
    return found


def _recorded(bound: BoundConversation) -> list[JsonObject]:
    """The functions of the first recorded request that has any."""
    interactions: list[Interaction] = []
    planned = bound.planned
    files = [(one.cassette, one.cassette_shown) for one in planned.trunks]
    for path, shown in (*files, (planned.cassette, planned.cassette_shown)):
        with suppress(CassetteError):  # said where it is played
            interactions += load(path, shown).interactions
    for interaction in interactions:
        body = interaction.request.body
        tools = body.get("tools") if isinstance(body, dict) else None
        if isinstance(tools, list) and tools:
            functions = [tool.get("function") for tool in tools if isinstance(tool, dict)]
            return [one for one in functions if isinstance(one, dict) and isinstance(one.get("name"), str)]
    return []
