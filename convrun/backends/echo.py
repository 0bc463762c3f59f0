"""A model that repeats what it hears, without a network."""

from __future__ import annotations

import json

from convrun.backends.framing import parsed
from convrun.backends.offline import reply_with
from convrun.values import Json, JsonObject
from convrun.wire import Reply, Request


class EchoTransport:
    """Repeats the user's text; a JSON object with `tool_calls` makes it call them, then reply with the results.

    Results stand one a line. It remembers nothing: what it says follows from the messages alone.
    """

    def send(self, request: Request) -> Reply:
        """Return the echo of the last message; status 400 for `tool_calls` that are none."""
        messages = request.body["messages"]
        history = messages if isinstance(messages, list) else []
        last = history[-1] if history else None
        said = _text(last) if isinstance(last, dict) and last.get("role") == "user" else ""
        results = _results(history)
        if results and not said:  # a user message without text brings the images of the results
            return reply_with(request, text="\n".join(results))
        wanted = parsed(said)
        if not isinstance(wanted, dict) or "tool_calls" not in wanted:
            return reply_with(request, text=said)
        calls = _calls(wanted["tool_calls"])
        if calls is None:
            return _refusal('tool_calls is a list of {"name": …, "arguments": {…}}')
        return reply_with(request, calls=calls)


def _results(history: list[Json]) -> list[str]:
    """The results of the calls that were answered last, in order."""
    results: list[str] = []
    for message in reversed(history):
        if not isinstance(message, dict):
            continue
        if message.get("role") == "assistant":
            break
        if message.get("role") == "tool":
            results.append(_text(message))
    return results[::-1]


def _text(message: JsonObject) -> str:
    content = message.get("content")
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _calls(wanted: Json) -> list[tuple[str, str]] | None:
    calls: list[tuple[str, str]] = []
    for call in wanted if isinstance(wanted, list) else [None]:
        arguments = call.get("arguments", {}) if isinstance(call, dict) else None
        name = call.get("name") if isinstance(call, dict) else None
        if not isinstance(name, str) or not name or not isinstance(arguments, dict):
            return None
        calls.append((name, json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))))
    return calls


def _refusal(message: str) -> Reply:
    error: JsonObject = {"error": {"message": message, "type": "invalid_request_error"}}
    return Reply(status=400, headers={"content-type": "application/json"}, payloads=(error,))
