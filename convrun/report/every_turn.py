"""A conversation, turn by turn, with all that was checked: what `-v` shows."""

from __future__ import annotations

from dataclasses import replace

from convrun.report.failure import check_failure, faults, labelled, problem, reproducing, transcript, turn_name
from convrun.report.samples import outcome
from convrun.report.style import Line
from convrun.report.wording import dumped, quoted, short
from convrun.results import CheckResult, ConversationResult, TurnResult

_GRADED = frozenset({"judge", "means"})  # kinds whose verdict hangs on what a model says of the reply
_USUAL = (None, "stop", "tool_calls")  # why a reply ends that is whole
_BRIEF = 120  # characters of a value that only accompanies what is said


def every_turn(conversation: ConversationResult, *, command: str, full: bool) -> list[Line]:
    """Return the whole conversation with all its checks, and how to see it again where something failed.

    `full` adds tracebacks and leaves no text out.
    """
    wrong = faults(conversation, full=full)
    lines = [Line(f"{conversation.verdict} {conversation.id}", conversation.verdict)]
    if conversation.branched is not None:
        lines.append(
            Line(f"  goes on behind turn {conversation.branched.turn} of {conversation.branched.trunk}", "dim")
        )
    if conversation.samples is not None:
        lines[0] = Line(f"{lines[0].text}, {outcome(conversation.samples)}", conversation.verdict)
        for one in conversation.samples.conversations:
            sample = every_turn(replace(one, id=f"sample {one.sample}"), command="", full=full)
            lines += [line.indented(2) for line in sample[:-1]]
    for turn in conversation.turns:
        lines += [line.indented(2) for line in _turn(turn, full)]
    lines += [line.indented(2) for check in conversation.checks for line in _check(check, None, full)]
    if (
        conversation.error
        and conversation.samples is None
        and all(turn.error != conversation.error for turn in conversation.turns)
    ):
        lines += [line.indented(2) for line in problem(conversation.error, full=full)]
    for difference in conversation.ignored if conversation.samples is None else ():
        values = f"{_value(difference.recorded, full)} recorded, {_value(difference.now, full)} now"
        lines.append(Line(f"  ignored: {difference.path}: {values}", "dim"))
    return [*lines, *([reproducing(command, conversation)] if wrong and command else []), Line("")]


def _value(value: object, full: bool) -> str:
    """A value on one line."""
    text = quoted(value.replace("\n", " ")) if isinstance(value, str) else dumped(value, indent=None)
    return text if full else short(text, _BRIEF)


def _turn(turn: TurnResult, full: bool) -> list[Line]:
    reason = f": {turn.reason}" if turn.reason else ""
    lines = [Line(f"{turn.verdict} {turn_name(turn)}{reason}", turn.verdict)]
    if turn.verdict != "skipped" or turn.model_calls:
        lines += [line.indented(2) for line in transcript(turn, full=full)]
        if turn.finish_reason not in _USUAL:
            lines.append(Line(f"  finish_reason: {_value(turn.finish_reason, full)}"))
    told = any(check.kind == "expect_error" and check.verdict != "passed" for check in turn.checks)
    if turn.error and turn.verdict != "passed" and not told:
        lines += [line.indented(2) for line in problem(turn.error, full=full)]
    return lines + [line.indented(2) for check in turn.checks for line in _check(check, turn, full)]


def _check(check: CheckResult, turn: TurnResult | None, full: bool) -> list[Line]:
    """One line for a check that passed; one that did not is explained."""
    label = labelled(check, turn)
    if check.verdict == "passed":
        wanted = "" if check.expected is None else f" {_value(check.expected, full)}"
        gave = f", it gave {_value(check.actual, full)}" if check.kind in _GRADED else ""
        return [Line(f"passed {check.kind}{wanted}{gave}{label}", "stale" if label else "passed")]
    head, *rest = check_failure(check, label=label, full=full)
    return [Line(f"{check.verdict} {head.text}", "stale" if label else check.verdict), *rest]
