"""What happens to one tool call, as steps: hooks, arguments, the function, the result. No step is performed here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import field
from typing import Any, TypeAlias, TypeVar

from convrun.conversation.attachments import MAX_ATTACHMENT
from convrun.conversation.hooks import Hook, Hooks
from convrun.conversation.time_limit import TimeUp
from convrun.conversation.tools import Tool, ToolCall, ToolOutput, ToolResult
from convrun.errors import (
    AttachmentError,
    BlockedNetworkError,
    CancelToolCall,
    HookError,
    PauseChain,
    ToolArgumentsError,
    ToolTimeoutError,
    ToolUnavailableError,
    named,
)
from convrun.frozen import frozen
from convrun.values import show


@frozen
class Verified:
    """A recorded result of a tool that is called all the same.

    `agrees` says whether a result is this one. `settled` is told what would go to the model now, and returns what does.
    """

    result: ToolResult
    agrees: Callable[[ToolResult], bool]
    settled: Callable[[ToolResult], ToolResult]


@frozen
class Failing:
    """What is to be raised in the place of a call, which is not made; hooks see it as if the tool had raised it."""

    error: Exception


RecordedResults: TypeAlias = Callable[[Tool, ToolCall], "str | ToolOutput | Verified | Failing | None"]
_Replacement = TypeVar("_Replacement", ToolCall, ToolResult)
_STOPPING = (BlockedNetworkError, PauseChain, KeyboardInterrupt, GeneratorExit, TimeUp)


@frozen
class Invocation:
    """User code to be called now. The answer to it is what it returned, awaited if need be, or what it raised.

    `owner` is whose it is, as `tool 'forecast'`; `seconds` is how long it may take, `name` the tool's for that error.
    """

    function: Callable[..., object]
    owner: str
    arguments: tuple[object, ...] = ()
    keywords: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    seconds: float | None = None

    def call(self) -> object:
        """Call it; what a coroutine function returns is not awaited here."""
        return self.function(*self.arguments, **self.keywords)


@frozen
class Outcome:
    """What came of an invocation: the `value` that it returned, awaited if need be, or the `error` that it raised."""

    value: object = None
    error: BaseException | None = None


Steps: TypeAlias = Generator[Invocation, Any, ToolResult]


@frozen
class ToolRunning:
    """Everything a call needs but the call: the tools by name, hooks, the time limit in seconds, recorded results.

    `max_attachment` is how many bytes an attachment of a result may have.
    """

    tools: Mapping[str, Tool]
    hooks: Hooks
    seconds: float | None = None
    recorded_results: RecordedResults | None = None
    max_attachment: int = MAX_ATTACHMENT

    def steps(self, call: ToolCall) -> Steps:
        """Yield what is to be called and return the result for the model.

        Raises:
            BlockedNetworkError: where the tool or a hook wanted to reach what it may not.
            HookError: where a hook raised.
            PauseChain: where the tool, or `before_call`, paused the chain.
            ToolTimeoutError: where the tool did not return in time.
            ToolUnavailableError: where the tool has neither code nor a stand-in, or that one has nothing for this call.
        """
        tool = self.tools.get(call.name)
        recorded = None
        if tool is not None and self.recorded_results is not None:
            recorded = self.recorded_results(tool, call)
        if isinstance(recorded, Failing):
            return (yield from self._made(tool, call, failing=recorded))
        if isinstance(recorded, Verified):
            return recorded.settled((yield from self._made(tool, call, recorded)))
        if tool is not None and recorded is not None:
            return (yield from self._replayed(tool, call, recorded))
        return (yield from self._made(tool, call))

    def _made(
        self, tool: Tool | None, call: ToolCall, recorded: Verified | None = None, failing: Failing | None = None
    ) -> Steps:
        """What goes to the model where nothing is recorded.

        Where `recorded` goes to it instead, hooks see that first; and the tool's own result where that is another one,
        or where they would change it.
        """
        try:
            call = yield from self._before(tool, call)
            tool = self.tools.get(call.name)
            if tool is None:
                return ToolResult.failed(call, LookupError(f'tool "{call.name}" does not exist'))
            result = (
                (yield from self._called(tool, call)) if failing is None else ToolResult.failed(call, failing.error)
            )
            if recorded is not None:
                changed = yield from self._shown(self.hooks.after_call, tool, call, recorded.result)
                if not changed and recorded.agrees(result):
                    return result
            return (yield from self._after(tool, call, result))
        except CancelToolCall as why:
            return ToolResult.cancelled(call, why)

    def _replayed(self, tool: Tool, call: ToolCall, recorded: str | ToolOutput) -> Steps:
        """A recorded result has been through the hooks already: they see it and change nothing."""
        result = ToolResult.of(call, recorded)
        yield from self._shown(self.hooks.before_call, tool, call)
        yield from self._shown(self.hooks.after_call, tool, call, result)
        return result

    def _shown(self, hooks: Iterable[Hook], *arguments: object) -> Generator[Invocation, Any, bool]:
        """Let hooks see what is settled already; return whether one of them would have changed it."""
        changed = False
        for hook in hooks:
            try:
                changed = (yield from _hooked(hook, *arguments)) is not None or changed
            except CancelToolCall:
                changed = True
        return changed

    def _before(self, tool: Tool | None, call: ToolCall) -> Generator[Invocation, Any, ToolCall]:
        for hook in self.hooks.before_call:
            call = _replacement(call, (yield from _hooked(hook, tool, call)), hook)
        return call

    def _after(self, tool: Tool, call: ToolCall, result: ToolResult) -> Steps:
        for hook in self.hooks.after_call:
            result = _replacement(result, (yield from _hooked(hook, tool, call, result)), hook)
        return result

    def _called(self, tool: Tool, call: ToolCall) -> Steps:
        try:
            keywords = tool.arguments_for(call)
        except (ToolUnavailableError, KeyboardInterrupt, TimeUp):
            raise
        except BaseException as error:  # noqa: BLE001  (the types of the arguments may be the tool's own, too)
            return ToolResult.failed(call, error)
        if tool.stand_in is not None:
            return tool.stand_in(call)
        assert tool.implementation is not None  # arguments_for has refused it otherwise
        try:
            value = yield Invocation(
                function=tool.implementation,
                owner=f"tool {tool.name!r}",
                keywords=keywords,
                name=tool.name,
                seconds=self.seconds,
            )
        except (*_STOPPING, ToolArgumentsError, ToolTimeoutError):
            raise
        except CancelToolCall as why:
            return ToolResult.cancelled(call, why)
        except BaseException as error:  # noqa: BLE001  (a tool's own: the model is told, and goes on)
            return ToolResult.failed(call, error)
        return self._loaded(call, ToolResult.of(call, value))

    def _loaded(self, call: ToolCall, result: ToolResult) -> ToolResult:
        """The result with its attachments read: one that cannot be sent is the tool's fault, and the model is told."""
        try:
            for attachment in result.attachments:
                attachment.load(self.max_attachment)
        except AttachmentError as error:
            return ToolResult.failed(call, error)
        return result


def _hooked(hook: Hook, *arguments: object) -> Generator[Invocation, Any, Any]:
    name = getattr(hook, "__name__", repr(hook))
    try:
        return (yield Invocation(function=hook, owner=f"hook {name!r}", arguments=arguments))
    except (*_STOPPING, CancelToolCall):
        raise
    except BaseException as error:  # a hook's own: it watches over the chain, so the chain stops
        raise HookError(f"hook {name!r} raised {named(error)}", fix="mend the hook") from error


def _replacement(old: _Replacement, new: object, hook: Hook) -> _Replacement:
    if new is None:
        return old
    if isinstance(new, type(old)):
        return new
    kind = type(old).__name__
    name = getattr(hook, "__name__", repr(hook))
    raise HookError(
        f"hook {name!r} returned {show(new)}", fix=f"return a {kind} to replace this one, or None to keep it"
    )
