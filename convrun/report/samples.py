"""A group of samples in words: how many passed, at which rate, and which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from convrun.report.wording import noun
from convrun.results import ConversationResult, Samples

_NAMED = 5  # samples that are named by their numbers


def outcome(samples: Samples) -> str:
    """Return how many passed and must, at which rate: `4 of 5 samples passed, 3 must (rate 0.8, …)`.

    Where not all were judged it is how many there are of each verdict.
    """
    number, interval = samples.passed, samples.interval
    if number is None or interval is None:
        verdicts = Counter(one.verdict for one in samples.conversations)
        told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
        return f"{noun(samples.times, 'sample')}: {told}"
    must = "all" if samples.needed == samples.times else str(samples.needed)
    rate = f"rate {samples.rate:.3g}, 95 % interval {interval[0]:.3g} to {interval[1]:.3g}"
    return f"{number} of {noun(samples.times, 'sample')} passed, {must} must ({rate})"


def numbered(numbers: Sequence[int], samples: Samples) -> str:
    """Return which samples something is true of: `2 of 5 samples (1, 4)`."""
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    named = ", ".join(map(str, numbers[:_NAMED]))
    return f"{len(numbers)} of {noun(samples.times, 'sample')} ({named}{more})"


def unrecorded(group: ConversationResult, samples: Samples) -> str:
    """Return how many samples have no recording, and what the first has not: its own, or that of its beginning."""
    missing = [one for one in samples.conversations if one.verdict == "missing"]
    words = "has" if len(missing) == 1 else "have"
    first = next((one.reason or f"no {one.cassette}" for one in missing), f"no {group.cassette}")
    return f"{len(missing)} of {noun(samples.times, 'sample')} {words} no recording: {first}" + (
        f", and {len(missing) - 1} more" if len(missing) > 1 else ""
    )


def sample_properties(samples: Samples | None) -> Mapping[str, object]:
    """Return what JUnit reports say of a group beside its verdict; nothing of a conversation that is none."""
    if samples is None:
        return {}
    low, high = samples.interval or (None, None)
    return {
        "samples": samples.times,
        "samples.pass": samples.needed,
        "samples.passed": samples.passed,
        "samples.rate": samples.rate,
        "samples.interval.low": low,
        "samples.interval.high": high,
    }
