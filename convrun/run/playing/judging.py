"""Checks of a turn and of a conversation, judged into results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from convrun.checks.context import CheckContext, TurnView, for_conversation, for_turn, seen_by_templates
from convrun.checks.evaluation import judge
from convrun.results import CheckResult
from convrun.run.binding.bound_checks import BoundCheck
from convrun.run.playing.surroundings import Surroundings
from convrun.templates import TurnList
from convrun.values import Json

if TYPE_CHECKING:
    from convrun.checks.lanes import Lanes


def template_names(
    variables: Mapping[str, Json], views: Sequence[TurnView], surroundings: Mapping[str, object]
) -> dict[str, object]:
    """Return what templates may name once these turns are finished; `surroundings` are the other names."""
    return {**variables, "vars": variables, "turns": seen_by_templates(views), **surroundings}


def judge_turn(
    checks: Sequence[BoundCheck],
    views: Sequence[TurnView],
    variables: Mapping[str, Json],
    surroundings: Surroundings,
    *,
    info: bool = False,
    lanes: Lanes | None = None,
) -> tuple[CheckResult, ...]:
    """Return the results of the checks of the last of these turns; `info` marks them as not counting.

    `lanes` answer those that ask a model.
    """
    if not checks:
        return ()
    names = template_names(variables, views, {})
    context = for_turn(TurnList(views), variables, lanes)
    results = _judged(checks, context, names, surroundings, len(views))
    return tuple(replace(result, info=True) for result in results) if info else results


def judge_conversation(
    checks: Sequence[BoundCheck],
    views: Sequence[TurnView],
    variables: Mapping[str, Json],
    surroundings: Surroundings,
    *,
    lanes: Lanes | None = None,
) -> tuple[CheckResult, ...]:
    """Return the results of the conversation's own checks; `lanes` answer those that ask a model."""
    if not checks or not views:
        return ()
    names = template_names(variables, views, {})
    return _judged(checks, for_conversation(TurnList(views), variables, lanes), names, surroundings, 0)


def _judged(
    checks: Sequence[BoundCheck],
    context: CheckContext,
    names: Mapping[str, object],
    surroundings: Surroundings,
    turn: int,
) -> tuple[CheckResult, ...]:
    results = (
        (
            check,
            judge(
                check.spec.kind,
                check.value,
                {**names, **surroundings.for_checks(turn)},
                context,
                because=check.spec.because,
                where=check.spec.where,
                probing=surroundings.tool_names,
            ),
        )
        for check in checks
    )
    return tuple(result for check, result in results if not check.only_asks or result.verdict == "stale")
