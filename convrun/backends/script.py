"""A model that says its lines in order, without a network: for tests of tools, hooks and specs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeAlias

from convrun.backends.offline import reply_with
from convrun.errors import ConversationError, ProviderError, did_you_mean
from convrun.values import Json, JsonObject, digest, show
from convrun.wire import Reply, Request, goes_on

# As a spec writes them: {reply: text}, {call: tool, with: {…}}, or a list of calls made at once.
ScriptLines: TypeAlias = Sequence["JsonObject | list[JsonObject]"]


class ScriptTransport:
    """Answers the nth model call of a conversation with line n: a reply, a call, or a list of calls.

    Which line is next is read off the request, not remembered: a retried, resumed or branched conversation hears the
    line that belongs there. `history_replies` is how many assistant messages stand before the first turn.
    """

    def __init__(self, lines: ScriptLines, *, history_replies: int = 0) -> None:
        self._lines = tuple(lines)
        self._history_replies = history_replies
        self._counted: tuple[list[Json], int] = ([], 0)  # the messages of the latest request, and its replies

    def send(self, request: Request) -> Reply:
        """Return the next line as a reply.

        Raises:
            ProviderError: where the script has no next line.
        """
        messages = request.body["messages"]
        number = self._replies(messages if isinstance(messages, list) else []) - self._history_replies
        if not 0 <= number < len(self._lines):
            count = f"{len(self._lines)} line{'s' if len(self._lines) != 1 else ''}"
            raise ProviderError(
                f"the script has {count}, and the model is called for number {number + 1}",
                fix="add a line to the script, or take a turn away",
            )
        line = self._lines[number]
        if isinstance(line, dict) and "reply" in line:
            return reply_with(request, text=str(line["reply"]))
        calls = line if isinstance(line, list) else [line]
        return reply_with(request, calls=[(str(call["call"]), _arguments(call)) for call in calls])

    def _replies(self, messages: list[Json]) -> int:
        """How many messages are the model's; those of the request before are not counted again."""
        known, count = self._counted
        if not goes_on(messages, known):
            known, count = [], 0
        new = messages[len(known) :]
        count += sum(isinstance(message, dict) and message.get("role") == "assistant" for message in new)
        self._counted = (messages, count)
        return count


def script_model_name(lines: ScriptLines) -> str:
    """Return what stands for the model in a request: another script is another model, and its recordings are stale.

    Raises:
        ConversationError: for a line that is none.
    """
    if not isinstance(lines, list | tuple):
        raise ConversationError(f"a script is a list of lines, not {show(lines, 60)}", fix='write [{"reply": "Hello"}]')
    for number, line in enumerate(lines, start=1):
        _refuse_wrong(number, line)
    return f"script:{digest([_plain(line) for line in lines])}"


def _refuse_wrong(number: int, line: object) -> None:
    """Raise for what is neither a reply, nor a call or several."""
    if isinstance(line, dict) and "reply" in line and line.keys() <= {"reply"}:
        return
    for call in line if isinstance(line, list) and line else [line]:
        if isinstance(call, dict) and "call" in call and call.keys() <= {"call", "with"}:
            continue
        known = ("call", "with") if isinstance(line, list) else ("reply", "call", "with")
        strange = next((key for key in call if key not in known), "") if isinstance(call, dict) else ""
        fix = did_you_mean(str(strange), known) or 'write {"reply": …}, {"call": …, "with": {…}} or a list of calls'
        raise ConversationError(f"line {number} of the script is none: {show(call, 80)}", fix=fix)


def _plain(line: JsonObject | list[JsonObject]) -> Json:
    """A line in the one form that all its spellings share."""
    if isinstance(line, dict) and "reply" in line:
        return {"reply": line["reply"]}
    calls = line if isinstance(line, list) else [line]
    return [{"call": call["call"], "with": call.get("with") or {}} for call in calls]


def _arguments(call: JsonObject) -> str:
    return json.dumps(call.get("with") or {}, ensure_ascii=False, separators=(",", ":"))
