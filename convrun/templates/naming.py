"""What the tree of a template names: turns, environment variables, and calls of functions."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, cast

from jinja2 import nodes

from convrun.errors import TemplateError

_AROUND = (nodes.Template, nodes.If, nodes.For, nodes.With, nodes.Scope)  # they print what stands in them as it is
_MAYBE = (nodes.Test, nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.Assign, nodes.AssignBlock)
_DEFAULT = ("default", "d")  # the filters that take what is undefined


def turns_named(tree: nodes.Template) -> Iterator[int | str]:
    """Yield the turns that the template names, by index or id."""
    for holder, key in _members(tree):
        if isinstance(holder, nodes.Name) and holder.name == "turns" and type(key) in (int, str):
            yield cast(int | str, key)


def fields_named(tree: nodes.Template) -> Iterator[tuple[int | str, str]]:
    """Yield the fields of turns that the template certainly reads: not where it asks first whether there is one."""
    for node in _certain(tree):
        if not isinstance(node, nodes.Getattr | nodes.Getitem) or not isinstance(
            node.node, nodes.Getattr | nodes.Getitem
        ):
            continue
        turn, field, holder = _key(node.node), _key(node), node.node.node
        of_turns = isinstance(holder, nodes.Name) and holder.name == "turns"
        if of_turns and type(turn) in (int, str) and isinstance(field, str):
            yield cast(int | str, turn), field


def read_of_turns(tree: nodes.Template) -> Iterator[str | None]:
    """Yield the fields that are read of `turn` and of single `turns`; None for any other use of these."""
    fields: dict[int, object] = {}
    for holder, key in _members(tree):
        if isinstance(holder, nodes.Name) and holder.name == "turn":
            fields[id(holder)] = key
        elif isinstance(holder, nodes.Getattr | nodes.Getitem):
            fields[id(holder.node)] = key
    for name in tree.find_all(nodes.Name):
        if name.name in ("turn", "turns"):
            key = fields.get(id(name))
            yield key if isinstance(key, str) else None


def vars_named(tree: nodes.Template) -> Iterator[str]:
    """Yield the keys of `vars` that are certainly read."""
    for node in _certain(tree):
        if isinstance(node, nodes.Getattr | nodes.Getitem) and isinstance(node.node, nodes.Name):
            key = _key(node)
            if node.node.name == "vars" and isinstance(key, str):
                yield key


def constant_calls(tree: nodes.Template, names: Collection[str]) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """Yield the calls of functions from outside with these names whose arguments are written out."""
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    own |= {node.name for node in tree.find_all(nodes.Macro)}
    for call in tree.find_all(nodes.Call):
        called = call.node.name if isinstance(call.node, nodes.Name) else ""
        if called in names and called not in own and call.dyn_args is None and call.dyn_kwargs is None:
            try:
                given = [_literal(argument) for argument in call.args]
                yield called, given, {pair.key: _literal(pair.value) for pair in call.kwargs}
            except nodes.Impossible:
                continue


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


def _literal(node: nodes.Node) -> object:
    """The value of an argument that is written out; what would have to be calculated is not."""
    if isinstance(node, nodes.Const):
        return node.value
    if isinstance(node, nodes.List | nodes.Tuple):
        return [_literal(item) for item in node.items]
    if isinstance(node, nodes.Dict) and not node.items:
        return {}
    raise nodes.Impossible


def _certain(node: nodes.Node) -> Iterator[nodes.Node]:
    """The nodes whose value is wanted in every rendering."""
    yield node
    if isinstance(node, nodes.If | nodes.CondExpr):
        inner: Iterator[nodes.Node] = iter([node.test])
    elif isinstance(node, nodes.And | nodes.Or):
        inner = iter([node.left])
    elif isinstance(node, nodes.For):
        inner = iter([node.iter])
    elif isinstance(node, _MAYBE) or (isinstance(node, nodes.Filter) and node.name in _DEFAULT):
        inner = iter(())
    else:
        inner = node.iter_child_nodes()
    for one in inner:
        yield from _certain(one)


def _is_env(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "env"


def _outputs(node: nodes.Node) -> Iterator[nodes.Output]:
    """What the template prints as it is: not within a block whose text is used for something else."""
    if isinstance(node, nodes.Output):
        yield node
    elif isinstance(node, _AROUND):
        for inner in node.iter_child_nodes():
            yield from _outputs(inner)
