"""Checks that say nothing: they hold as well for an empty reply, for any other, and whatever was called.

Only what looks at the reply or at calls can be so by mistake. Figures, code and models are not asked: a limit that is
kept is worth a check, and so is what `not` says. A check of calls says nothing where all declared tools may be called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import TypeAlias

from convrun.checks.catalogue.combined import Combination, Reasoned
from convrun.checks.check import Check
from convrun.checks.context import CheckContext, TurnView
from convrun.checks.registry import KINDS, inner
from convrun.checks.views import parsed_reply
from convrun.errors import CheckError
from convrun.results import ToolCallResult, UsageResult
from convrun.values import JsonObject

Declared: TypeAlias = Callable[[], frozenset[str] | None]  # the names of the declared tools; None: not known

REPLIES = (
    "",  # nearly every check fails here
    "qzv wub 7 kjx\nplo",
    "~`!@#$%^&*()-_=+[]{}\\|;:'\",.<>/? Xyw-93\r\n\n\tMbf\u00e4\u4e2d",
    '{"k7": [1, "wub"], "z": null}',
)
NEVER = frozenset(  # kinds whose values cannot be so: no need to try
    {
        *("equals", "one_of", "contains", "icontains", "contains_all", "contains_any"),
        *("starts_with", "ends_with", "json", "json_schema"),
    }
)
_LONG = "wub kjx. " * 5_000
_QUOTED = re.compile(r"'((?:\\.|[^'\\])*)'|\"((?:\\.|[^\"\\])*)\"", re.DOTALL)
_GIVEN = frozenset({"index", "id", "user"})  # fields of a turn that the spec says


def holds_for_anything(kind: str, value: object, check: Check, context: CheckContext, declared: Declared) -> bool:
    """Return whether a check, of this kind and rendered value, holds in its context and for every reply that is tried.

    One of calls does where it holds without any, and where all tools were called, that of prompts where there was none
    to compare with. `all_of` does where each of its checks does, `any_of` where one does; `not` never.
    """
    if isinstance(check, Reasoned):
        check = check.inner
    if isinstance(check, Combination):
        parts = zip(inner(kind, value), check.parts, strict=True)
        weak = (holds_for_anything(name, found, part, context, declared) for (_, name, found), part in parts)
        return all(weak) if check.wanted == "all" else any(weak)
    known = KINDS.get(kind)
    if known is not None and known.family == "calls":
        return _holds(check, _contexts()[0]) and _holds_for_calls(check, declared())
    if kind == "prefix_stable":
        return _holds(check, context) and check.evaluate(context).actual == 0
    if known is None or known.family != "text" or kind in NEVER:
        return False
    if kind == "that":
        contexts = chain(_contexts(), _for_expression(str(value)))
        return not _looks_further(str(value)) and all(_holds(check, _in_place(one, context)) for one in contexts)
    return all(_holds(check, one) for one in _contexts())


def _holds_for_calls(check: Check, tools: frozenset[str] | None) -> bool:
    return bool(tools) and _holds(check, _called(tools))


def _for_expression(source: str) -> Iterator[CheckContext]:
    """More contexts: an expression may count, and may say what is not to be there."""
    yield _context(_LONG, *["wub"] * 200)
    for match in _QUOTED.finditer(source):
        text = match[1] or match[2] or ""
        yield _context(text, text)


def _looks_further(source: str) -> bool:
    from convrun.templates.expressions import Expression  # it is loaded: the check was evaluated

    expression = Expression.of(source)
    return "usage" in expression.names or not expression.read <= _GIVEN


def _in_place(tried: CheckContext, context: CheckContext) -> CheckContext:
    """The context with the turns and vars of another, of which an expression sees what the spec says."""
    turn = replace(tried.turn, index=context.turn.index, id=context.turn.id, user=context.turn.user)
    return replace(tried, turn=turn, turns=context.turns, vars=context.vars)


def _holds(check: Check, context: CheckContext) -> bool:
    try:
        return check.evaluate(context).passed
    except CheckError:
        return False


@cache
def _contexts() -> tuple[CheckContext, ...]:
    return (*map(_context, REPLIES), _context("wub", "kjx"))


@cache
def _called(tools: frozenset[str]) -> CheckContext:
    """What a check sees where each tool was called: without arguments, with some, and in vain."""
    came: tuple[tuple[JsonObject, str | None], ...] = (({}, None), ({"k7": "wub"}, None), ({}, "ValueError: plo"))
    calls = [
        ToolCallResult(id="1", name=name, arguments=arguments, error=error)
        for name in sorted(tools)
        for arguments, error in came
    ]
    return _seen("", tuple(calls))


def _context(reply: str, *called: str) -> CheckContext:
    """What a check sees where this is the reply, and these tools were called."""
    return _seen(
        reply, tuple(ToolCallResult(id=str(number), name=name, arguments={}) for number, name in enumerate(called))
    )


def _seen(reply: str, calls: tuple[ToolCallResult, ...]) -> CheckContext:
    turn = TurnView(index=1, reply=reply, parsed=parsed_reply(reply), tool_calls=calls)
    return CheckContext(
        reply=reply,
        parsed=turn.parsed,
        tool_calls=calls,
        usage=UsageResult(),
        finish_reason=None,
        turn=turn,
        turns=(turn,),
        vars={},
        judged=range(1),
    )
