"""From the engine's responses to what checks see of a turn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial

from convrun.checks.context import ErrorAnswer, Prompted, TurnView
from convrun.conversation.response import Response
from convrun.errors import named
from convrun.results import ToolCallResult, UsageResult, known_sum, total_usage
from convrun.values import Json

_JSON_STARTS = frozenset('{["-0123456789tfn')


def turn_view(
    responses: Sequence[Response],
    *,
    index: int,
    user: str,
    id: str | None = None,  # noqa: A002  (the field's name)
    error: ErrorAnswer | None = None,
) -> TurnView:
    """Return a turn as checks see it; `responses` are those of its model calls, read to their ends.

    There is at least one, or an `error`: what the provider refused the last model call with; there is no reply then.
    """
    calls = tuple(call for response in responses for call in _tool_calls(response))
    last = responses[-1] if error is None else None
    text = last.text() if last else ""
    return TurnView(
        index=index,
        id=id,
        user=user,
        reply=text,
        parsed=parsed_reply(text),
        tool_calls=calls,
        usage=total_usage(UsageResult(input=one.input, output=one.output) for one in map(Response.usage, responses)),
        model_calls=len(responses) + (error is not None),
        error=error,
        latency_s=known_sum(None if one.elapsed_ms is None else one.elapsed_ms / 1000 for one in responses),
        cost_usd=known_sum(one.cost_usd for one in responses),
        finish_reason=last.finish_reason if last else None,
        refusal=last.refusal if last else None,
        model=last.model_name if last else None,
        response=last,
        prompted=partial(_prompted, responses),
    )


def _prompted(responses: Sequence[Response]) -> Iterator[Prompted]:
    """What was sent with each model call."""
    for response in responses:
        tools = [tool.schema for tool in response.prompt.tools]
        yield Prompted(tools=tools, messages=response.prompt.messages)


def parsed_reply(text: str) -> Json:
    """Return the JSON value of a reply; None where it is none. Most replies are prose, and seen to be at once."""
    if not text or text.lstrip()[:1] not in _JSON_STARTS:
        return None
    return _json(text)


def _json(text: str) -> Json:
    """The value of a JSON text; None where it is none. NaN is not JSON."""
    try:
        value: Json = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is not JSON")


def _tool_calls(response: Response) -> Iterator[ToolCallResult]:
    results = {result.tool_call_id: result for result in response.tool_results()}
    for call in response.tool_calls():
        result = results.get(call.tool_call_id)
        raised = result.exception if result else None
        yield ToolCallResult(
            id=call.tool_call_id or "",
            name=call.name,
            arguments=call_arguments(call.arguments_text),
            result=result.output if result else None,
            error=named(raised) if raised is not None else None,
        )


def call_arguments(text: str | None) -> Json:
    """Return what the model sent, read anew: a tool or a hook may have changed the mapping it was given."""
    if text is None or not text.strip():
        return {}
    value = _json(text)
    return value if isinstance(value, dict) else text
