"""What mutating recordings found out, for people."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from convrun.mutation import Gap, MutationResult, PassedOver, Score, Survivor
from convrun.report.difference import difference
from convrun.report.style import Line
from convrun.report.wording import noun, short
from convrun.transcript import PartDifference, Unjudged

_GAPS = 8  # that are shown
_SURVIVORS = 4  # of one gap
_CASES = 3  # conversations named behind a change
_RUNS = 6  # of turns, one behind the other
_LISTED = 8  # checks that were not asked, conversations that were not mutated
_INLINE = 44  # characters of each side that fit on one line
_LINES = 6  # of a difference
_LONG = 200  # characters of a reason
_NO_CHECK = "no check was found that would catch these"
_NO_SHARED_CHECK = "no check catches these in every conversation of the spec: let its cases say what differs"
_NAMES = 18  # columns of the names of families


def mutation_lines(
    found: MutationResult, *, every: bool = False, quiet: bool = False, least: float | None = None
) -> list[Line]:
    """Return the survivors, what was left out, and the score; `every`: all of them. `least` is the score to reach.

    `quiet`: only the score, and the recordings that cannot be read.
    """
    if quiet:
        broken = tuple(one for one in found.passed_over if one.problem is not None)
        return [*_passed_over(MutationResult(passed_over=broken), every), *_scores(found, least)]
    shown = found.gaps if every else found.gaps[:_GAPS]
    lines = [line for gap in shown for line in [*_gap(gap, every), Line("")]]
    more = found.gaps[len(shown) :]
    if more:
        left = sum(len(gap.survivors) for gap in more)
        lines += [Line(f"{noun(left, 'change')} more unnoticed, -v shows all", "dim"), Line("")]
    return [*lines, *_unjudged(found.unjudged, every), *_passed_over(found, every), *_scores(found, least)]


def _gap(gap: Gap, every: bool) -> Iterator[Line]:
    """Survivors, and the check that would catch them."""
    number = len(gap.survivors)
    yield Line(f"{gap.where or gap.spec}, {_turns(gap.turns)}: {noun(number, 'change')} unnoticed", "unchecked")
    kinds = [*_alike(gap.survivors, every).values()]
    shown = kinds if every else kinds[:_SURVIVORS]
    for several in shown:
        yield from (line.indented(2) for line in _survivor(several, in_turn=every and len(gap.turns) > 1))
    left = number - sum(len(several) if _are_named(several) or every else 1 for several in shown)
    if left:
        yield Line(f"  and {left} more, -v shows them", "dim")
    if gap.check is None:
        yield Line(f"  {_NO_CHECK if '::' not in gap.survivors[0].conversation else _NO_SHARED_CHECK}", "dim")
        return
    yield Line(f"  under `{'each_turn' if gap.each_turn else 'expect'}` this would catch {_them(number)}:")
    yield from (Line(f"    {line}", "added") for line in gap.check.split("\n"))


def _alike(survivors: Sequence[Survivor], every: bool) -> dict[object, list[Survivor]]:
    """The changes of one kind together; of `every` only those that are one change, in several conversations."""
    found: dict[object, list[Survivor]] = {}
    for one in survivors:
        changed = one.difference
        own = (one.turn, repr(changed.old), repr(changed.new)) if every else ()
        found.setdefault((one.operator, changed.part, *own), []).append(one)
    return found


def _are_named(several: Sequence[Survivor]) -> bool:
    """Whether the names of their conversations tell all of them: there is one in each."""
    return len({one.conversation for one in several}) == len(several)


def _turns(numbers: Sequence[int]) -> str:
    """`turn 2`, `turns 1, 3`, and of many `turns 1-3, 5, 8 and 20 more`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told = [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs[:_RUNS]]
    left = sum(map(len, runs[_RUNS:]))
    return f"turn{'s' * (len(numbers) > 1)} {', '.join(told)}{f' and {left} more' if left else ''}"


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def _survivor(several: Sequence[Survivor], *, in_turn: bool) -> Iterator[Line]:
    """One change, and the conversations in which it was made, where their spec has more than one."""
    turn = [f"turn {several[0].turn}"] if in_turn else []
    changed = several[0].difference
    names = list(dict.fromkeys(filter(None, (one.conversation.partition("::")[2] for one in several))))
    more = f" and {len(names) - _CASES} more" if len(names) > _CASES else ""
    places = [f"{', '.join(names[:_CASES])}{more}"] if names else []
    cases = f" ({'; '.join([*places, *turn])})" if places or turn else ""
    if not _are_named(several):
        cases += f", {len(several)} times"
    said = changed.part in (several[0].family, "reply", "refusal")  # the operator says it
    head = f"{several[0].operator}{cases}:{'' if said else f' {changed.part},'}"
    sides = [_side(changed, side) for side in (changed.old, changed.new)]
    if all(len(side) <= _INLINE and "\n" not in side for side in sides):
        yield Line(f"{head} {sides[0]} -> {sides[1]}")
        return
    yield Line(head.removesuffix(",").removesuffix(":"))
    yield from (line.indented(4) for line in difference(changed.old, changed.new, most=_LINES))


def _side(changed: PartDifference, side: object) -> str:
    return "nothing" if side in (None, "") else side if changed.literal and isinstance(side, str) else repr(side)


def _unjudged(found: Sequence[Unjudged], every: bool) -> Iterator[Line]:
    """The checks that were not asked, beside the score."""
    if found:
        yield Line(f"not asked: {noun(len(found), 'check')} that may notice more", "unchecked")
        yield from _listed([f"{one.where}, {one.kind}: {one.why}" if one.kind else one.why for one in found], every)


def _passed_over(found: MutationResult, every: bool) -> Iterator[Line]:
    """The conversations and turns that were left as they are."""
    if found.passed_over:
        mutated = {one.group for one in found.conversations}
        tests = len({one.group for one in found.passed_over} - mutated)
        samples = sum(one.group in mutated for one in found.passed_over)
        counts = [noun(number, name) for number, name in ((tests, "conversation"), (samples, "sample")) if number]
        yield Line(f"not mutated: {' and '.join(counts)}", "skipped")
        yield from _listed(list(_each_test(found.passed_over, mutated)), every)
    if found.known_failures:
        yield Line(f"not mutated: {noun(len(found.known_failures), 'turn')} known to fail", "skipped")
        yield from _listed([str(where) for where in found.known_failures], every)
    if found.simulated:
        who = noun(len(found.simulated), "simulated user")
        yield Line(f"not mutated: what {who} answered, who would have said something else", "skipped")
        yield from _listed([str(where) for where in found.simulated], every)


def _each_test(passed_over: Sequence[PassedOver], mutated: Container[str]) -> Iterator[str]:
    """Each with its reason; of samples that all have the same one only their group, unless others are mutated."""
    groups: dict[str, list[PassedOver]] = {}
    for one in passed_over:
        groups.setdefault(one.group, []).append(one)
    for group, samples in groups.items():
        reasons = {_why(one) for one in samples}
        if group in mutated or len(reasons) > 1:
            yield from (f"{one.id}: {_why(one)}" for one in samples)
        else:
            yield f"{group}: {reasons.pop()}"


def _why(one: PassedOver) -> str:
    if one.problem is None:
        return short(one.why, _LONG)
    place = f"{one.problem.where}: " if one.problem.where else ""
    return f"{one.why}: {place}{short(one.problem.message, _LONG)}"


def _listed(texts: Sequence[str], every: bool) -> Iterator[Line]:
    shown = texts if every else texts[:_LISTED]
    yield from (Line(f"  {text}") for text in shown)
    if len(shown) < len(texts):
        yield Line(f"  and {len(texts) - len(shown)} more, -v shows them", "dim")


def _scores(found: MutationResult, least: float | None) -> Iterator[Line]:
    """How many changes were noticed, by family and in all."""
    total = found.total
    if total.rate is None:
        yield Line("nothing was mutated", "dim")
        return
    yield Line("noticed")
    yield from (Line(f"  {family:<{_NAMES}} {_score(score)}") for family, score in found.scores.items())
    below = least is not None and total.rate < least
    wanted = f", below the {least:g} that is wanted" if below else ""
    of = noun(len({one.group for one in found.conversations}), "conversation")
    yield Line(f"  {'all':<{_NAMES}} {_score(total)}, {of}{wanted}", "failed" if below else "text")


def _score(score: Score) -> str:
    """`17 of 20, 85 %`; what is not all is never 100 %."""
    percent = score.killed * 100 // score.all
    return f"{score.killed:,} of {score.all:,}, {percent} %"
