"""The console: a line for each conversation, what needs a person's eye, and the counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from convrun.report.counts import Counts, counts, standing
from convrun.report.samples import outcome, unrecorded
from convrun.report.spending import spending_line
from convrun.report.stop_token import StopToken
from convrun.report.style import Line, Role, Style, plain, rendered
from convrun.report.wording import duration, noun
from convrun.results import ConversationResult, RunResult, Samples
from convrun.source import cells, printable

QUIET, NORMAL, VERBOSE, FULL = -1, 0, 1, 2  # -q, nothing, -v, -vv
_NO_TOKEN = StopToken()
_SAMPLES = 10  # of a group that have lines of their own
_WORST_FIRST: tuple[Role, ...] = ("error", "failed", "stale", "missing", "unchecked", "skipped")


def conversation_line(
    conversation: ConversationResult, *, width: int = 0, every: bool = False, style: Style = plain
) -> str:
    """Return one conversation in one line: verdict, id (padded to `width` columns), turns, checks, time.

    That of a group says how many of its samples passed; where not all did, or for `every`, below it stand those, of
    many the first that did not pass.
    """
    verdict = style(f"{conversation.verdict:<9}", conversation.verdict)
    name = printable(conversation.id)
    name += " " * (width - cells(name))
    if conversation.samples is not None:
        line = f"{verdict}  {name}  {_group(conversation, conversation.samples)}".rstrip()
        told = every or any(one.verdict != "passed" for one in conversation.samples.conversations)
        return "\n".join([line, *(_below(conversation.samples, width, style) if told else ())])
    if conversation.verdict in {"skipped", "missing"}:
        remark = conversation.reason or (f"no {conversation.cassette}" if conversation.cassette else "")
        return f"{verdict}  {name}  {printable(remark)}".rstrip()
    return f"{verdict}  {name}  {_figures(conversation)}".rstrip()


def _figures(conversation: ConversationResult, *remarks: str) -> str:
    figures = [_turns(conversation), _checks(conversation), duration(conversation.duration_s)]
    if conversation.live_calls:
        figures.append(noun(conversation.live_calls, "live call"))
    figures += remarks
    columns = f"{figures[0]:<12}  {figures[1]:<16}  {'  '.join(figures[2:])}"
    return columns.rstrip()


def _group(conversation: ConversationResult, samples: Samples) -> str:
    """What the line of a group says behind its name."""
    if conversation.verdict == "missing":
        return unrecorded(conversation, samples)
    if conversation.verdict == "skipped":
        return "; ".join(
            [printable(conversation.reason or ""), *([outcome(samples)] if samples.rate is not None else [])]
        )
    return _figures(conversation, outcome(samples))


def _below(samples: Samples, width: int, style: Style) -> Iterator[str]:
    """The lines of samples; none where all of them were passed over."""
    every = samples.conversations
    if all(one.verdict == "skipped" for one in every):
        return
    odd = [one for one in every if one.verdict != "passed"]
    shown = every if len(every) <= _SAMPLES else odd[:_SAMPLES]
    for one in shown:
        yield f"  {conversation_line(replace(one, id=f'sample {one.sample}'), width=width - 2, style=style)}"
    rest = len(odd) - len(shown)
    if rest > 0:
        yield f"  ... {rest} more that did not pass"
    passed = len(every) - len(odd)
    if passed and len(every) > len(shown):
        yield f"  ... {noun(passed, 'sample')} that passed"


def details(
    conversation: ConversationResult, *, command: str = "convrun run", verbosity: int = NORMAL, style: Style = plain
) -> str:
    """Return what a person needs to see of one conversation; empty where all is well and nothing more was asked for.

    From -v on that is every turn and check, before that only what failed; without -q also in samples of a group that
    passes. Stale recordings are shown for all conversations together, by `closing`.
    """
    full = verbosity >= FULL
    if verbosity >= VERBOSE and any(one.turns or one.checks for one in conversation.parts):
        from convrun.report.every_turn import every_turn  # what is told is loaded once there is something to tell

        return rendered(every_turn(conversation, command=command, full=full), style)
    if all(_all_passed(one) for one in conversation.parts):
        return ""
    from convrun.report.failure import failure, tolerated

    lines = failure(conversation, command=command, full=full)
    lines += [*kept, Line("")] if verbosity > QUIET and (kept := tolerated(conversation)) else []
    return rendered(lines, style)


def _all_passed(one: ConversationResult) -> bool:
    """Whether a conversation passed with all that is in it, so that nothing can be wrong."""
    within = [*(turn.verdict for turn in one.turns), *(check.verdict for check in one.all_checks)]
    return one.error is None and {one.verdict, *within} == {"passed"}


def closing(
    result: RunResult, *, verbosity: int = NORMAL, style: Style = plain, stop_token: StopToken = _NO_TOKEN
) -> str:
    """Return all that follows the conversations' lines: failures, stale and missing recordings, findings, the counts.

    All but the counts stands within the `stop_token`: it says what specs, models and tools said.
    """
    shown = [details(one, command=result.command, verbosity=verbosity, style=style) for one in result.conversations]
    lines = [*_without_recording(result, verbosity), *_findings(result, verbosity)]
    body = stop_token.around("\n".join(text for text in (*shown, rendered(lines, style)) if text))
    return f"{body}\n{summary(result, style=style)}" if body else summary(result, style=style)


def _without_recording(result: RunResult, verbosity: int) -> list[Line]:
    """The blocks of what is stale or missing."""
    if all(one.verdict not in {"stale", "missing"} and one.stale is None for one in result.conversations):
        return []
    from convrun.report.stale import missing_block, stale_blocks

    lines = stale_blocks(
        result.conversations, command=result.command, every=verbosity >= VERBOSE, full=verbosity >= FULL
    )
    return lines + missing_block(result.conversations, command=result.command)


def _findings(result: RunResult, verbosity: int) -> list[Line]:
    """The blocks of findings; of a quiet run only those that may be why it fails."""
    if verbosity <= QUIET and result.exit_code != 1:
        return []
    if not result.findings and not any(one.findings for one in result.conversations):
        return []
    from convrun.report.findings import findings_block

    return findings_block(result)


def summary(result: RunResult, *, style: Style = plain) -> str:
    """Return the closing line: how many conversations of which verdict, and what they took; then what was spent."""
    total = counts(result)
    end = "interrupted: " if result.interrupted else ""
    if not total.conversations:
        if result.exit_code == 0:
            left = f"none of {noun(result.planned, 'conversation')} was run" if result.planned else ""
            return style(left or "nothing to run in this shard", "dim")
        of = f" of {noun(result.planned, 'conversation')}" if result.planned else ""
        return style(f"interrupted: nothing{of} was finished" if result.interrupted else "nothing to run", "failed")
    number = noun(total.conversations, "conversation")
    if result.planned is not None and result.planned > total.conversations:
        number = f"{total.conversations} of {noun(result.planned, 'conversation')}"
    text = f"{end}{number}: {total.told()}; {_amounts(total)} in {duration(result.duration_s)}"
    if result.only_findings_fail:
        text += f"; the run is strict and fails, as there {'is a finding' if total.findings == 1 else 'are findings'}"
    spent = spending_line(total.spent, total.live_calls)
    return style(text, _role(total, result)) + (f"\n{spent}" if spent else "")


def _role(total: Counts, result: RunResult) -> Role:
    """Green only where every conversation passed, and the run with them."""
    if result.interrupted:
        return "error"
    if result.only_findings_fail:
        return "failed"
    return next((role for role in _WORST_FIRST if total.verdicts[role]), "passed")


def _amounts(total: Counts) -> str:
    checks = noun(sum(total.checks[name] for name in ("passed", "failed", "error")), "check")
    odd = [f"{total.checks[name]} {word}" for name, word in _ODD.items() if total.checks[name]]
    own = total.live_calls - total.check_calls - total.user_calls
    if own > total.model_calls == 0:
        live = f"{noun(total.live_calls, 'live call')} failed"
    else:
        live = f"{total.live_calls} live{', with those that failed' if own > total.model_calls else ''}"
    others = [f"{total.check_calls} of checks"] if total.check_calls else []
    others += [f"{total.user_calls} of simulated users"] if total.user_calls else []
    of_others = "".join(f" and {one}" for one in others)
    amounts = [
        noun(total.turns, "turn"),
        f"{checks} ({', '.join(odd)})" if odd else checks,
        f"{noun(total.model_calls, 'model call')}{of_others} ({live})",
        *([noun(total.findings, "finding")] if total.findings else []),
    ]
    return ", ".join(amounts)


_ODD = {"failed": "failed", "error": "crashed", "stale": "stale", "info": "info"}


def _turns(conversation: ConversationResult) -> str:
    turns = [turn for one in conversation.parts for turn in one.turns]
    ran, total = sum(turn.verdict != "skipped" for turn in turns), len(turns)
    return noun(total, "turn") if ran == total else f"{ran} of {noun(total, 'turn')}"


def _checks(conversation: ConversationResult) -> str:
    every = conversation.parts
    standings = [standing(check, turn) for one in every for turn in one.turns for check in turn.checks]
    standings += [standing(check, None) for one in every for check in one.checks]
    judged = [one for one in standings if one in {"passed", "failed", "error"}]
    passed = judged.count("passed")
    return noun(len(judged), "check") if passed == len(judged) else f"{passed} of {noun(len(judged), 'check')}"
