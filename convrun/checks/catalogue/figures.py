"""Checks of what the model calls took: tokens, cost, latency, model_calls."""

from __future__ import annotations

import re
from collections.abc import Mapping

from convrun.checks.bounds import Bounds, read_bounds, read_most
from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.reader import Reader
from convrun.errors import CheckError
from convrun.frozen import frozen
from convrun.values import Json, show

_PARTS = ("input", "output", "total")


@frozen
class Tokens:
    """So many tokens were counted, by `input`, `output` and `total`, as far as they are given."""

    bounds: Mapping[str, Bounds]

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        wanted = " and ".join(f"{bounds} {part}" for part, bounds in self.bounds.items())
        return Claim(subject="the model calls", predicate=f"take {wanted} tokens")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the recorded usage is within all bounds.

        Raises:
            CheckError: where the provider told no usage.
        """
        usage = context.usage
        total = None if usage.input is None or usage.output is None else usage.input + usage.output
        counted = {"input": usage.input, "output": usage.output, "total": total}
        found: dict[str, int] = {}
        for part in self.bounds:
            figure = counted[part]
            if figure is None:
                raise CheckError(
                    f"no {part} tokens are known: not every reply that was recorded has a usage",
                    fix="record it anew with a provider that tells it, or take the check out",
                )
            found[part] = figure
        passed = all(bounds.hold(found[part]) for part, bounds in self.bounds.items())
        actual: Json = {**found}
        return Outcome(
            passed=passed, actual=actual, found=f"got {' and '.join(f'{n} {part}' for part, n in found.items())}"
        )


def read_tokens(reader: Reader, value: object, path: Path) -> Tokens:
    """Read the value of `tokens`."""
    example = "write {total: {max: 2000}}"
    if isinstance(value, dict) and not value.keys().isdisjoint(("min", "max")):
        reader.wrong(path, "tokens of which kind is not said", example)
        return Tokens(bounds={})
    given = reader.mapping(value, path, _PARTS, "a mapping with input, output or total")
    if isinstance(value, dict) and not value:
        reader.wrong(path, "neither input, output nor total", example)
    return Tokens(bounds={part: read_bounds(reader, item, (*path, part), of="tokens") for part, item in given.items()})


@frozen
class Cost:
    """The model calls cost at most so many dollars."""

    usd: float

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the model calls", predicate=f"cost at most {_dollars(self.usd)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether they did, as stored with the recording.

        Raises:
            CheckError: where no cost is stored.
        """
        cost = context.cost_usd
        if cost is None:
            model = next((turn.model for turn in reversed(context.turns) if turn.model), None)
            of = f"of {model!r}" if model else "of the model"
            raise CheckError(
                "what it cost is not known: the recording has no cost of every model call",
                fix=f"record it anew, which stores it; if no price {of} is known then, check tokens instead",
            )
        return Outcome(passed=cost <= self.usd, actual=cost, found=f"it was {_dollars(cost)}")


def _dollars(usd: float) -> str:
    """Dollars as people write them: `$0.002`, never `$2e-06`."""
    return f"${f'{usd:.12f}'.rstrip('0').rstrip('.')}"


def read_cost(reader: Reader, value: object, path: Path) -> Cost:
    """Read the value of `cost`."""
    most = read_most(reader, value, path, example="0.002")
    if isinstance(most, str):
        meant = re.fullmatch(r"\$? ?([0-9]*\.?[0-9]+)", most)
        fix = f"write {meant[1]}" if meant else "write dollars, as 0.002"
        reader.wrong((*path, "max"), f"a number of dollars is wanted, not {show(most, 60)}", fix)
        return Cost(usd=0)
    usd = 0 if most is None else reader.number(most, (*path, "max"))
    if usd < 0:
        reader.wrong((*path, "max"), f"no call costs less than nothing, as {usd}", "write dollars, as 0.002")
    return Cost(usd=usd)


@frozen
class Latency:
    """The model took at most so many seconds for all calls together."""

    seconds: float

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the model", predicate=f"take at most {_seconds(self.seconds)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether it did, as recorded.

        Raises:
            CheckError: where the recording has no timings.
        """
        took = context.latency_s
        if took is None:
            raise CheckError(
                "how long the model took is not known: the recording has no time of every model call",
                fix="record it anew, which stores it",
            )
        return Outcome(passed=took <= self.seconds, actual=took, found=f"it took {_seconds(took)}")


def _seconds(seconds: float) -> str:
    return f"{round(seconds * 1000)} ms" if seconds < 1 else f"{round(seconds, 3):.12g} s"


def read_latency(reader: Reader, value: object, path: Path) -> Latency:
    """Read the value of `latency`."""
    most = read_most(reader, value, path, example="2s", unit="s")
    return Latency(seconds=0.0 if most is None else reader.duration(most, (*path, "max")))


@frozen
class ModelCalls:
    """The model was called so often."""

    bounds: Bounds

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the model", predicate=f"be called {_times(self.bounds, self.bounds.last)}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether it was."""
        calls = context.model_calls
        return Outcome(passed=self.bounds.hold(calls), actual=calls, found=f"it was called {_times(calls, calls)}")


def _times(number: object, last: float) -> str:
    return f"{number} time{'' if last == 1 else 's'}"


def read_model_calls(reader: Reader, value: object, path: Path) -> ModelCalls:
    """Read the value of `model_calls`: a number, or its bounds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        count = reader.count(value, path)
        if value == 0:
            reader.wrong(path, "no turn is without a model call", "write 1 or more")
        return ModelCalls(bounds=Bounds(min=count, max=count))
    if isinstance(value, str):
        fix = "write how many, as 2, or {max: 3}"
        reader.wrong(path, f"a number, or a mapping with min or max, is wanted, not the text {show(value, 60)}", fix)
        return ModelCalls(bounds=Bounds())
    return ModelCalls(bounds=read_bounds(reader, value, path, of="model calls"))
