"""Checks that say nothing: they hold as well for an empty reply, for any other, and whatever was called.

Only what looks at the reply or at calls can be so by mistake. Figures, code and models are not asked: a limit that is
kept is worth a check, and so is what `not` says. Checks of `any_of` may say nothing together, each of them something:
one of them holds whatever is said. A check of calls says nothing where all declared tools may be called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, combinations
from typing import TypeAlias

from convrun.checks.catalogue.combined import Combination, Negation, Reasoned
from convrun.checks.check import Check
from convrun.checks.context import CheckContext, TurnView, seen_by_templates
from convrun.checks.registry import KINDS, inner, parse, render, templates
from convrun.checks.views import parsed_reply
from convrun.errors import CheckError, TemplateError
from convrun.frozen import frozen
from convrun.results import ToolCallResult, UsageResult
from convrun.templates import Text
from convrun.values import JsonObject

Declared: TypeAlias = Callable[[], frozenset[str] | None]  # the names of the declared tools; None: not known

REPLIES = (
    "",  # nearly every check fails here
    "qzv wub 7 kjx\nplo",
    "~`!@#$%^&*()-_=+[]{}\\|;:'\",.<>/? Xyw-93\r\n\n\tMbf\u00e4\u4e2d",
    '{"k7": [1, "wub"], "z": null}',
)
NEVER = frozenset(  # kinds whose values cannot be so, unless a template takes them from the reply: no need to try
    {
        *("equals", "one_of", "contains", "icontains", "contains_all", "contains_any"),
        *("starts_with", "ends_with", "json", "json_schema"),
    }
)
_TRIED = frozenset(
    kind
    for kind, known in KINDS.items()
    if kind not in NEVER and (known.family in {"text", "calls", "combined"} or kind == "prefix_stable")
)
_LENGTHS = frozenset({"chars", "words"})
_STRUCTURED = frozenset({"json", "json_schema"})
_AROUND = ("(?!", "(?<!")  # what a regular expression says is not to be there
_LITERAL = re.compile(r"[\w\s'-]*")
_FURTHER = frozenset({"usage", "tool_calls"})  # names of an expression that looks at more than a reply
_GIVEN = frozenset({"index", "id", "user"})  # fields of a turn that the spec says
_MOST = 12  # texts of an `any_of` that are tried
_READ = 20  # characters that a regular expression is tried with
_ALIKE = 10_000  # characters of a reply that may take an expression to its limits


@frozen
class _Judged:
    """What a check was judged by: the names that its templates see, the context, and the declared tools."""

    names: Mapping[str, object]
    context: CheckContext
    declared: Declared


@frozen
class _Leaf:
    """A check that is not made of others, `negated` by a `not` around it; `source` is its value with its templates."""

    kind: str
    source: object
    value: object
    check: Check
    negated: bool

    @property
    def family(self) -> str:
        return KINDS[self.kind].family if self.kind in KINDS else "code"

    @property
    def of_turns(self) -> bool:
        """Whether its value may come from the reply that it judges."""
        return _names_turns(self.kind, self.source)


@frozen
class _Several:
    """Checks that all have to hold, or any of them."""

    every: bool
    parts: Sequence[_Leaf | _Several]


_Node: TypeAlias = _Leaf | _Several


def holds_for_anything(
    kind: str,
    source: object,
    value: object,
    check: Check,
    names: Mapping[str, object],
    context: CheckContext,
    declared: Declared,
) -> bool:
    """Return whether a check, of this kind and rendered value, holds for every reply that is tried.

    One of calls does where it holds without any, and where all tools were called, that of prompts where there was none
    to compare with. `all_of` does where each of its
    checks does, `any_of` where one does, or where for each reply one of them holds; `not` turns around what is in it.
    `source` is the value before it was rendered; its templates saw `names`.
    """
    if kind not in _TRIED and (kind not in NEVER or not _names_turns(kind, source)):
        return False  # most of them, in no time
    if isinstance(check, Negation) and not isinstance(check.inner, Reasoned | Negation | Combination):
        return False
    node = _node(kind, source, value, check, negated=False)
    return _is_weak(node, _Judged(names=names, context=context, declared=declared))


def _names_turns(kind: str, source: object) -> bool:
    if isinstance(source, Text):
        return "turns" in source.source and source.is_template
    return any("turns" in text.source for text in templates(kind, source))


def _node(kind: str, source: object, value: object, check: Check, *, negated: bool) -> _Node:
    """The check as leaves that are turned around or not: `not` of all is any of what is not."""
    if isinstance(check, Reasoned):
        check = check.inner
    if not isinstance(check, Negation | Combination):
        return _Leaf(kind=kind, source=source, value=value, check=check, negated=negated)
    turned = negated is not isinstance(check, Negation)
    within = (check.inner,) if isinstance(check, Negation) else check.parts
    nodes = [
        _node(name, written, found, part, negated=turned)
        for (_, name, found), (_, _, written), part in zip(inner(kind, value), inner(kind, source), within, strict=True)
    ]
    if isinstance(check, Negation):
        return nodes[0]
    return _Several(every=(check.wanted == "all") is not negated, parts=nodes)


def _is_weak(node: _Node, judged: _Judged) -> bool:
    if isinstance(node, _Leaf):
        return not node.negated and _says_nothing(node, judged)
    if node.every:
        return all(_is_weak(part, judged) for part in node.parts)
    return any(_is_weak(part, judged) for part in node.parts) or _together(node)


def _says_nothing(leaf: _Leaf, judged: _Judged) -> bool:
    if leaf.family == "calls":
        tools = judged.declared() if _holds(leaf.check, _contexts()[0]) else None
        return bool(tools) and _holds(leaf.check, _called(tools or frozenset()))
    if leaf.kind == "prefix_stable":
        return _holds(leaf.check, judged.context) and leaf.check.evaluate(judged.context).actual == 0
    if leaf.family != "text":
        return False
    if leaf.kind == "that":
        return _holds_throughout(leaf, judged)
    if leaf.of_turns:
        return _repeats_the_reply(leaf, judged)
    if leaf.kind in NEVER or _is_negation(leaf):
        return False
    return all(_holds(leaf.check, one) for one in _contexts())


def _is_negation(leaf: _Leaf) -> bool:
    """Whether a regular expression may say what is not to be there."""
    return leaf.kind == "matches" and any(sign in str(leaf.value) for sign in _AROUND)


def _holds_throughout(leaf: _Leaf, judged: _Judged) -> bool:
    """Whether an expression is true of all that the conversation might have been.

    One that a long reply takes to its limits says nothing there.
    """
    from convrun.checks.tried import played

    return all(_holds(leaf.check, one, otherwise=_is_long) for one in played(judged.context, REPLIES, str(leaf.value)))


def _repeats_the_reply(leaf: _Leaf, judged: _Judged) -> bool:
    """Whether a check with a template holds for what is tried, with the value that the template has then.

    Where that is no value for it, as an empty text, nothing is said.
    """
    from convrun.checks.tried import played

    said: list[bool] = []
    for one in played(judged.context, REPLIES):
        try:
            value = render(leaf.kind, leaf.source, {**judged.names, "turns": seen_by_templates(one.turns)})
        except TemplateError:
            return False
        check = parse(leaf.kind, value)
        if not isinstance(check, tuple):
            said.append(_holds(check, one))
            if not said[-1]:
                return False
    return bool(said)


def _together(several: _Several) -> bool:
    """Whether one of several checks holds for each reply that is tried, though each of them can fail."""
    leaves = list(_leaves(several))
    direct = [part for part in several.parts if isinstance(part, _Leaf)]
    if any(_opposite(one, other) for one, other in combinations(direct, 2)):
        return True
    found: list[dict[int, bool]] = []
    for context in _turning(leaves):
        now = {id(leaf): _holds_here(leaf, context) for leaf in leaves}
        if not _true(several, now):
            return False
        found.append(now)
    if len(found) == 1:
        return False
    # What nothing made fail may fail where nobody looked.
    never = {id(leaf) for leaf in leaves if _may_hide(leaf) and all(now[id(leaf)] for now in found)}
    return all(_true(several, now | dict.fromkeys(never, False)) for now in found)


def _holds_here(leaf: _Leaf, context: CheckContext) -> bool:
    """Whether a check, turned around or not, is known to hold; a regular expression may take for ever on much."""
    if not _counts(leaf) or (leaf.kind == "matches" and len(context.reply) > _READ and context.reply not in REPLIES):
        return False
    return _holds(leaf.check, context) is not leaf.negated


def _leaves(node: _Node) -> Iterator[_Leaf]:
    if isinstance(node, _Leaf):
        yield node
    else:
        yield from chain.from_iterable(map(_leaves, node.parts))


def _opposite(one: _Leaf, other: _Leaf) -> bool:
    return one.negated is not other.negated and (one.kind, one.value) == (other.kind, other.value)


def _true(node: _Node, now: Mapping[int, bool]) -> bool:
    if isinstance(node, _Leaf):
        return now[id(node)]
    return (all if node.every else any)(_true(part, now) for part in node.parts)


def _counts(leaf: _Leaf) -> bool:
    """Whether replies can be found for which a check turns over; any other is taken to fail."""
    if leaf.kind in _LENGTHS:
        return True
    if leaf.family != "text" or leaf.of_turns or _is_negation(leaf):
        return False
    if leaf.kind == "that":
        return not leaf.negated and not _looks_further(str(leaf.value))
    if leaf.kind == "matches":
        return not leaf.negated or _LITERAL.fullmatch(str(leaf.value)) is not None
    return not leaf.negated or leaf.kind in NEVER - _STRUCTURED


def _may_hide(leaf: _Leaf) -> bool:
    return leaf.negated or leaf.kind in _LENGTHS or leaf.kind == "that"


def _turning(leaves: Sequence[_Leaf]) -> Iterator[CheckContext]:
    """Replies at which these checks turn over, and any others; the empty one alone where they are too many."""
    yield _contexts()[0]  # where nearly all of them fail
    from convrun.checks.tried import near, numbers_in, numbers_of, quoted, texts_of

    texts: dict[str, None] = {}
    numbers: set[int] = set()
    for leaf in leaves:
        if leaf.kind == "that":
            texts |= dict.fromkeys(quoted(str(leaf.value)))
            numbers.update(numbers_in(str(leaf.value)))
        elif leaf.family == "text":
            texts |= dict.fromkeys(texts_of(leaf.value))
        elif leaf.kind in _LENGTHS:
            numbers.update(numbers_of(leaf.value))
    if len(texts) + len(numbers) <= _MOST:
        yield from (_context(reply) for reply in chain(REPLIES[1:], near(list(texts), numbers)))


def _looks_further(source: str) -> bool:
    from convrun.templates.expressions import Expression  # it is loaded: the check was evaluated

    expression = Expression.of(source)
    return not _FURTHER.isdisjoint(expression.names) or not expression.read <= _GIVEN


def _is_long(context: CheckContext) -> bool:
    return any(len(turn.reply) > _ALIKE for turn in context.turns)


def _holds(check: Check, context: CheckContext, *, otherwise: Callable[[CheckContext], bool] | None = None) -> bool:
    """Whether it holds; where that cannot be said, what `otherwise` says, else no."""
    try:
        return check.evaluate(context).passed
    except CheckError:
        return otherwise is not None and otherwise(context)


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
