"""Expressions of Jinja2 that are true or false, in the sandbox of templates; it loads with the first one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any, cast

from jinja2 import TemplateSyntaxError, nodes
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from convrun.errors import TemplateError, did_you_mean
from convrun.values import Json, equal, show, type_name

if TYPE_CHECKING:
    from jinja2.environment import Environment, Template

_SHOWN = 8  # values that are told
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_ABROAD = (  # what other languages have, and what is meant
    ("{{", "write it without braces: it is an expression already"),
    ("{%", "write it without braces: it is an expression already"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("===", "write =="),
    ("<>", "write !="),
    ("?", "write `a if b else c`, or `x is defined`"),
    ("!", "write `not`"),
    ("'", "end the text with the quote that it begins with"),
    ('"', "end the text with the quote that it begins with"),
)
_ORDER: dict[str, Callable[[Any, Any], Any]] = {"lt": lt, "lteq": le, "gt": gt, "gteq": ge}
_NEVER = (  # what is never true or false
    *(nodes.List, nodes.Tuple, nodes.Dict, nodes.Concat, nodes.Neg, nodes.Pos),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow),
)


class Expression:
    """A compiled expression. `names` are those it takes from outside.

    `turns` are the turns among them, `fields` those that it reads of turns in every evaluation, `keys` the names that
    it reads of `vars` so. `read` are the fields of turns that it may read; None among them: anything.
    """

    def __init__(self, source: str) -> None:
        from convrun.templates.naming import fields_named, read_of_turns, turns_named, vars_named
        from convrun.templates.sandbox import names_taken

        try:
            self._tree = parsed_expression(source)
            _refuse_unknown(self._tree)
            tree = _assigned(parsed_expression(source))
            output = nodes.Template([nodes.Output([self._tree])])
            printed = cast(nodes.Template, output.set_environment(_environment()))
            self.names = frozenset(names_taken(tree))
            self.turns = frozenset(turns_named(printed))
            self.fields = frozenset(fields_named(printed))
            self.read = frozenset(read_of_turns(printed))
            self.keys = frozenset(vars_named(printed))
            self._template = _compiled(tree)
            self._parts: dict[str, Template] = {}  # by their texts, for messages
        except TemplateSyntaxError as error:
            raise _fault(error.message or "", source) from error
        except (RecursionError, MemoryError, SyntaxError, ValueError) as error:  # Python's own limits of its code
            raise TemplateError("the expression is too large or nested too deeply") from error

    @staticmethod
    @lru_cache(maxsize=1024)
    def of(source: str) -> Expression:
        """Return the compiled expression of a source; each is compiled once.

        Raises:
            TemplateError: where the source is no expression.
        """
        return Expression(source)

    @property
    def never_boolean(self) -> bool:
        """Whether it is seen before anything runs that the value is neither true nor false."""
        constant = isinstance(self._tree, nodes.Const) and not isinstance(self._tree.value, bool)
        return constant or isinstance(self._tree, _NEVER)

    def value(self, names: Mapping[str, object]) -> Json:
        """Return its value.

        Raises:
            TemplateError: where a value is missing, or it fails.
        """
        return _value(self._template, names)

    def shown(self, names: Mapping[str, object]) -> dict[str, Json]:
        """Return the values that make it true or false, or fail, by the parts of it that have them, as written."""
        from convrun.templates.reasons import parts_shown
        from convrun.templates.written import written

        def tried(part: nodes.Expr) -> tuple[Json] | None:
            """The value of a part; None where it has none."""
            text = written(part)
            try:
                if text not in self._parts:
                    self._parts[text] = _compiled(_assigned(parsed_expression(text)))
                return (_value(self._parts[text], names),)
            except (TemplateError, TemplateSyntaxError, RecursionError):
                return None

        def truth(part: nodes.Expr) -> bool | None:
            found = tried(part)
            return bool(found[0]) if found else None

        values: dict[str, Json] = {}
        for part in parts_shown(self._tree, truth):
            holder: nodes.Expr | None = part
            while holder is not None and len(values) < _SHOWN:
                if found := tried(holder):
                    values.setdefault(written(holder), found[0])
                    break
                holder = getattr(holder, "node", None)  # what has no value stands in something that may have one
        return values


def _value(template: Template, names: Mapping[str, object]) -> Json:
    from convrun.templates.sandbox import checked, failures

    context = template.new_context(dict(names))
    with failures("the expression"):
        list(template.root_render_func(context))
        return checked(context.vars["result"])


def parsed_expression(source: str) -> nodes.Expr:
    """Return the tree of an expression.

    Raises:
        TemplateSyntaxError: where it is none.
    """
    parser = Parser(_environment(), source, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        rest = parser.stream.current
        sign = " (write == to compare)" if rest.type == "assign" else ""
        raise TemplateSyntaxError(f"it ends before {rest.value!r}{sign}", rest.lineno)
    return tree


def _assigned(tree: nodes.Expr) -> nodes.Template:
    made = nodes.Template([nodes.Assign(nodes.Name("result", "store"), tree, lineno=1)], lineno=1)
    return cast(nodes.Template, made.set_environment(_environment()))


def _compiled(tree: nodes.Template) -> Template:
    from convrun.templates.sandbox import bounded

    return _environment().from_string(bounded(cast(nodes.Template, _AsJson().visit(tree)), whole=False))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """That of templates, with what stands for comparisons."""
    from convrun.templates.sandbox import sandbox

    made = sandbox().overlay()
    made.filters = {**made.filters, "_equal": _equal, "_within": _within, "_ordered": _ordered}
    return made


def _refuse_unknown(tree: nodes.Expr) -> None:
    """Raise for a filter or test that there is not; in a choice Jinja would say so only when it comes to it."""
    for node in nodes.Output([tree]).find_all((nodes.Filter, nodes.Test)):
        kind = "filter" if isinstance(node, nodes.Filter) else "test"
        known = _environment().filters if kind == "filter" else _environment().tests
        if node.name not in known or node.name.startswith("_"):
            offered = [name for name in known if not name.startswith("_")]
            raise TemplateError(f"unknown {kind} {node.name!r} in the expression", fix=did_you_mean(node.name, offered))


def _equal(left: object, right: object) -> bool:
    from convrun.templates.sandbox import checked

    return equal(checked(left), checked(right))


def _ordered(left: object, right: object, sign: str) -> bool:
    from convrun.templates.sandbox import checked

    one, other = checked(left), checked(right)
    kinds = {type_name(one), type_name(other)}
    if kinds not in ({"number"}, {"text"}):
        what = f"{show(one, 60)} and {show(other, 60)} have no order"
        raise TemplateError(what, fix="two numbers have one, and two texts")
    return bool(_ORDER[sign](one, other))


def _within(one: object, several: object) -> bool:
    """Whether a value is one of several: a part of a text, an item of a list, a key of a mapping."""
    from convrun.templates.sandbox import checked

    value, holder = checked(one), checked(several)
    if isinstance(holder, list):
        return any(equal(value, item) for item in holder)
    if isinstance(holder, str) and isinstance(value, str):
        return value in holder
    if isinstance(holder, dict):
        return value in holder
    raise TemplateError(f"a {type_name(value)} cannot be in a {type_name(holder)}: it is {show(holder, 60)}")


class _AsJson(NodeTransformer):
    """Compares values as JSON: in Python true is 1, and below 2."""

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 - named by Jinja's visitor
        self.generic_visit(node)
        left: nodes.Expr = node.expr
        parts: list[nodes.Expr] = []
        for one in node.ops:
            parts.append(_comparison(left, one))
            left = one.expr
        whole = parts[0]
        for part in parts[1:]:
            whole = nodes.And(whole, part, lineno=node.lineno)
        return whole


def _comparison(left: nodes.Expr, right: nodes.Operand) -> nodes.Expr:
    line = right.lineno
    if right.op in _ORDER:
        return nodes.Filter(left, "_ordered", [right.expr, nodes.Const(right.op)], [], None, None, lineno=line)
    name = "_equal" if right.op in ("eq", "ne") else "_within"
    same = nodes.Filter(left, name, [right.expr], [], None, None, lineno=line)
    return nodes.Not(same, lineno=line) if right.op in ("ne", "notin") else same


def _fault(message: str, source: str) -> TemplateError:
    """Jinja's syntax error in our words."""
    what, _, fix = message.rstrip(".").partition(" (")
    plain = _QUOTED.sub("", source)
    meant = next((meant for sign, meant in _ABROAD if sign in plain), None)
    what = "it ends too early" if "end of template" in what else f"{what[:1].lower()}{what[1:]}"
    return TemplateError(f"not an expression: {what}", fix=fix.removesuffix(")") or meant)
