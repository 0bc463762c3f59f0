"""Kinds of checks that are not convrun's: a function of the context and the check's value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import TypeVar, cast

from convrun.checks.catalogue.combined import BECAUSE
from convrun.checks.catalogue.python import PythonCheck, is_async
from convrun.checks.check import Check, Claim, Outcome, Path
from convrun.checks.code import Code, OwnValue, typed
from convrun.checks.context import CheckContext
from convrun.checks.kinds import LEAVES
from convrun.checks.reader import Pending, Reader
from convrun.errors import CheckError
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, canonical, schema_fault, show

Function = TypeVar("Function", bound=Callable[..., object])
_RESERVED = frozenset({"not", "all_of", "any_of", "expect_error", BECAUSE})  # and the kinds that are not made of others
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MARK = "__convrun_check__"
_WRITE = "write @convrun.check('sql') above def sql(context, value)"


@frozen
class OwnKind:
    """What the decorator says of a function: the kind that it judges, what it is about, the schema of its values."""

    name: str
    about: str = ""
    schema: JsonObject | None = None


REGISTERED: dict[str, Code] = {}  # the functions that were decorated in this process, by kind


def check(kind: str, *, about: str = "", schema: JsonObject | None = None) -> Callable[[Function], Function]:
    """Return a decorator: the function, given the context and the check's value, judges checks of this kind.

    `about` says when such a check holds, `schema` is the JSON Schema of its values. Specs know the kind by the settings
    or by an entry point, `convrun.expect` once the function is defined.

    Raises:
        CheckError: for what is no name, one of convrun's kinds, one that another function has, and for a wrong schema.
    """
    if not isinstance(kind, str):
        raise CheckError(f"a kind's name is wanted, not {show(kind, 60)}", fix=_WRITE)
    if (wrong := wrong_name(kind)) is not None:
        raise CheckError(wrong[0], fix=wrong[1])
    if schema is not None and (fault := schema_fault(schema)) is not None:
        place = f" at {'.'.join(map(str, fault.path))}" if fault.path else ""
        raise CheckError(f"the schema of the check {kind!r} is no JSON Schema{place}: {fault.what}")
    own = OwnKind(name=kind, about=about, schema=schema)

    def decorated(function: Function) -> Function:
        known = REGISTERED.get(kind)
        code = Code(path=f"{function.__module__}:{function.__qualname__}", target=function)
        if known is not None and known.path != code.path:
            raise CheckError(f"the check {kind!r} is judged by {known.path!r} and {code.path!r}", fix="rename one")
        if (fault := wrong_function(code)) is not None:
            raise CheckError(fault[0], fix=fault[1])
        setattr(function, _MARK, own)
        REGISTERED[kind] = code
        return function

    return decorated


def wrong_name(kind: str) -> tuple[str, str] | None:
    """Return what is wrong with the name of a kind, and how to mend it; None where nothing is."""
    if kind in LEAVES or kind in _RESERVED:
        return f"the check {kind!r} is one of convrun's own", "give yours another name"
    if _NAME.fullmatch(kind) is None:
        return f"{kind!r} is no name of a check", "use lower-case letters, digits and _, as row_count"
    return None


def wrong_function(code: Code) -> tuple[str, str] | None:
    """Return why an object cannot judge checks, and how to mend it; None where it can."""
    from inspect import signature

    if not callable(code.target):
        return f"{code.path!r} is {typed(code.target)}, not a function", _WRITE
    if is_async(code.target):
        return f"{code.path!r} is an async function", "a check is a plain function"
    try:
        signature(code.target).bind(None, None)
    except TypeError as error:
        what = f"{code.path!r} cannot be called with the context and the check's value: {error}"
        name = getattr(code.target, "__name__", "check")
        return what, f"write def {name}(context, value)"
    except ValueError:  # a function of C may not tell
        return None
    return None


def own_kind(code: Code) -> OwnKind | None:
    """Return what the decorator said of a function; None where there is no decorator."""
    found = getattr(code.target, _MARK, None)
    return found if isinstance(found, OwnKind) else None


@frozen
class OwnCheck:
    """The function that judges the kind says that it holds of the context and the value, as a `python` check does."""

    kind: str
    value: object
    code: Code

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        plain = self.value is None or self.value is True
        return Claim(subject=self.kind if plain else f"{self.kind} {show(self.value, 80)}", predicate="hold")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return what the function says; whatever else it raises is raised."""
        function = cast("Callable[[CheckContext, object], object]", self.code.target)
        value = deepcopy(self.value)
        judging = Code(path=self.code.path, target=lambda lent: function(lent, value))
        return PythonCheck(code=judging).evaluate(context)


def read_own(kind: str, reader: Reader, own: OwnValue, path: Path) -> Check:
    """Read the value of a kind that is not convrun's; what it takes is known only of a function that was imported."""
    if own.code is None:
        return OwnCheck(kind=kind, value=own.value, code=Code(path=kind, target=None))
    if (fault := wrong_function(own.code)) is not None:
        reader.wrong(path, *fault)
    elif (known := own_kind(own.code)) is not None:
        if known.name != kind:
            reader.wrong(path, f"{own.code.path!r} judges the check {known.name!r}, not {kind!r}", "use one name")
        elif known.schema is not None and not _is_pending(own.value):
            _validate(reader, known, own.value, path)
    return OwnCheck(kind=kind, value=own.value, code=own.code)


def _is_pending(value: object) -> bool:
    """Whether a value has templates that are not rendered yet."""
    if isinstance(value, Mapping | list | tuple):
        return any(map(_is_pending, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, Pending)


def _validate(reader: Reader, known: OwnKind, value: object, path: Path) -> None:
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    from convrun.checks.catalogue.json_schema import validator

    try:
        error = best_match(validator(canonical(known.schema)).iter_errors(cast(Json, value)))
    except Unresolvable as unresolved:
        reader.wrong(path, f"the schema of {known.name!r} refers to {unresolved.ref!r}, which is not in it")
        return
    if error is not None:
        said = error.message if len(error.message) <= 300 else f"{error.message[:297]}..."
        what = f"{known.name} does not take this value: {said}"
        about = f"{known.name}: {known.about}; " if known.about else ""
        reader.wrong((*path, *error.absolute_path), what, f"{about}it takes what fits {show(error.schema, 200)}")
