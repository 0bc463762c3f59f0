"""The hooks of specs/library.yaml: a rule that tools must keep, and a log."""

from __future__ import annotations

from collections.abc import Iterator

import convrun

_lent_to: set[object] = set()


def new_day(conversation: convrun.Conversation) -> Iterator[None]:
    """Forget yesterday's readers; what follows the yield runs when the conversation is over."""
    _lent_to.clear()
    yield
    print(f"{len(conversation.responses)} model calls, {len(_lent_to)} readers")


def one_book_each(tool: convrun.Tool | None, call: convrun.ToolCall) -> None:
    """Before a call: refuse a second book. The model is told why."""
    if tool is not None and tool.name == "Shelf_lend":
        if call.arguments["reader"] in _lent_to:
            raise convrun.CancelToolCall("one book each")
        _lent_to.add(call.arguments["reader"])


def log(_tool: convrun.Tool | None, call: convrun.ToolCall, result: convrun.ToolResult) -> None:
    """After a call: print it (to stderr, where it does not get into a report)."""
    print(f"{call.name}({call.arguments}) -> {result.output}")
