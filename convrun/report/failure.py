"""The one text of a failure; every report that shows one takes it from here."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from convrun.frozen import frozen
from convrun.report.counts import standing
from convrun.report.difference import difference
from convrun.report.samples import numbered, outcome
from convrun.report.style import Line, Role
from convrun.report.wording import block, cut, dumped, quoted, without_options
from convrun.results import TOOL_RESULT, CheckResult, ConversationResult, Problem, Samples, ToolCallResult, TurnResult
from convrun.source import Where, excerpt

_OF_RECORDING = {"--base-url": 1, "--all": 0, "--from-turn": 1, "--only": 1, "--max-cost": 1}
_WRONG = frozenset({"failed", "error"})
_WHOLE = frozenset({"equals", TOOL_RESULT})  # kinds that compare whole texts
_TOLD = frozenset(  # kinds whose messages name what matters of the values; the reply stands above them
    {"all_of", "any_of", "that", "not_called", "python"}
)
_NAMED = frozenset({"one_of", "refusal"})  # kinds whose messages name both values, as far as nothing is cut
_ROLES: dict[str, Role] = {"- ": "removed", "+ ": "added"}  # of the lines of a comparison
_WAYS = 10  # in which samples went wrong that are told, unless all of it is asked for
_CALLS = 10  # tool calls of a turn that are shown of the first, and of the last
_SHORT = 100  # characters of values that are read at a glance in a message
_STALE = " (stale: the recording no longer holds)"
_BEHIND = " (info: behind a stale request, counts nowhere)"
_KNOWN = " (info: a known failure, counts nowhere)"


@frozen
class Fault:
    """One thing that went wrong, in a turn or (`turn` is None) in the conversation as a whole.

    `message` is its first line without the place, `lines` all that is told of it; both are empty where a turn failed
    without a reason. In a group `samples` are the numbers of those in which the same went wrong; the turn is that of
    the first, which is `sample`.
    """

    turn: TurnResult | None = None
    sample: ConversationResult | None = None
    samples: tuple[int, ...] = ()
    where: Where | None = None
    message: str = ""
    lines: tuple[Line, ...] = ()


def faults(conversation: ConversationResult, *, full: bool = False) -> list[Fault]:
    """Return what went wrong in a conversation, in the order in which it did; a stale recording is no fault.

    What went wrong in the same way in several samples of a group is one.
    """
    samples = conversation.samples
    found = [] if samples is None else _of_samples(conversation, samples, full)
    for turn in conversation.turns:
        bad = [check for check in turn.checks if standing(check, turn) in _WRONG]
        told = any(check.kind == "expect_error" for check in bad)  # that check says it
        if bad or turn.verdict in _WRONG:
            found += _faults(turn, None if told else turn.error, bad, full) or [Fault(turn=turn)]
    own = [check for check in conversation.checks if standing(check, None) in _WRONG]
    error = conversation.error if samples is None else None  # else it is that of a sample
    if error and any(turn.error == error for turn in conversation.turns):
        error = None
    if own or error or (not found and conversation.verdict in _WRONG):
        found += _faults(None, error, own, full) or [Fault()]
    return found


def failure(conversation: ConversationResult, *, command: str, full: bool = False) -> list[Line]:
    """Return what went wrong in a conversation: its own turns only, and the line that reproduces just it, if one does.

    `full` adds tracebacks and leaves no text out. Empty where nothing failed; a stale recording is no failure.
    """
    lines: list[Line] = []
    found = [[*same] for _, same in groupby(faults(conversation, full=full), key=lambda one: (one.turn, one.samples))]
    most = len(found) if full or conversation.samples is None else _WAYS
    for first, *others in found[:most]:
        lines.append(fault_line(conversation, first))
        lines += _indented([*transcript(first.turn, full=full), _EMPTY]) if first.turn else []
        lines += [*_indented(line for fault in (first, *others) for line in fault.lines), _EMPTY]
    if len(found) > most:
        lines += [Line(f"  ... what went wrong in {len(found) - most} other ways, -vv shows it", "dim"), _EMPTY]
    if lines and conversation.samples is not None:
        lines[-1:] = [Line(f"  {outcome(conversation.samples)}"), _EMPTY]
    if lines and command:
        lines[-1:] = [reproducing(command, conversation), _EMPTY]
    return lines


def tolerated(group: ConversationResult) -> list[Line]:
    """Return what went wrong in samples of a group that passes all the same: its rate, and a line for each way."""
    samples = group.samples
    if samples is None or group.verdict != "passed" or not (found := _ways(samples, full=False)):
        return []
    lines = [Line(f"PASSED {group.id}, {outcome(samples)}")]
    lines += [Line(f"  in {numbered(one.samples, samples)}: {in_line(one) or 'failed'}") for one in found[:_WAYS]]
    more = len(found) - _WAYS
    return [*lines, *([Line(f"  ... what went wrong in {more} other ways, -v shows it", "dim")] if more > 0 else [])]


def in_line(fault: Fault) -> str:
    """Return what went wrong as `turn 2: specs/a.yaml:9:5: message`; empty where a turn failed without a reason."""
    parts = [turn_name(fault.turn) if fault.turn else "", str(fault.where or ""), fault.message]
    return ": ".join(part for part in parts if part)


def fault_line(conversation: ConversationResult, fault: Fault) -> Line:
    """Return the line above what went wrong in a turn: `FAILED specs/crumpet.yaml::paris, turn 2`."""
    turn = fault.turn
    verdict = turn.verdict if turn else (fault.sample or conversation).verdict
    role: Role = "error" if verdict == "error" else "failed"
    place = f", {turn_name(turn)}" if turn else ""
    if conversation.samples is not None and fault.samples:
        place += f", in {numbered(fault.samples, conversation.samples)}"
    return Line(f"{role.upper()} {conversation.id}{place}", role)


def reproducing(command: str, conversation: ConversationResult) -> Line:
    """Return the line that says how to see just this conversation again."""
    return Line(f"  run just it: {reproduction(command, conversation)}")


def reproduction(command: str, conversation: ConversationResult) -> str:
    """Return the command line that shows the same of just this conversation, quoted for a shell.

    What a recording ended in an error can only be seen by recording; a check fails on its cassette as well.
    """
    words = shlex.split(command)
    if conversation.verdict != "error" and words[:2] == ["convrun", "record"]:
        words[1] = "run"
        command = shlex.join(without_options(words, _OF_RECORDING))  # a replay goes nowhere
    return f"{command} {shlex.quote(conversation.id)}"


def turn_name(turn: TurnResult) -> str:
    """Return `turn 2`, with the turn's own id if it has one."""
    return f"turn {turn.index} ({turn.id})" if turn.id else f"turn {turn.index}"


def transcript(turn: TurnResult, *, full: bool = False) -> list[Line]:
    """Return what was said in a turn: the user's text, the tool calls, the reply."""
    unsaid = not turn.user and not turn.model_calls and turn.error is not None  # what a simulated user never said
    lines = [] if unsaid else block("user", turn.user, full=full)
    for fault in turn.faults:
        told = fault.replace("\n", " ")
        lines.append(Line(f"fault: {told if full else cut(told)}"))
    calls, left_out = turn.tool_calls, 0 if full else len(turn.tool_calls) - 2 * _CALLS
    for number, call in enumerate(calls):
        if left_out <= 1 or not _CALLS <= number < _CALLS + left_out:
            lines += tool_call(call, full=full)
        elif number == _CALLS:
            lines.append(Line(f"... {left_out} tool calls more, -vv shows them ..."))
    if turn.refusal is not None:
        lines += block("refusal", turn.refusal, full=full)
    elif turn.reply is not None:
        lines += block("reply", turn.reply, full=full)
    if turn.error is not None and turn.verdict == "passed":  # what the spec expects
        lines += block("error", turn.error.message, full=full)
    return lines


def check_failure(check: CheckResult, *, label: str = "", full: bool = False) -> list[Line]:
    """Return a check's place in the spec, what it expected, what there was instead, and why it matters."""
    lines = _placed(check.where, f"{_message(check)}{label}")
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


def _faults(turn: TurnResult | None, error: Problem | None, bad: Iterable[CheckResult], full: bool) -> list[Fault]:
    found = []
    if error:
        lines = tuple(problem(error, full=full))
        found.append(Fault(turn=turn, where=error.where, message=_first(error.message), lines=lines))
    for check in bad:
        lines = tuple(check_failure(check, full=full))
        found.append(Fault(turn=turn, where=check.where, message=_first(_message(check)), lines=lines))
    return found


def _of_samples(group: ConversationResult, samples: Samples, full: bool) -> list[Fault]:
    """What went wrong in the samples of a group that did not pass."""
    enough = samples.passed is not None and samples.passed >= samples.needed  # it fails, as it is known to
    return _ways(samples, full) if group.verdict in _WRONG and not enough else []


def _ways(samples: Samples, full: bool) -> list[Fault]:
    """What went wrong in samples: once where the same check failed the same way."""
    found: dict[object, list[Fault]] = {}
    for one in samples.conversations:
        for fault in faults(one, full=full) if one.verdict in _WRONG else ():
            same = (fault.turn.index if fault.turn else None, fault.where, fault.message)
            found.setdefault(same, []).append(replace(fault, sample=one))
    return [
        replace(members[0], samples=tuple(dict.fromkeys(one.sample.sample or 1 for one in members if one.sample)))
        for members in found.values()
    ]


def _first(message: str) -> str:
    return cut(message).partition("\n")[0]


def _message(check: CheckResult) -> str:
    return f"{check.kind}: {check.message or ('crashed' if check.verdict == 'error' else 'does not hold')}"


def _comparison(check: CheckResult, full: bool) -> list[Line]:
    """Expected and actual: what the check sets against each other, a diff of whole texts, or both values."""
    expected, actual = check.expected, check.actual
    if check.comparison:
        compared = [Line(text, _ROLES.get(text[:2], "text")) for text in check.comparison]
        return compared if not full else [*compared, *_comparison(replace(check, comparison=()), full)]
    texts = isinstance(expected, str) and isinstance(actual, str)
    if check.kind in _WHOLE and texts and "\n" in f"{expected}{actual}":
        head = Line("expected (-) and actual (+):")
        return [head, *(line.indented(2) for line in difference(expected, actual, full=full))]
    if (expected is None and actual is None) or (not full and _said(check)):
        return []
    return [*block("expected", expected, full=full), *_aligned(block("actual", actual, full=full))]


def _judged_kind(check: CheckResult) -> str:
    """The kind of a check, or of the one that `not` turns around."""
    kind, value = check.kind, check.expected
    while kind == "not" and isinstance(value, dict) and value:
        kind, value = next(iter(value.items()))
    return kind


def _said(check: CheckResult) -> bool:
    """Whether the message names both values already, and they are short enough to be read there."""
    kind = _judged_kind(check)
    if kind in _TOLD:
        return True
    own = check.message.startswith(f"expected {kind} ")  # a kind of the project's own: a function says why
    if kind in _NAMED or own:
        return "..." not in check.message
    if _are_named(check.actual, check.message):
        return "..." not in check.message
    expected, actual = _forms(check.expected), _forms(check.actual)
    if len(expected[0]) + len(actual[0]) > _SHORT or not any(form in check.message for form in actual):
        return False
    # It begins with what was expected, in words; whole, unless something was cut there.
    return check.message.startswith("expected ") and "..." not in check.message


def _are_named(value: object, message: str) -> bool:
    """Whether a value is a number, which messages name, or a mapping of numbers and of texts that the message has."""
    if isinstance(value, dict):
        return bool(value) and all(
            one in message if isinstance(one, str) else _are_named(one, "") for one in value.values()
        )
    return isinstance(value, int | float) and not isinstance(value, bool)


def _forms(value: object) -> tuple[str, ...]:
    """The ways in which messages name a value."""
    return (quoted(value), repr(value)) if isinstance(value, str) else (dumped(value, indent=None),)


def _aligned(lines: list[Line]) -> list[Line]:
    first = lines[0].text
    return [Line(first.replace("actual: ", "actual:   ", 1), lines[0].role), *lines[1:]]


def _placed(where: Where | None, message: str) -> list[Line]:
    """`where: message` and the excerpt with a caret."""
    first, *rest = cut(message).split("\n")
    head = [Line(f"{where}: {first}" if where else first), *(Line(f"  | {line}".rstrip()) for line in rest)]
    return head + [Line(line, "dim") for line in (excerpt(where) if where else [])]


def tool_call(call: ToolCallResult, *, full: bool = False) -> list[Line]:
    """Return a tool call, and below it what came of it."""
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
