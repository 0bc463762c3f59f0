"""What the tree of a template names: turns, and environment variables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from jinja2 import nodes

from convrun.errors import TemplateError

_AROUND = (nodes.Template, nodes.If, nodes.For, nodes.With, nodes.Scope)  # they print what stands in them as it is


def turns_named(tree: nodes.Template) -> Iterator[int | str]:
    """Yield the turns that the template names, by index or id."""
    for holder, key in _members(tree):
        if isinstance(holder, nodes.Name) and holder.name == "turns" and type(key) in (int, str):
            yield cast(int | str, key)


def variables_named(tree: nodes.Template) -> Iterator[str]:
    """Yield the environment variables that the template prints, as `{{ env.NAME }}`.

    Raises:
        TemplateError: for any other use of `env`: what is made of a value could not be redacted any more.
    """
    printed = [node for output in _outputs(tree) for node in output.nodes]
    alone: set[int] = set()
    for node in printed:
        key = _key(node)
        if isinstance(node, nodes.Getattr | nodes.Getitem) and _is_env(node.node) and isinstance(key, str):
            alone.add(id(node.node))
            yield key
    for name in tree.find_all(nodes.Name):
        if _is_env(name) and id(name) not in alone:
            raise _misused(name, tree)


def _misused(name: nodes.Name, tree: nodes.Template) -> TemplateError:
    keys = [key for holder, key in _members(tree) if holder is name]
    if not keys:
        return TemplateError("'env' is no value by itself", fix="name a variable: {{ env.NAME }}")
    if not isinstance(keys[0], str):
        what = "which variable of the environment is meant shows only when the template runs"
        return TemplateError(what, fix="write {{ env.NAME }}: what is to be redacted must be known before")
    what = f"env.{keys[0]} does not stand alone in its braces"
    return TemplateError(what, fix=f"write {{{{ env.{keys[0]} }}}}: what is made of its value could not be redacted")


def _members(tree: nodes.Template) -> Iterator[tuple[nodes.Expr, object]]:
    """Each `holder.key` and `holder[key]`; a key that is computed is None."""
    for found in tree.find_all((nodes.Getattr, nodes.Getitem)):
        yield cast("nodes.Getattr | nodes.Getitem", found).node, _key(found)


def _key(node: nodes.Node) -> object:
    if isinstance(node, nodes.Getattr):
        return node.attr
    try:
        return node.arg.as_const() if isinstance(node, nodes.Getitem) else None
    except nodes.Impossible:
        return None


def _is_env(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "env"


def _outputs(node: nodes.Node) -> Iterator[nodes.Output]:
    """What the template prints as it is: not within a block whose text is used for something else."""
    if isinstance(node, nodes.Output):
        yield node
    elif isinstance(node, _AROUND):
        for inner in node.iter_child_nodes():
            yield from _outputs(inner)
