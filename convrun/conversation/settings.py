"""What holds for all model calls of one turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

from convrun.conversation.attachments import MAX_ATTACHMENT
from convrun.conversation.backend import ToolSchema
from convrun.conversation.hooks import Hooks
from convrun.conversation.structured import OutputSchema
from convrun.conversation.tool_running import RecordedResults, ToolRunning
from convrun.conversation.tools import Tool
from convrun.errors import ConversationError, did_you_mean
from convrun.values import Json, canonical, is_amount, show, type_name

_NO_OPTIONS = {
    "messages": "give messages=",
    "input": "give messages=",
    "instructions": "give system=",
    "model": "get another model with get_model()",
    "tools": "give tools=",
    "stream": "give stream=",
    "key": "set OPENAI_API_KEY; a key is never sent as an option",
    "api_key": "set OPENAI_API_KEY; a key is never sent as an option",
    "before_call": "give it to conversation() or chain()",
    "after_call": "give it to conversation() or chain()",
    "chain_limit": "give it to conversation() or chain()",
    "tool_timeout": "give it to conversation()",
    "max_attachment": "give it to conversation()",
    "history": "give it to conversation(), or messages= to a prompt",
    "recorded_results": "give it to conversation()",
    "prompt": "give it as the first argument",
    "attachment": "give attachments=[…]",
    "fragments": "put their text into the prompt",
    "system_fragments": "put their text into system=",
    "hide_reasoning": "leave it out: reasoning is a part of its own, and never in text()",
    "base_url": "give it to get_model()",
    "api_key_env": "give it to get_model()",
    "timeout": "give it to get_model()",
    "max_retries": "give it to get_model()",
}
_ARGUMENTS = ("attachments", "system", "messages", "tools", "tool_results", "schema", "schema_name", "options")


@dataclass(frozen=True, kw_only=True)
class TurnSettings:
    """Settings of a conversation, or of one turn where they differ. Not slotted: the tools' schemas are gathered once.

    `chain_limit` counts model calls of a turn; `tool_timeout` is in seconds, `max_attachment` in bytes.
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    options: Mapping[str, Json] = field(default_factory=dict)
    schema: OutputSchema | None = None
    stream: bool = True
    hooks: Hooks = field(default_factory=Hooks)
    chain_limit: int | None = None
    tool_timeout: float | None = None
    recorded_results: RecordedResults | None = None
    max_attachment: int = MAX_ATTACHMENT

    @cached_property
    def tool_schemas(self) -> tuple[ToolSchema, ...]:
        """The tools as the model sees them."""
        return tuple(tool.schema for tool in self.tools.values())

    @cached_property
    def tool_running(self) -> ToolRunning:
        """What it takes to make a tool call."""
        return ToolRunning(
            tools=self.tools,
            hooks=self.hooks,
            seconds=self.tool_timeout,
            recorded_results=self.recorded_results,
            max_attachment=self.max_attachment,
        )

    def with_options(self, options: Mapping[str, Json]) -> TurnSettings:
        """Return the settings with these options over the present ones; None removes one.

        Raises:
            ConversationError: for an option that the engine itself sets, and for what is no JSON.
        """
        if not isinstance(cast(object, options), Mapping):
            fix = 'give a dict of names and values, as {"temperature": 0}'
            raise ConversationError(f"options is a dict, not the {type_name(options)} {show(options, 60)}", fix=fix)
        if not options:
            return self
        for name, value in options.items():
            _refuse_wrong(name, value)
        merged = {**self.options, **options}
        return replace(self, options={name: value for name, value in merged.items() if value is not None})


def checked_chain_limit(limit: int | None) -> int | None:
    """Return how many model calls a turn may have.

    Raises:
        ConversationError: where it is no such number.
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        fix = "give a whole number: a turn needs at least 1 model call; None sets no limit"
        raise ConversationError(f"chain_limit is {show(limit, 60)}", fix=fix)
    return limit


def checked_tool_timeout(seconds: float | None) -> float | None:
    """Return how long a tool may take.

    Raises:
        ConversationError: where it is no number of seconds.
    """
    if seconds is not None and not is_amount(seconds):
        raise ConversationError(
            f"tool_timeout is {show(seconds, 60)}", fix="give a number of seconds, as 60; None sets no limit"
        )
    return seconds


def _refuse_wrong(name: str, value: object) -> None:
    """Raise for what is no option: the API of the model takes JSON and nothing else."""
    if name in _NO_OPTIONS:
        raise ConversationError(f"{name!r} is no option", fix=_NO_OPTIONS[name])
    try:
        canonical(value)
    except (ValueError, RecursionError):
        what = f"the option {name!r} is no JSON value: {show(repr(value), 80)}"
        fix = did_you_mean(name, _ARGUMENTS) or "options go to the provider as they are: leave it out, or give JSON"
        raise ConversationError(what, fix=fix) from None
