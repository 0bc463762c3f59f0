"""A group of samples: independent conversations with the same words that are one test, and so have one result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import sqrt

from convrun.results import ConversationResult, Samples, UsageResult, Verdict, known_sum, total_spending, total_usage
from convrun.run.binding.bind import BoundConversation
from convrun.run.playing.conversation import blank_result
from convrun.run.playing.known_failures import group_known_to_fail
from convrun.spec.model import SamplesSpec

_CONFIDENCE = 0.95
_WORST_FIRST: tuple[Verdict, ...] = ("error", "stale", "missing")


def group_result(members: Sequence[BoundConversation], results: Iterable[ConversationResult]) -> ConversationResult:
    """Return the one result of a group; `results` are those of its samples that are over, in their order.

    It is the worst of error, stale and missing that a sample is. Else enough samples passed, or it has failed; where
    some are not over, it has failed only if those could not make up for it, and is skipped otherwise.
    """
    over, planned = tuple(results), members[0].planned
    played = [one for one in over if one.model_calls]
    finished = [one for one in over if not one.not_begun]
    wanted = planned.spec.samples or SamplesSpec(times=len(members), needed=len(members))
    known = planned.known_failure
    verdicts: list[Verdict] = [  # one that failed as it is known to is skipped, once that was seen
        "failed" if known is not None and one.verdict == "skipped" else one.verdict for one in finished
    ]
    verdict = _verdict(verdicts, wanted)
    group = replace(
        blank_result(members[0]),
        id=planned.group,
        sample=None,
        verdict=verdict,
        reason=_reason(over, len(finished), wanted.times) if verdict == "skipped" else None,
        model_calls=sum(one.model_calls for one in over),
        live_calls=sum(one.live_calls for one in over),
        check_calls=sum(one.check_calls for one in over),
        user_calls=sum(one.user_calls for one in over),
        usage=total_usage(one.usage for one in played) if played else UsageResult(),
        cost_usd=known_sum(one.cost_usd for one in played) if played else None,
        spent=total_spending(one.spent for one in over),
        duration_s=sum(one.duration_s for one in over),
        error=next((one.error for one in over if one.verdict == "error"), None),
        stale=next((one.stale for one in over if one.stale is not None), None),
        ignored=tuple({repr(difference): difference for one in over for difference in one.ignored}.values()),
        findings=tuple(dict.fromkeys(finding for one in over for finding in one.findings)),
        samples=_samples(over, verdicts if len(finished) == wanted.times else [], wanted),
    )
    return group_known_to_fail(group, known) if known is not None and len(finished) == wanted.times else group


def wilson(passed: int, judged: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of the rate of which `passed` of `judged` are an observation (Wilson's)."""
    from statistics import NormalDist  # a run without samples does without

    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    rate, weight = passed / judged, 1 + z * z / judged
    centre = (rate + z * z / (2 * judged)) / weight
    half = z / weight * sqrt(rate * (1 - rate) / judged + z * z / (4 * judged * judged))
    # Where none or all passed the bound is exact, and only the arithmetic of floats is not.
    return (0.0 if passed == 0 else centre - half, 1.0 if passed == judged else centre + half)


def _verdict(finished: Sequence[Verdict], wanted: SamplesSpec) -> Verdict:
    for verdict in _WORST_FIRST:
        if verdict in finished:
            return verdict
    passed, left = finished.count("passed"), wanted.times - len(finished)
    if left:
        return "failed" if passed + left < wanted.needed else "skipped"
    if passed >= wanted.needed:
        return "passed"
    if "failed" in finished or passed:
        return "failed"
    return "unchecked" if "unchecked" in finished else "skipped"


def _reason(over: Sequence[ConversationResult], finished: int, times: int) -> str | None:
    """Why a group is skipped: what its samples say of it, else that not all of them were finished."""
    said = next((one.reason for one in over if one.not_begun), None)
    if said is None and finished < times:
        return f"interrupted: {finished} of {times} samples were finished"
    return said or next((one.reason for one in over if one.reason), None)


def _samples(over: tuple[ConversationResult, ...], verdicts: Sequence[Verdict], wanted: SamplesSpec) -> Samples:
    """What is said of the samples; without `verdicts` the group was not judged, nor with other ones."""
    passed, failed = verdicts.count("passed"), verdicts.count("failed")
    judged = bool(verdicts) and {"passed", "failed"}.issuperset(verdicts)
    return Samples(
        times=wanted.times,
        needed=wanted.needed,
        passed=passed if judged else None,
        rate=passed / (passed + failed) if judged else None,
        interval=wilson(passed, passed + failed) if judged else None,
        conversations=over,
    )
