"""Jinja2 as specs may use it: sandboxed, strict, bounded, printing JSON. It loads with the first template."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from functools import lru_cache
from typing import Any, cast

from jinja2 import StrictUndefined, Undefined, UndefinedError, nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.meta import TrackingCodeGenerator
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from convrun.errors import TemplateError, did_you_mean
from convrun.templates.fields import names_of, noun, shown_fields
from convrun.templates.lengths import FILTERS, LONGEST, METHODS, length, printf_length, refuse_wide, size
from convrun.templates.syntax import LITERALLY, explain
from convrun.values import Json, show

_STEPS = 100_000  # rounds of loops and calls in one rendering
_MOST = 10 * LONGEST  # characters of all texts that one rendering makes on its way
_LARGEST_NUMBER = 10_000  # bits


class _Steps(Context):
    """A rendering's names, and how many steps it took."""

    steps = 0
    made = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps > _STEPS:
            raise TemplateError(f"the template takes more than {_STEPS:,} steps", fix="loop over less")

    def make(self, characters: int) -> None:
        """Count what is about to be made."""
        self.made += characters
        if characters > LONGEST or self.made > _MOST:
            raise _too_much()


def _too_much() -> TemplateError:
    return TemplateError(f"the template makes too much: {LONGEST:,} characters are the most", fix="make less of it")


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
        known = names_of(holder)
        near = did_you_mean(name, known) if isinstance(name, str) else None
        has = f"it has {', '.join(known[:12])}" if known else None
        return "\n".join(filter(None, (f"a {noun(holder)} has no {name!r}", near or has)))


class _Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates: `a.b` on a mapping is a key, on a dataclass a field, on a TurnList an id."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})
    context_class = _Steps

    def __init__(self) -> None:
        super().__init__(undefined=_Missing, finalize=_printed, keep_trailing_newline=True, optimized=False)
        self.globals = {name: self.globals[name] for name in ("range", "dict", "namespace")}
        del self.filters["random"]  # a request that differs each time can never be replayed
        self.filters |= {"tojson": _json_text, "_counted": _counted, "_concatenated": _concatenated}
        for name in FILTERS:
            self.filters |= {f"_{name}": self.filters[name], name: _bounded_filter(name)}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return what `obj.attribute` is in a template."""
        if isinstance(obj, Mapping) or (isinstance(obj, Sequence) and hasattr(obj, "keys")):
            return self.getitem(obj, attribute)
        if is_dataclass(obj):
            shown = shown_fields(obj)
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
        hint = f"{attribute!r} of a {noun(obj)} cannot be used in a template"
        return self.undefined(hint, name=attribute, obj=obj, exc=SecurityError)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return whether a template may have the attribute; bytes are not for templates."""
        return attr not in ("encode", "to_bytes") and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Return what stands for the method `format` of a text; None where the value is another method."""
        if super().wrap_str_format(value) is None:
            return None

        def formatted(*args: Any, **kwargs: Any) -> str:
            if value.__name__ == "format_map":
                args, kwargs = (), *args
            return _Formatter(self).vformat(str(value.__self__), args, kwargs)

        return formatted

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - Jinja's own names: arguments may be called self
        """Call `obj`, and count it and what it makes."""
        cast(_Steps, __context).step()
        text, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(text, str) and name in METHODS:
            if name == "join" and args and isinstance(args[0], Iterator):
                args = (list(args[0]), *args[1:])
            cast(_Steps, __context).make(length("str.join" if name == "join" else name, text, args, kwargs))
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate within limits."""
        if isinstance(left, int) and isinstance(right, int):
            bits = {"*": left.bit_length() + right.bit_length(), "**": left.bit_length() * right}.get(operator, 0)
            too_large = bits > _LARGEST_NUMBER
        else:
            too_large = operator == "*" and _repeated(left, right) > LONGEST
            cast(_Steps, context).make(0 if too_large else _result_length(operator, left, right))
        if too_large:
            raise TemplateError(f"{show(left, 40)} {operator} {show(right, 40)} is too large")
        return super().call_binop(context, operator, left, right)


def _repeated(left: object, right: object) -> int:
    items, times = (left, right) if isinstance(right, int) else (right, left)
    return len(items) * times if isinstance(items, str | list | tuple) and isinstance(times, int) else 0


def _result_length(operator: str, left: object, right: object) -> int:
    if operator == "%" and isinstance(left, str):
        return printf_length(left, right)
    if operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
        return len(left) + len(right)
    return _repeated(left, right) if operator == "*" else 0


class _Formatter(SandboxedFormatter):
    """The method `format` of texts, within limits."""

    def __init__(self, environment: _Sandbox) -> None:
        super().__init__(environment)
        self.length = 0

    def format_field(self, value: Any, format_spec: str) -> str:
        """Return one field as it is printed."""
        refuse_wide(format_spec)
        self.length += size(value)
        made = super().format_field(value, format_spec) if self.length <= LONGEST else ""
        self.length += len(made)
        if self.length > LONGEST:
            raise _too_much()
        return cast(str, made)


def _bounded_filter(name: str) -> Callable[..., Any]:
    """The filter of this name, which counts what it makes before it does."""

    @pass_context
    def bounded(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, Iterator):
            value = list(value)
        if not isinstance(value, Undefined):
            cast(_Steps, context).make(length(name, value, args, kwargs))
        return context.environment.call_filter(f"_{name}", value, args, kwargs, context)

    return bounded


@pass_context
def _concatenated(context: Context, values: list[object]) -> str:
    """The texts of `a ~ b`, one behind the other."""
    cast(_Steps, context).make(sum(map(size, values)))
    return "".join(map(str, values))


class _CountedTexts(NodeTransformer):
    """Puts a filter that counts in the place of `~`, which Jinja compiles to a function of its own."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - named by Jinja's visitor
        self.generic_visit(node)
        texts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(texts, "_concatenated", [], [], None, None, lineno=node.lineno)


@pass_context
def _counted(context: Context, items: Iterable[object]) -> Iterator[object]:
    """The items of a loop, each of them a step."""
    for item in items:
        cast(_Steps, context).step()
        yield item


@pass_context  # so that Jinja does not print while it compiles
def _printed(_: Context, value: object) -> object:
    """What a value prints as: texts and numbers as they are, the rest as JSON."""
    return value if isinstance(value, Undefined) else printed(checked(value))


def checked(value: object) -> Json:
    """Return a value as JSON, unless it holds the same lists within each other so often that it never ends."""
    if isinstance(value, list | tuple | dict) and size(value) > LONGEST:
        raise _too_much()
    return to_json(value)


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
        return {name: to_json(item) for name, item in shown_fields(value).items()}
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
def sandbox() -> _Sandbox:
    """Return the environment of all templates and expressions."""
    return _Sandbox()


def names_taken(tree: nodes.Template) -> set[str]:
    """Return the names that a template takes from outside.

    Jinja2's own function for it folds constants on the way, which costs the cube of a long expression.
    """
    generator = TrackingCodeGenerator(sandbox())
    generator.optimizer = None
    generator.visit(tree)
    return generator.undeclared_identifiers


@contextmanager
def failures(running: str) -> Iterator[None]:
    """Raise what goes wrong while `running` runs as a TemplateError: its expressions are a user's code."""
    try:
        yield
    except TemplateError:
        raise
    except (UndefinedError, SecurityError) as error:
        what, _, fix = str(error).partition("\n")
        raise TemplateError(what, fix=fix or None) from error
    except RecursionError as error:
        raise TemplateError(f"{running} is nested too deeply") from error
    except MemoryError as error:
        raise TemplateError(f"{running} makes more than the memory holds", fix="make less of it") from error
    except Exception as error:  # they fail with anything
        raise TemplateError(f"{running} failed: {type(error).__name__}: {error}") from error


class Program:
    """A compiled template. `whole`: it is exactly one `{{ expr }}`; `names`: those it takes from outside.

    `turns` and `variables` are the turns and the environment variables among them; `fields` are those that it reads of
    turns in every rendering, `calls` the calls of functions among them with arguments that are written out.
    """

    def __init__(self, source: str) -> None:
        from convrun.templates.naming import constant_calls, fields_named, turns_named, variables_named

        environment = sandbox()
        if "{#" in source:
            raise TemplateError("'{#' begins a Jinja comment", fix=LITERALLY)
        try:
            tree = environment.parse(source)
            self.names = frozenset(names_taken(tree))
            self.turns = frozenset(turns_named(tree)) if "turns" in self.names else frozenset()
            self.fields = frozenset(fields_named(tree)) if self.turns else frozenset()
            self.variables = frozenset(variables_named(tree)) if "env" in source else frozenset()
            self.calls = tuple(constant_calls(tree, self.names)) if "(" in source else ()
            self.whole = _is_whole(tree)
            self._template = environment.from_string(bounded(tree, whole=self.whole))
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
        with failures("the template"):
            pieces = self._pieces(context)
            return checked(context.vars["result"]) if self.whole else "".join(pieces)

    def _pieces(self, context: Context) -> list[str]:
        pieces: list[str] = []
        length = 0
        for piece in self._template.root_render_func(context):
            pieces.append(piece)
            length += len(piece)
            if length > LONGEST:
                raise TemplateError(f"the rendered text is longer than {LONGEST:,} characters", fix="loop over less")
        return pieces


def _is_whole(tree: nodes.Template) -> bool:
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return False
    inner = tree.body[0].nodes
    return len(inner) == 1 and not isinstance(inner[0], nodes.TemplateData)


def bounded(tree: nodes.Template, *, whole: bool) -> nodes.Template:
    """Return the tree with its loops counted; a whole one assigns its value to `result` instead of printing it."""
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
    return cast(nodes.Template, _CountedTexts().visit(tree).set_environment(sandbox()))


def _fault(error: TemplateSyntaxError, environment: _Sandbox) -> TemplateError:
    """Jinja's syntax error in our words."""
    what, fix = explain(error.message or "", error.lineno, environment.filters, environment.tests)
    return TemplateError(what, fix=fix)
