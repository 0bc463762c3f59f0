"""Which parts of an expression show why it is true or false."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from jinja2 import nodes

Truth: TypeAlias = Callable[[nodes.Expr], bool | None]  # of a part; None: it has no value
_CALCULATED = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow)


def parts_shown(tree: nodes.Expr, truth: Truth) -> Iterator[nodes.Expr]:
    """Yield the parts whose values tell why an expression is what it is, from left to right.

    Both sides of a comparison, the parts of `and` that are false, those of `or` that are true, or else all of them.
    """
    if isinstance(tree, nodes.Not):
        yield from parts_shown(tree.node, truth)
    elif isinstance(tree, nodes.And | nodes.Or):
        parts = list(_flat(tree, type(tree)))
        deciding = isinstance(tree, nodes.Or)  # what one part that is so decides
        chosen = [part for part in parts if truth(part) is deciding]
        for part in chosen or parts:
            yield from parts_shown(part, truth)
    elif isinstance(tree, nodes.CondExpr):
        yield from parts_shown(tree.test, truth)
        other = tree.expr1 if truth(tree.test) else tree.expr2
        yield from parts_shown(other, truth) if other is not None else ()
    elif isinstance(tree, nodes.Compare):
        for side in (tree.expr, *(one.expr for one in tree.ops)):
            yield from _side(side)
    elif isinstance(tree, nodes.Test):
        for side in (tree.node, *tree.args):
            yield from _side(side)
    elif isinstance(tree, nodes.Call) and isinstance(tree.node, nodes.Getattr):
        for side in (tree.node.node, *tree.args):
            yield from _side(side)
    else:
        yield from _side(tree)


def _flat(tree: nodes.Expr, kind: type[nodes.BinExpr]) -> Iterator[nodes.Expr]:
    if isinstance(tree, kind):
        yield from _flat(tree.left, kind)
        yield from _flat(tree.right, kind)
    else:
        yield tree


def _side(tree: nodes.Expr) -> Iterator[nodes.Expr]:
    """A value, and what it is calculated from; what is written out needs no showing."""
    if next(nodes.Template([nodes.Output([tree])]).find_all(nodes.Name), None) is None:
        return
    yield tree
    if isinstance(tree, _CALCULATED):
        yield from _side(tree.left)
        yield from _side(tree.right)
