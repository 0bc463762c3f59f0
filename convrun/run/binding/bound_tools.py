"""Tools with their code: functions, toolbox classes, declared ones; and what each conversation makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from convrun.conversation.network import watching
from convrun.conversation.toolbox import Toolbox
from convrun.conversation.tools import Tool
from convrun.errors import ConversationError, ConvrunError, SpecError, ToolDefinitionError, named
from convrun.frozen import frozen
from convrun.run.binding.imports import imported
from convrun.settings import Settings
from convrun.spec.model import Policy, Spec, ToolDeclaration, ToolUse
from convrun.templates import render_value


@frozen
class BoundTool:
    """A tool, or a class that becomes tools once a conversation begins; `policy` says what a replay does with it."""

    spec: ToolUse | ToolDeclaration
    made: Tool | type[Toolbox]
    policy: Policy = "live"

    @property
    def recorded(self) -> bool:
        """Whether its recorded results go to the model."""
        return self.policy in ("verify", "replay")

    @property
    def names(self) -> tuple[str, ...]:
        """The names the model sees; a toolbox may add others at run time."""
        if isinstance(self.made, Tool):
            return (self.made.name,)
        return self.made.tool_names(self.spec.name)


def bind_tools(
    spec: Spec, settings: Settings, errors: list[ConvrunError], *, imports: bool, all_tools: bool = True
) -> tuple[BoundTool, ...]:
    """Return the spec's tools; mistakes are appended to `errors`, with `all_tools` two tools of one name too."""
    found: list[BoundTool] = []
    taken: dict[str, BoundTool] = {}
    for tool in spec.tools:
        if tool.stub:
            from convrun.run.binding.stubs import stub_errors  # few specs have one

            errors += stub_errors(tool.stub)
        if isinstance(tool, ToolUse) and not imports:
            continue
        try:
            bound = BoundTool(spec=tool, made=_made(tool), policy=_policy(tool, spec, settings))
            names = bound.names
        except ConvrunError as error:
            errors.append(error.at(tool.where))
            continue
        for name in names:
            if name in taken and all_tools:
                errors.append(
                    SpecError(
                        f"two tools are called {name!r}", where=tool.where, fix="give one another name with `as:`"
                    )
                )
            taken.setdefault(name, bound)
        found.append(bound)
    return tuple(found)


def tool_names(tools: Sequence[BoundTool]) -> frozenset[str] | None:
    """Return the names of all tools; None where a toolbox decides only at run time what it offers."""
    for tool in tools:
        if not isinstance(tool.made, Tool) and tool.made.prepare is not Toolbox.prepare:
            return None
    return frozenset(name for tool in tools for name in tool.names)


def parameter_names(tools: Sequence[BoundTool], name: str) -> tuple[str, ...] | None:
    """Return what a tool with code may be given, by the tool's name; None where any arguments will do, or who knows."""
    for tool in tools:
        if name in tool.names:
            return _parameters(tool, name)
    return None


def _parameters(tool: BoundTool, name: str) -> tuple[str, ...] | None:
    try:
        made = (tool.made,) if isinstance(tool.made, Tool) else tool.made.described(tool.spec.name)
    except ToolDefinitionError:  # it is told once a conversation begins
        return None
    known = next((one.parameters for one in made if one.name == name), None)
    return None if known is None else tuple(known.types)


def opened(tools: Sequence[BoundTool], names: Mapping[str, object]) -> Iterator[tuple[BoundTool, tuple[Tool, ...]]]:
    """Yield each tool with what a conversation gets of it: a toolbox class is instantiated anew, but for stubs.

    Raises:
        TemplateError: where an argument's template fails.
        ConversationError: where a constructor or `prepare` raises.
    """
    for tool in tools:
        if isinstance(tool.made, Tool):
            yield tool, (tool.made,)
        elif tool.policy == "stub" and not tool.made.adds_tools():
            yield tool, tool.made.described(tool.spec.name)
        else:
            assert isinstance(tool.spec, ToolUse)
            yield tool, _tools_of(tool.made, tool.spec, names)


def _tools_of(made: type[Toolbox], spec: ToolUse, names: Mapping[str, object]) -> tuple[Tool, ...]:
    arguments = render_value(spec.arguments, names)
    assert isinstance(arguments, dict)
    called, owner = "the constructor", f"tool {spec.name or made.__name__!r}"
    try:
        with watching(owner):
            box = made(**arguments)
            called = "prepare()"
            return box.tools(spec.name)
    except ConvrunError as error:
        error.at(spec.where)
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # both are the user's
        what = f"{called} of {spec.path.text!r} raised {named(error)}"
        raise ConversationError(what, where=spec.where, fix="mend it, or the arguments under `with:`") from error


def _policy(tool: ToolUse | ToolDeclaration, spec: Spec, settings: Settings) -> Policy:
    if isinstance(tool, ToolDeclaration):
        return "stub" if tool.stub else "replay"
    return tool.policy or spec.tool_policy or cast("Policy | None", settings.tool_policy) or "live"


def _made(tool: ToolUse | ToolDeclaration) -> Tool | type[Toolbox]:
    if isinstance(tool, ToolDeclaration):
        return Tool.declared(tool.function)
    found = imported(tool.path)
    if isinstance(found, type) and issubclass(found, Toolbox):
        return found
    if tool.arguments:
        what = f"{tool.path.text!r} is no Toolbox class, and only those take `with:`"
        raise SpecError(what, where=tool.where, fix="remove `with:`, or name a subclass of convrun.Toolbox")
    if isinstance(found, Tool):
        return found
    if isinstance(found, Toolbox):
        what = f"{tool.path.text!r} is an instance: its state would go from one conversation to the next"
        raise SpecError(what, where=tool.where, fix="name the class; its arguments go under `with:`")
    if isinstance(found, type) or not callable(found):
        raise ToolDefinitionError(
            f"{tool.path.text!r} is no tool", fix="name a function or a subclass of convrun.Toolbox"
        )
    return Tool.function(found, name=tool.name)
