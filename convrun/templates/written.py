"""The text of a part of an expression: Jinja2's tree has the line of each part, not its place in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from jinja2 import nodes

_BINARY: dict[type[nodes.Node], tuple[str, int]] = {  # the sign, and how closely it binds
    nodes.Or: ("or", 1),
    nodes.And: ("and", 2),
    nodes.Add: ("+", 5),
    nodes.Sub: ("-", 5),
    nodes.Mul: ("*", 7),
    nodes.Div: ("/", 7),
    nodes.FloorDiv: ("//", 7),
    nodes.Mod: ("%", 7),
    nodes.Pow: ("**", 8),
}
_COMPARING = {"eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in"}
_CHOICE, _NOT, _COMPARE, _CONCAT, _FILTER, _CLOSE = 0, 3, 4, 6, 9, 10


def written(node: nodes.Node, least: int = 0) -> str:
    """Return an expression as people write it, in parentheses where it binds less closely than `least`."""
    text, level = _written(node)
    return f"({text})" if level < least else text


def _written(node: nodes.Node) -> tuple[str, int]:
    """The text, and how closely it binds."""
    if (binary := _BINARY.get(type(node))) is not None:
        sign, level = binary
        both = cast(nodes.BinExpr, node)
        return f"{written(both.left, level)} {sign} {written(both.right, level + 1)}", level
    if isinstance(node, nodes.Not) and isinstance(node.node, nodes.Test):
        return _filtered(node.node, "is not"), _COMPARE
    write, level = _WRITERS.get(type(node), (lambda _: "…", _CLOSE))
    return write(node), level


def _compare(node: nodes.Compare) -> str:
    parts = [f"{_COMPARING[one.op]} {written(one.expr, _COMPARE + 1)}" for one in node.ops]
    return " ".join([written(node.expr, _COMPARE + 1), *parts])


def _choice(node: nodes.CondExpr) -> str:
    other = f" else {written(node.expr2)}" if node.expr2 is not None else ""
    # What follows a test may be its argument, so one stands in parentheses before `if`.
    return f"{written(node.expr1, _COMPARE + 1)} if {written(node.test, 1)}{other}"


def _constant(node: nodes.Const) -> str:
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    return "none" if node.value is None else repr(node.value)


def _index(node: nodes.Node) -> str:
    if not isinstance(node, nodes.Slice):
        return written(node)
    parts = [written(one) if one is not None else "" for one in (node.start, node.stop)]
    return ":".join(parts + ([written(node.step)] if node.step is not None else []))


def _listed(items: Iterable[nodes.Node]) -> str:
    return ", ".join(map(written, items))


def _filtered(node: nodes.Filter | nodes.Test, sign: str = "") -> str:
    sign = sign or ("|" if isinstance(node, nodes.Filter) else "is")
    arguments = _arguments(node)
    holder = written(cast(nodes.Node, node.node), _FILTER)
    return f"{holder} {sign} {node.name}{f'({arguments})' if arguments else ''}"


def _arguments(node: Any) -> str:
    parts = [written(one) for one in node.args]
    parts += [f"{pair.key}={written(pair.value)}" for pair in node.kwargs]
    parts += [f"*{written(node.dyn_args)}"] if node.dyn_args is not None else []
    parts += [f"**{written(node.dyn_kwargs)}"] if node.dyn_kwargs is not None else []
    return ", ".join(parts)


_WRITERS: dict[type[nodes.Node], tuple[Callable[[Any], str], int]] = {
    nodes.Compare: (_compare, _COMPARE),
    nodes.CondExpr: (_choice, _CHOICE),
    nodes.Concat: (lambda node: " ~ ".join(written(one, _CONCAT + 1) for one in node.nodes), _CONCAT),
    nodes.Filter: (_filtered, _FILTER),
    nodes.Test: (_filtered, _COMPARE),
    nodes.Not: (lambda node: f"not {written(node.node, _NOT)}", _NOT),
    nodes.Neg: (lambda node: f"-{written(node.node, _CLOSE)}", _FILTER),
    nodes.Pos: (lambda node: f"+{written(node.node, _CLOSE)}", _FILTER),
    nodes.Name: (lambda node: node.name, _CLOSE),
    nodes.Const: (_constant, _CLOSE),
    nodes.Getattr: (lambda node: f"{written(node.node, _CLOSE)}.{node.attr}", _CLOSE),
    nodes.Getitem: (lambda node: f"{written(node.node, _CLOSE)}[{_index(node.arg)}]", _CLOSE),
    nodes.Call: (lambda node: f"{written(node.node, _CLOSE)}({_arguments(node)})", _CLOSE),
    nodes.List: (lambda node: f"[{_listed(node.items)}]", _CLOSE),
    nodes.Tuple: (lambda node: f"({_listed(node.items)}{',' if len(node.items) == 1 else ''})", _CLOSE),
    nodes.Dict: (lambda node: f"{{{_listed(node.items)}}}", _CLOSE),
    nodes.Pair: (lambda node: f"{written(node.key)}: {written(node.value)}", _CLOSE),
}
