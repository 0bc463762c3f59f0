"""Jinja2 as specs may use it: sandboxed, strict, bounded, printing JSON. The only file that imports jinja2."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, cast

from jinja2 import StrictUndefined, Undefined, UndefinedError, nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from convrun.errors import TemplateError, did_you_mean
from convrun.templates.syntax import LITERALLY, explain
from convrun.values import Json, show, type_name

_STEPS = 100_000  # rounds of loops and calls in one rendering
_LONGEST = 10_000_000  # characters
_LARGEST_POWER = 10_000  # bits


class _Steps(Context):
    """A rendering's names, and how many steps it took."""

    steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps > _STEPS:
            raise TemplateError(f"the template takes more than {_STEPS:,} steps", fix="loop over less")


class _Missing(StrictUndefined):
    """A value that is not there; the message says what is."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        holder: object = self._undefined_obj
        name: object = self._undefined_name
        if self._undefined_hint or holder is missing:
            return self._undefined_hint or f"{name!r} is not defined"
        if isinstance(holder, Sequence) and isinstance(name, int):
            return f"a list of {len(holder)} has no element {name}\nthe first is 0"
        known = _names_of(holder)
        near = did_you_mean(name, known) if isinstance(name, str) else None
        has = f"it has {', '.join(known[:12])}" if known else None
        return "\n".join(filter(None, (f"a {_noun(holder)} has no {name!r}", near or has)))


def _names_of(holder: object) -> list[str]:
    if isinstance(holder, Mapping):
        return [key for key in holder if isinstance(key, str)]
    if is_dataclass(holder):
        return list(_shown_fields(holder))
    keys = getattr(holder, "keys", None)
    return list(keys()) if callable(keys) else []


def _noun(holder: object) -> str:
    if is_dataclass(holder) or not isinstance(holder, Mapping | Sequence | int | float | None):
        return type(holder).__name__
    return type_name(holder)


def _shown_fields(value: object) -> dict[str, object]:
    """The fields of a dataclass that templates may see; `metadata={"hidden": True}` keeps one from them."""
    return {
        field.name: getattr(value, field.name)
        for field in fields(cast(Any, value))
        if not field.name.startswith("_") and not field.metadata.get("hidden")
    }


class _Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates: `a.b` on a mapping is a key, on a dataclass a field, on a TurnList an id."""

    intercepted_binops = frozenset({"*", "**"})
    context_class = _Steps

    def __init__(self) -> None:
        super().__init__(undefined=_Missing, finalize=_printed, keep_trailing_newline=True)
        self.globals = {name: self.globals[name] for name in ("range", "dict", "namespace")}
        del self.filters["random"]  # a request that differs each time can never be replayed
        self.filters |= {"tojson": _json_text, "_counted": _counted}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return what `obj.attribute` is in a template."""
        if isinstance(obj, Mapping) or (isinstance(obj, Sequence) and hasattr(obj, "keys")):
            return self.getitem(obj, attribute)
        if is_dataclass(obj):
            shown = _shown_fields(obj)
            return shown[attribute] if attribute in shown else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return what `obj[argument]` is in a template; a dataclass's field, never another attribute."""
        if is_dataclass(obj) and isinstance(argument, str):
            return self.getattr(obj, argument)  # so the filters that take an attribute's name read it
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=argument)

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Return an undefined value that fails when it is used."""
        hint = f"{attribute!r} of a {_noun(obj)} cannot be used in a template"
        return self.undefined(hint, name=attribute, obj=obj, exc=SecurityError)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - Jinja's own names: arguments may be called self
        """Call `obj`, and count it."""
        cast(_Steps, __context).step()
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Multiply or raise to a power, within limits."""
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            too_large = left.bit_length() * right > _LARGEST_POWER
        else:
            size, times = (left, right) if isinstance(right, int) else (right, left)
            too_large = isinstance(size, str | list | tuple) and isinstance(times, int) and len(size) * times > _LONGEST
        if too_large:
            raise TemplateError(f"{show(left, 40)} {operator} {show(right, 40)} is too large")
        return super().call_binop(context, operator, left, right)


@pass_context
def _counted(context: Context, items: Iterable[object]) -> Iterator[object]:
    """The items of a loop, each of them a step."""
    for item in items:
        cast(_Steps, context).step()
        yield item


def _printed(value: object) -> object:
    """What a value prints as: texts and numbers as they are, the rest as JSON."""
    return value if isinstance(value, Undefined) else printed(to_json(value))


def printed(value: Json) -> str:
    """Return a JSON value as it stands in a text: a text as it is, everything else as JSON."""
    return value if isinstance(value, str) else _json_text(value)


def _json_text(value: object, indent: int | None = None) -> str:
    return json.dumps(to_json(value), ensure_ascii=False, indent=indent)


def to_json(value: object) -> Json:
    """Return a value of a template as JSON: dataclasses as mappings, iterators as lists.

    Raises:
        TemplateError: for what JSON does not have.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str(value) if type(value) is not str else value
    if isinstance(value, float) and value - value == 0:
        return value
    if isinstance(value, Undefined):
        return str(value)  # raises: it is strict
    if isinstance(value, Mapping):
        return _json_mapping(value)
    if isinstance(value, Sequence | Iterator):
        return [to_json(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: to_json(item) for name, item in _shown_fields(value).items()}
    if isinstance(value, float):
        raise TemplateError(f"{value} is no number that JSON has")
    what = "function" if callable(value) else type(value).__name__
    raise TemplateError(f"the value is a {what}, which JSON does not have", fix="call it" if callable(value) else None)


def _json_mapping(value: Mapping[object, object]) -> Json:
    odd = next((key for key in value if not isinstance(key, str)), None)
    if odd is not None:
        raise TemplateError(f"a mapping's key is {odd!r}, and JSON has texts only", fix="quote the key")
    return {str(key): to_json(item) for key, item in value.items()}


@lru_cache(maxsize=1)
def _sandbox() -> _Sandbox:
    return _Sandbox()


class Program:
    """A compiled template. `whole`: it is exactly one `{{ expr }}`; `names`: those it takes from outside."""

    def __init__(self, source: str) -> None:
        environment = _sandbox()
        if "{#" in source:
            raise TemplateError("'{#' begins a Jinja comment", fix=LITERALLY)
        try:
            tree = environment.parse(source)
            self.names = frozenset(find_undeclared_variables(tree))
            self.turns = frozenset(_turns_named(tree)) if "turns" in self.names else frozenset()
            self.whole = _is_whole(tree)
            self._template = environment.from_string(_bounded(tree, whole=self.whole))
        except TemplateSyntaxError as error:
            raise _fault(error, environment) from error
        except (RecursionError, MemoryError, SyntaxError, ValueError) as error:  # Python's own limits of its code
            raise TemplateError("the template is too large or nested too deeply") from error

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(source: str) -> Program:
        """Return the compiled template of a source; each is compiled once.

        Raises:
            TemplateError: where the source is no template.
        """
        return Program(source)

    def run(self, names: Mapping[str, object]) -> Json:
        """Return the rendered text, or the value of a whole one.

        Raises:
            TemplateError: where a value is missing, or the template's own expressions fail.
        """
        context = self._template.new_context(dict(names))
        try:
            pieces = self._pieces(context)
            return to_json(context.vars["result"]) if self.whole else "".join(pieces)
        except TemplateError:
            raise
        except (UndefinedError, SecurityError) as error:
            what, _, fix = str(error).partition("\n")
            raise TemplateError(what, fix=fix or None) from error
        except RecursionError as error:
            raise TemplateError("the template is nested too deeply") from error
        except Exception as error:  # the template's expressions are user code: they fail with anything
            raise TemplateError(f"the template failed: {type(error).__name__}: {error}") from error

    def _pieces(self, context: Context) -> list[str]:
        pieces: list[str] = []
        length = 0
        for piece in self._template.root_render_func(context):
            pieces.append(piece)
            length += len(piece)
            if length > _LONGEST:
                raise TemplateError(f"the rendered text is longer than {_LONGEST:,} characters", fix="loop over less")
        return pieces


def _is_whole(tree: nodes.Template) -> bool:
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return False
    inner = tree.body[0].nodes
    return len(inner) == 1 and not isinstance(inner[0], nodes.TemplateData)


def _bounded(tree: nodes.Template, *, whole: bool) -> nodes.Template:
    """The tree with its loops counted; a whole one assigns its value to `result` instead of printing it."""
    for kind in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block):
        if tree.find(kind) is not None:
            raise TemplateError(f"'{{% {kind.__name__.lower()} %}}' is not for specs: there are no other templates")
    for loop in list(tree.find_all(nodes.For)):
        if loop.recursive:
            raise TemplateError("a recursive loop may never end", fix="nest the loops")
        loop.iter = nodes.Filter(loop.iter, "_counted", [], [], None, None, lineno=loop.lineno)
    if whole:
        value = cast(nodes.Output, tree.body[0]).nodes[0]
        tree = nodes.Template([nodes.Assign(nodes.Name("result", "store"), value, lineno=1)], lineno=1)
    return cast(nodes.Template, tree.set_environment(_sandbox()))


def _turns_named(tree: nodes.Template) -> Iterator[int | str]:
    """The turns that the template names, by index or id."""
    named: list[tuple[nodes.Expr, object]] = [(found.node, found.attr) for found in tree.find_all(nodes.Getattr)]
    named += [(found.node, _constant(found.arg)) for found in tree.find_all(nodes.Getitem)]
    for holder, key in named:
        is_turns = isinstance(holder, nodes.Name) and holder.name == "turns"
        if is_turns and type(key) in (int, str):
            yield cast(int | str, key)


def _constant(node: nodes.Expr) -> object:
    try:
        return node.as_const()
    except nodes.Impossible:
        return None


def _fault(error: TemplateSyntaxError, environment: _Sandbox) -> TemplateError:
    """Jinja's syntax error in our words."""
    what, fix = explain(error.message or "", error.lineno, environment.filters, environment.tests)
    return TemplateError(what, fix=fix)
