"""Toolboxes: tools that are the methods of one object and share its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from inspect import getattr_static
from types import FunctionType, MethodType
from typing import Any, TypeAlias

from convrun.conversation.tools import Tool
from convrun.errors import ToolDefinitionError
from convrun.values import show


class Toolbox:
    """Subclass it: each public method is the tool `ClassName_method`, and what `self` holds lives across turns."""

    def tools(self, as_name: str | None = None) -> tuple[Tool, ...]:
        """Return the tools, in the order of their definition, the same objects each time.

        `as_name` stands in for the class's name.

        Raises:
            ToolDefinitionError: where a method cannot be a tool.
        """
        state = self.__dict__  # not set in __init__, which subclasses need not call
        if "_methods_by_prefix" not in state:
            state["_methods_by_prefix"] = {}
            self.prepare()
        known: dict[str, tuple[Tool, ...]] = state["_methods_by_prefix"]
        prefix = as_name or type(self).__name__
        if prefix not in known:
            known[prefix] = tuple(
                Tool.function(getattr(self, name), name=f"{prefix}_{name}") for name in self._method_names()
            )
        return (*known[prefix], *state.get("_added_tools", ()))

    def add_tool(self, tool: Tool | Callable[..., object], *, pass_self: bool = False) -> None:
        """Offer one more tool from the next turn on; a function with `pass_self` is given the toolbox first."""
        if isinstance(tool, Tool):
            added = tool
        elif pass_self:
            name, description = getattr(tool, "__name__", None), tool.__doc__
            added = Tool.function(partial(tool, self), name=name, description=description)
        else:
            added = Tool.function(tool)
        self.__dict__.setdefault("_added_tools", []).append(added)

    def prepare(self) -> None:
        """Override it to add tools that are only known at run time; called before the first use."""

    @classmethod
    def tool_names(cls, as_name: str | None = None) -> tuple[str, ...]:
        """Return the names that the methods have as tools; those added at run time are known to an instance only."""
        return tuple(f"{as_name or cls.__name__}_{name}" for name in cls._method_names())

    @classmethod
    def described(cls, as_name: str | None = None) -> tuple[Tool, ...]:
        """Return the tools of the methods as a model sees them, without an object: nothing of the class is called.

        Raises:
            ToolDefinitionError: where a method cannot be a tool.
        """
        nobody = object()  # stands where the object would be
        prefix = as_name or cls.__name__
        found = []
        for name in cls._method_names():
            method = getattr_static(cls, name)
            bound = MethodType(method, nobody) if isinstance(method, FunctionType) else getattr(cls, name)
            found.append(Tool.function(bound, name=f"{prefix}_{name}"))
        return tuple(found)

    @classmethod
    def adds_tools(cls) -> bool:
        """Return whether it may have tools beside its methods, which are known to an object only."""
        code = getattr(cls.__init__, "__code__", None)
        return cls.prepare is not Toolbox.prepare or (code is not None and "add_tool" in code.co_names)

    @classmethod
    def _method_names(cls) -> list[str]:
        """Names of the public methods, inherited ones first, without those of Toolbox itself."""
        own = cls.__mro__[: cls.__mro__.index(Toolbox)]
        return list(
            dict.fromkeys(
                name
                for owner in reversed(own)
                for name, value in vars(owner).items()
                if not name.startswith("_") and not hasattr(Toolbox, name) and isinstance(value, _METHODS)
            )
        )


_METHODS = (FunctionType, staticmethod, classmethod)

ToolLike: TypeAlias = Tool | Toolbox | type[Toolbox] | Callable[..., Any]


def tools_by_name(tools: Iterable[ToolLike]) -> dict[str, Tool]:
    """Return every tool under its name: functions are wrapped, toolboxes opened, toolbox classes instantiated.

    Raises:
        ToolDefinitionError: where two have one name, or one cannot be a tool.
    """
    if isinstance(tools, str | Mapping | Tool | Toolbox | type) or not isinstance(tools, Iterable):
        named = getattr(tools, "__name__", None) or getattr(tools, "name", "…")
        raise ToolDefinitionError(f"tools is a list, not {show(repr(tools), 80)[1:-1]}", fix=f"give tools=[{named}]")
    found: dict[str, Tool] = {}
    for given in tools:
        for tool in _opened(given):
            if tool.name in found:
                raise ToolDefinitionError(f"two tools are called {tool.name!r}", fix="give one of them another name")
            found[tool.name] = tool
    return found


def _opened(given: ToolLike) -> tuple[Tool, ...]:
    if isinstance(given, Tool):
        return (given,)
    if isinstance(given, type) and issubclass(given, Toolbox):
        given = given()
    if isinstance(given, Toolbox):
        return given.tools()
    if not callable(given):
        raise ToolDefinitionError(f"{given!r} is no tool", fix="give a function, a Tool or a Toolbox")
    return (Tool.function(given),)
