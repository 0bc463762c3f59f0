"""The hooks of specs/library.yaml: a rule that tools must keep, and a log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import convrun

_log = logging.getLogger(__name__)
_lent_to: set[object] = set()


def new_day(conversation: convrun.Conversation) -> Iterator[None]:
    """Forget yesterday's readers; what follows the yield runs when the conversation is over."""
    _lent_to.clear()
    yield
    _log.info("%d model calls, %d readers", len(conversation.responses), len(_lent_to))


def one_book_each(tool: convrun.Tool | None, call: convrun.ToolCall) -> None:
    """Before a call: refuse a second book. The model is told why."""
    if tool is not None and tool.name == "Shelf_lend":
        if call.arguments["reader"] in _lent_to:
            raise convrun.CancelToolCall("one book each")
        _lent_to.add(call.arguments["reader"])


def log(_tool: convrun.Tool | None, call: convrun.ToolCall, result: convrun.ToolResult) -> None:
    """After a call: log it. What is printed instead would go to stderr, where it gets into no report."""
    _log.info("%s(%s) -> %s", call.name, call.arguments, result.output)
