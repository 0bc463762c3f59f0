"""What a conversation makes use of while it is played: its tools, its hooks, and what the tools returned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from convrun.conversation.hooks import Hook
from convrun.conversation.tools import Tool, ToolCall, ToolResult
from convrun.results import TurnResult, Used
from convrun.run.binding.bound_specs import BoundSpec


class Uses:
    """Notes them, from hooks of its own between those of the spec.

    `returned` is, by call, what the tools returned before a hook changed it, while the recording `holds`.
    """

    def __init__(self, spec: BoundSpec, holds: Callable[[], bool]) -> None:
        self.returned: dict[str, str] = {}
        self._spec = spec
        self._holds = holds
        self._declared: dict[str, int] = {}
        self._called: set[str] = set()
        self._before: set[int] = set()
        self._after: set[int] = set()

    def declared(self, index: int, tools: Sequence[Tool]) -> None:
        """Take note of what the spec's tool of this index is called."""
        self._declared |= dict.fromkeys((tool.name for tool in tools), index)

    @property
    def before_call(self) -> tuple[Hook, ...]:
        """The hooks before a call; a conversation that has none at all goes without."""
        spec = self._spec
        if not (spec.before_call or spec.after_call or spec.before_conversation):
            return ()
        return (self._call, *_noted(spec.before_call, self._before))

    @property
    def after_call(self) -> tuple[Hook, ...]:
        """The hooks behind a call."""
        spec = self._spec
        return (self._keep, *_noted(spec.after_call, self._after)) if spec.before_call or spec.after_call else ()

    def of(self, turns: Sequence[TurnResult]) -> Used:
        """Return all that was used; calls that stay open, whose hooks never fire, are known of the turns."""
        called = self._called.union(call.name for turn in turns for call in turn.tool_calls)
        return Used(
            tools=tuple(sorted({self._declared[name] for name in called if name in self._declared})),
            before_call=tuple(sorted(self._before)),
            after_call=tuple(sorted(self._after)),
        )

    def _call(self, _tool: Tool | None, call: ToolCall) -> None:
        self._called.add(call.name)  # a hook may prompt the model as well, in no turn

    def _keep(self, _tool: Tool, call: ToolCall, result: ToolResult) -> None:
        if self._holds():
            self.returned[call.tool_call_id or ""] = result.output


def _noted(hooks: Sequence[Hook], fired: set[int]) -> Iterator[Hook]:
    """The hooks, each behind one that notes its index: one may keep those behind it from being called."""
    for index, hook in enumerate(hooks):
        yield partial(_note, fired, index)
        yield hook


def _note(fired: set[int], index: int, *_: object) -> None:
    fired.add(index)
