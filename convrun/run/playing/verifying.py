"""Verified tools: each is called on replay, and what it gives now is compared with what was recorded."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from convrun.backends.chat_encoding import encode_attachment
from convrun.cassette.canonical import plain_content
from convrun.cassette.tool_results import Attached
from convrun.checks.call_pattern import show_call
from convrun.checks.reply import read_json
from convrun.conversation.tool_running import Verified
from convrun.conversation.tools import Tool, ToolCall, ToolOutput, ToolResult
from convrun.errors import CancelToolCall, named, traceback_of
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.results import TOOL_RESULT, CheckResult
from convrun.source import Where
from convrun.values import Json, JsonObject, equal, is_deep

if TYPE_CHECKING:
    from convrun.cassette.stale.hints import Suspect


@frozen
class _Call:
    """A call of a verified tool: what was recorded of it, and what was `attached` to the results of its reply."""

    call: ToolCall
    result: ToolResult
    attached: Attached | None


class Verifying:
    """Gives the engine recorded results, those of verified tools to be compared; keeps what came of that as checks.

    `tools` are those that are verified, with their places; `recorded` are all whose recorded results are used. Texts
    are equal as JSON where both are JSON, and secrets are compared by their placeholders. Attachments are recorded for
    all calls of a reply together: those of verified tools have to be among them, in order, and all of them where every
    call is of a verified tool. Beside a tool whose recorded results are not used they are the tool's own, and not
    compared here: a difference is stale.
    """

    def __init__(
        self,
        results: Callable[[Tool, ToolCall], str | ToolOutput | None],
        attached: Callable[[ToolCall], Attached | None],
        *,
        tools: Mapping[str, Where],
        recorded: frozenset[str],
        redactor: Redactor,
        conversation: str,
    ) -> None:
        self._results = results
        self._attached = attached
        self._tools = tools
        self._recorded = recorded
        self._redactor = redactor.thorough  # it is asked only where something differs, or is told
        self._conversation = conversation
        self._checks: list[CheckResult] = []
        self._compared = (-1, 0)  # a reply, and how many of its attachments
        self._lost = -1  # a reply with attachments that are not the recorded ones: whose the next are is not known

    def __call__(self, tool: Tool, call: ToolCall) -> str | ToolOutput | Verified | None:
        """Return the recorded result of a call, None where it is to be made."""
        found = self._results(tool, call)
        if found is None or call.name not in self._tools:
            return found
        one = _Call(call=call, result=ToolResult.of(call, found), attached=self._attached(call))
        return Verified(result=one.result, agrees=partial(self._agrees, one), settled=partial(self._settled, one))

    def taken(self) -> tuple[CheckResult, ...]:
        """Return the checks that were made since this was asked last."""
        found, self._checks = tuple(self._checks), []
        return found

    def _agrees(self, one: _Call, now: ToolResult) -> bool:
        return self._alike(one.result.output, now.output) and self._attachments(one, now) is not None

    def _settled(self, one: _Call, now: ToolResult) -> ToolResult:
        """Note whether the result now is the recorded one, and return that, with what the tool raised if it is."""
        found = self._attachments(one, now)
        alike = self._alike(one.result.output, now.output)
        if one.attached is not None:
            if found is None:
                self._lost = one.attached.reply
            else:
                self._compared = one.attached.reply, found
        agrees = alike and found is not None
        self._checks.append(self._check(one, now, "" if agrees else self._message(one, now, alike=alike)))
        attachments = one.result.attachments if self._told_apart(one.attached) else now.attachments
        result = one.result
        raised = now.exception if agrees else None
        return ToolResult(result.name, result.output, result.tool_call_id, attachments, raised)

    def _check(self, one: _Call, now: ToolResult, message: str) -> CheckResult:
        raised = now.exception if message and not isinstance(now.exception, CancelToolCall) else None
        return CheckResult(
            kind=TOOL_RESULT,
            verdict="failed" if message else "passed",
            expected=one.result.output,
            actual=now.output,
            message=message,
            comparison=self._compared_texts(one.result.output, now.output) if message else (),
            where=self._tools[one.call.name],
            details=None if raised is None else traceback_of(raised, raised.__traceback__),
        )

    def _compared_texts(self, recorded: str, now: str) -> tuple[str, ...]:
        """The lines that show what differs in a result; a secret is gone before a piece of it could be shown."""
        if recorded == now:
            return ()
        from convrun.checks.explaining.values import results_differ  # loaded once there is something to tell

        thorough = self._redactor.thorough
        return results_differ(thorough.text(recorded), thorough.text(now)).lines

    def _message(self, one: _Call, now: ToolResult, *, alike: bool) -> str:
        """What is otherwise now, and what to do about it."""
        if alike:
            what = "gave other attachments than the recorded ones"
        elif isinstance(now.exception, CancelToolCall):
            what = "was cancelled"
        elif now.exception is not None:
            what = f"raised {self._redactor.text(named(now.exception))}"
        else:
            what = "gave another result than the recorded one"
        call = show_call(one.call.name, self._redactor.value(one.call.arguments))
        if not alike and now.exception is None and (found := self._suspect(one, now)) is not None:
            # Recorded anew it would differ in the next run.
            return f"{call} {what} ({found.now!r} looks like {found.name}: give the tool `policy: replay`)"
        anew = f"convrun record --all {shlex.quote(self._conversation)}"
        return f"{call} {what} (mend the tool; if this is meant, record it anew: {anew})"

    def _suspect(self, one: _Call, now: ToolResult) -> Suspect | None:
        """What differs and looks like what is different in each run."""
        from convrun.cassette.stale.hints import suspect  # only where something differs

        return suspect("", *map(self._redactor.text, (one.result.output, now.output)))

    def _alike(self, recorded: str, now: str) -> bool:
        """Whether two texts are equal, as JSON where both are; secrets are looked for where they are not the same."""
        if recorded == now:
            return True
        old, new = (self._redactor.one_name(self._redactor.text(text)) for text in (recorded, now))
        if old == new:
            return True
        before, after = read_json(old), read_json(new)
        if before.fault is not None or after.fault is not None:
            return False
        return not is_deep(before.value, old) and not is_deep(after.value, new) and equal(before.value, after.value)

    def _told_apart(self, attached: Attached | None) -> bool:
        """Whether the attachments of a reply are all of tools whose recorded results are used."""
        return attached is None or self._recorded.issuperset(attached.names)

    def _attachments(self, one: _Call, now: ToolResult) -> int | None:
        """How many attachments of the reply are compared behind this call; None where its own are not the recorded."""
        attached = one.attached
        if attached is None or not self._told_apart(attached):
            return 0
        reply, (before, begin) = attached.reply, self._compared
        begin = begin if before == reply else 0
        wanted, given = _plain(attached.parts), _plain(map(encode_attachment, now.attachments))
        counted = self._lost != reply and all(name in self._tools for name in attached.names)
        starts = range(begin, (begin if counted else len(wanted)) + 1)
        end = next((at + len(given) for at in starts if self._same(wanted[at : at + len(given)], given)), None)
        return None if counted and attached.at_last and end != len(wanted) else end

    def _same(self, recorded: list[Json], now: list[Json]) -> bool:
        return equal(recorded, now) or equal(self._redactor.value(recorded), self._redactor.value(now))


def _plain(parts: Iterable[JsonObject]) -> list[Json]:
    plain = plain_content(list[Json](parts))
    return plain if isinstance(plain, list) else [plain]
