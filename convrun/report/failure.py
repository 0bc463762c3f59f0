"""The one text of a failure; every report that shows one takes it from here."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from convrun.report.counts import standing
from convrun.report.difference import difference
from convrun.report.style import Line, Role
from convrun.report.wording import block, cut, dumped, quoted
from convrun.results import CheckResult, ConversationResult, Problem, ToolCallResult, TurnResult
from convrun.source import Where, excerpt

_SHORT = 100  # characters of a message that is read at a glance
_STALE = " (stale: the recording no longer holds)"
_BEHIND = " (info: behind a stale request, counts nowhere)"
_KNOWN = " (info: a known failure, counts nowhere)"


def failure(conversation: ConversationResult, *, command: str, full: bool = False) -> list[Line]:
    """Return what went wrong in a conversation: its own turns only, and the line that reproduces just it, if one does.

    `full` adds tracebacks and leaves no text out. Empty where nothing failed; a stale recording is no failure.
    """
    lines: list[Line] = []
    for turn in conversation.turns:
        bad = [check for check in turn.checks if standing(check, turn) in {"failed", "error"}]
        if bad or turn.verdict in {"failed", "error"}:
            role: Role = "error" if turn.verdict == "error" else "failed"
            lines += [
                Line(f"{role.upper()} {conversation.id}, {turn_name(turn)}", role),
                *_turn(turn, bad, full),
                _EMPTY,
            ]
    own = [check for check in conversation.checks if standing(check, None) in {"failed", "error"}]
    error = conversation.error
    if error and any(turn.error == error for turn in conversation.turns):
        error = None
    if own or error or (not lines and conversation.verdict in {"failed", "error"}):
        role = "error" if conversation.verdict == "error" else "failed"
        lines += [Line(f"{role.upper()} {conversation.id}", role), *_indented(_judged(error, own, full)), _EMPTY]
    if lines and command:
        lines[-1:] = [Line(f"  run just it: {reproduction(command, conversation)}"), _EMPTY]
    return lines


def reproduction(command: str, conversation: ConversationResult) -> str:
    """Return the command line that shows the same of just this conversation, quoted for a shell.

    What a recording ended in an error can only be seen by recording; a check fails on its cassette as well.
    """
    if conversation.verdict != "error":
        command = command.replace("convrun record", "convrun run", 1)
    return f"{command} {shlex.quote(conversation.id)}"


def turn_name(turn: TurnResult) -> str:
    """Return `turn 2`, with the turn's own id if it has one."""
    return f"turn {turn.index} ({turn.id})" if turn.id else f"turn {turn.index}"


def transcript(turn: TurnResult, *, full: bool = False) -> list[Line]:
    """Return what was said in a turn: the user's text, the tool calls, the reply."""
    lines = block("user", turn.user, full=full)
    for call in turn.tool_calls:
        lines += _tool_call(call, full)
    if turn.refusal is not None:
        lines += block("refusal", turn.refusal, full=full)
    elif turn.reply is not None:
        lines += block("reply", turn.reply, full=full)
    if turn.error is not None and turn.verdict == "passed":  # what the spec expects
        lines += block("error", turn.error.message, full=full)
    return lines


def check_failure(check: CheckResult, *, label: str = "", full: bool = False) -> list[Line]:
    """Return a check's place in the spec, what it expected, what there was instead, and why it matters."""
    message = check.message or ("crashed" if check.verdict == "error" else "does not hold")
    lines = _placed(check.where, f"{check.kind}: {message}{label}")
    if check.verdict == "failed":
        lines += [line.indented(2) for line in _comparison(check, full)]
    if check.because:
        lines += [line.indented(2) for line in block("because", check.because, full=full)]
    return lines + _traceback(check.details, full)


def problem(error: Problem, *, full: bool = False) -> list[Line]:
    """Return an error as where, what and fix; the traceback only if everything is asked for."""
    lines = _placed(error.where, error.message if not full else f"{error.type}: {error.message}")
    if error.fix:
        lines.append(Line(f"  {error.fix}"))
    return lines + _traceback(error.details, full)


def labelled(check: CheckResult, turn: TurnResult | None) -> str:
    """Return the remark that a check needs which does not count; empty for one that counts."""
    stale = turn is not None and turn.verdict == "stale"
    labels = {"info": _BEHIND if stale else _KNOWN, "stale": _STALE}
    return labels.get(standing(check, turn), "")


_EMPTY = Line("")


def _turn(turn: TurnResult, bad: Iterable[CheckResult], full: bool) -> list[Line]:
    bad = list(bad)
    error = None if any(check.kind == "expect_error" for check in bad) else turn.error  # that check says it
    return _indented([*transcript(turn, full=full), _EMPTY, *_judged(error, bad, full)])


def _judged(error: Problem | None, bad: Iterable[CheckResult], full: bool) -> list[Line]:
    lines = problem(error, full=full) if error else []
    for check in bad:
        lines += check_failure(check, full=full)
    return lines


def _comparison(check: CheckResult, full: bool) -> list[Line]:
    """Expected and actual; as a diff where whole texts of several lines are compared."""
    expected, actual = check.expected, check.actual
    texts = isinstance(expected, str) and isinstance(actual, str)
    if check.kind == "equals" and texts and "\n" in f"{expected}{actual}":
        head = Line("expected (-) and actual (+):")
        return [head, *(line.indented(2) for line in difference(expected, actual, full=full))]
    if (expected is None and actual is None) or (not full and _said(check)):
        return []
    return [*block("expected", expected, full=full), *_aligned(block("actual", actual, full=full))]


def _said(check: CheckResult) -> bool:
    """Whether a short message names both values already."""
    shown = [
        quoted(value) if isinstance(value, str) else dumped(value, indent=None)
        for value in (check.expected, check.actual)
    ]
    return len(check.message) <= _SHORT and all(value in check.message for value in shown)


def _aligned(lines: list[Line]) -> list[Line]:
    first = lines[0].text
    return [Line(first.replace("actual: ", "actual:   ", 1), lines[0].role), *lines[1:]]


def _placed(where: Where | None, message: str) -> list[Line]:
    """`where: message` and the excerpt with a caret."""
    first, *rest = cut(message).split("\n")
    head = [Line(f"{where}: {first}" if where else first), *(Line(f"  | {line}".rstrip()) for line in rest)]
    return head + [Line(line, "dim") for line in (excerpt(where) if where else [])]


def _tool_call(call: ToolCallResult, full: bool) -> list[Line]:
    arguments = call.arguments if isinstance(call.arguments, str) else dumped(call.arguments, indent=None)
    lines = block("tool", f"{call.name}({arguments})", full=full)
    if len(lines) == 1:  # a call is no quotation
        text = f"{call.name}({arguments})"
        lines = [Line(f"tool: {text if full else cut(text)}")]
    if call.result is not None:
        lines += [line.indented(2) for line in block("result", call.result, full=full)]
    if call.error is not None:
        lines += [line.indented(2) for line in block("error", call.error, full=full)]
    return lines


def _traceback(details: str | None, full: bool) -> list[Line]:
    return [Line(f"  | {line}".rstrip(), "dim") for line in details.rstrip().split("\n")] if details and full else []


def _indented(lines: Iterable[Line]) -> list[Line]:
    return [line.indented(2) for line in lines]
