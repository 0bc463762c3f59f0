"""Checks for an imported spec, from what its run gave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum

from convrun.importing.spec_text import SUGGESTION, first_words, literal, spoken
from convrun.results import ConversationResult, ToolCallResult, TurnResult
from convrun.values import Json, JsonObject

_WORDS = 60  # characters of a reply that are suggested


class Detail(IntEnum):
    """How much the checks say. Less is tried where values look like something else: conditions, templates."""

    ALL = 0
    WRAPPED = 1  # mappings among the arguments below `equals`
    NAMES = 2
    LEAST = 3
    BARE = 4  # nothing of the conversation as a whole


def with_checks(spec: JsonObject, result: ConversationResult, detail: Detail) -> JsonObject:
    """Return the spec with checks of the tools that were called, and how, and of how each reply begins."""
    turns = spec["turns"]
    assert isinstance(turns, list)
    checked: list[Json] = []
    for turn, found in zip(turns, result.turns, strict=True):
        assert isinstance(turn, dict)
        expected = [] if "expect_error" in turn else list(_of_turn(found, detail))
        checked.append({**turn, "expect": expected} if expected else turn)
    conversation = list(_of_unused(spec, result, detail))
    return {**spec, "turns": checked, **({"expect": conversation} if conversation else {})}


def _of_turn(turn: TurnResult, detail: Detail) -> Iterator[Json]:
    reply = first_words(turn.reply or "", _WORDS)
    if turn.tool_calls and detail < Detail.LEAST:
        yield {"calls": {"exactly": [_call(call, detail) for call in turn.tool_calls]}}
    if reply and detail < Detail.LEAST:
        yield SUGGESTION
        yield {"contains": spoken(reply)}
    if (reply or turn.tool_calls) and detail < Detail.LEAST:
        return
    yield {"finish_reason": turn.finish_reason} if turn.finish_reason else {"not_called": "any"}


def _call(call: ToolCallResult, detail: Detail) -> Json:
    arguments = call.arguments
    if not isinstance(arguments, dict) or not arguments or detail > Detail.WRAPPED:
        return call.name
    if detail is Detail.WRAPPED:
        arguments = {key: {"equals": one} if isinstance(one, dict | list) else one for key, one in arguments.items()}
    return {"tool": call.name, "with": literal(arguments)}


def _of_unused(spec: JsonObject, result: ConversationResult, detail: Detail) -> Iterator[Json]:
    """What is said of the declared tools that were never called: without that, a strict run asks what they are for."""
    unused = _unused(spec, result) if detail < Detail.BARE else []
    called = dict.fromkeys(call.name for turn in result.turns for call in turn.tool_calls)
    if unused and detail < Detail.LEAST:
        yield {"not_called": list[Json](unused)}
    elif unused:
        yield {"calls": {"only": literal([*called])}} if called else {"not_called": "any"}


def _unused(spec: JsonObject, result: ConversationResult) -> list[Json]:
    """The declared tools that were never called."""
    called = {call.name for turn in result.turns for call in turn.tool_calls}
    tools = spec.get("tools", [])
    return [name for name in _declared(tools if isinstance(tools, list) else []) if name not in called]


def _declared(tools: Sequence[Json]) -> Iterator[str]:
    for tool in tools:
        declared = tool.get("declare") if isinstance(tool, dict) else None
        if isinstance(declared, dict):
            yield str(declared.get("name"))
