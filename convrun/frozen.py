"""`@frozen`: the dataclass that convrun's values are, frozen, slotted and keyword-only, made in a sixth of the time.

A program pays for each dataclass when it starts: the standard library compiles the six methods of a frozen one singly,
before Python 3.13 in half a millisecond. A replay has 140 of them, which was a quarter of its time. Here the standard
library does its cheap part, the fields and the slots; one method is compiled, `__init__`, and the others are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any, TypeVar, dataclass_transform, overload

TypeT = TypeVar("TypeT", bound=type)
_UNSET = object()  # in a signature: what a default_factory is called for


@overload
def frozen(cls: TypeT, /) -> TypeT: ...
@overload
def frozen(*, kw_only: bool = True, eq: bool = True) -> Callable[[TypeT], TypeT]: ...
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(cls: TypeT | None = None, /, *, kw_only: bool = True, eq: bool = True) -> TypeT | Callable[[TypeT], TypeT]:
    """Return the class as `dataclass(frozen=True, slots=True, kw_only=True)` does; it is not for inheriting from."""

    def made(cls: TypeT) -> TypeT:
        return _made(cls, kw_only=kw_only, eq=eq)

    return made if cls is None else made(cls)


def _made(cls: TypeT, *, kw_only: bool, eq: bool) -> TypeT:
    value: Any = dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls)
    value.__dataclass_params__.frozen = True
    every = fields(value)
    value.__init__ = _init(value, every)
    methods = _SHARED | (_comparing(every) if eq else {})
    for name, method in methods.items():
        if name not in cls.__dict__:
            setattr(value, name, method)
    made: TypeT = value
    return made


def _init(cls: Any, every: tuple[Field[Any], ...]) -> Any:
    """The `__init__` of a class, compiled, as the signature is its fields'."""
    known: dict[str, Any] = {"set_": object.__setattr__, "UNSET": _UNSET}
    lines = [*_assignments(every, known)]
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    given = [one for one in every if one.init]
    signed = [f"{one.name}=default_{one.name}" if f"default_{one.name}" in known else one.name for one in given]
    by_name = next((index for index, one in enumerate(given) if one.kw_only), None)
    if by_name is not None:
        signed.insert(by_name, "*")
    exec(f"def __init__(self, {', '.join(signed)}):\n  " + "\n  ".join(lines or ["pass"]), known)
    init = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {one.name: one.type for one in given} | {"return": None}
    return init


def _assignments(every: tuple[Field[Any], ...], known: dict[str, Any]) -> Iterator[str]:
    """The lines that set the fields; the defaults that these and the signature name are put into `known`."""
    for one in every:
        name, value = one.name, one.name if one.init else f"default_{one.name}"
        if one.default_factory is not MISSING:
            known |= {f"default_{name}": _UNSET, f"make_{name}": one.default_factory}
            value = f"make_{name}() if {value} is UNSET else {value}"
        elif one.default is not MISSING:
            known[f"default_{name}"] = one.default
        elif not one.init:
            continue
        yield f"set_(self, {name!r}, {value})"


def _comparing(every: tuple[Field[Any], ...]) -> dict[str, Any]:
    """Equality and hash by the fields that are compared."""
    key = attrgetter(*([one.name for one in every if one.compare] or ["__class__"]))

    def equal(self: Any, other: Any) -> Any:
        return (key(self),) == (key(other),) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(key(self))

    return {"__eq__": equal, "__hash__": hashed}


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _refuse_setting(self: Any, name: str, value: object) -> None:  # noqa: ARG001 (the signature is the language's)
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(self: Any, name: str) -> None:  # noqa: ARG001 (the signature is the language's)
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:
    return [getattr(self, one.name) for one in fields(self)]


def _set_state(self: Any, state: list[object]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


_SHARED = {
    "__repr__": _repr,
    "__setattr__": _refuse_setting,
    "__delattr__": _refuse_deleting,
    "__getstate__": _state,  # for copies and pickles, which would assign
    "__setstate__": _set_state,
}
