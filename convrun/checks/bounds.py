"""What a figure may be: at least `min`, at most `max`."""

from __future__ import annotations

from convrun.checks.check import Path
from convrun.checks.reader import Reader
from convrun.frozen import frozen
from convrun.values import show


@frozen
class Bounds:
    """The least and the greatest that a figure may be; None: any."""

    min: float | None = None
    max: float | None = None

    def hold(self, figure: float) -> bool:
        """Return whether a figure is within them."""
        return (self.min is None or figure >= self.min) and (self.max is None or figure <= self.max)

    @property
    def last(self) -> float:
        """The figure that stands last in words: what is counted is named by it."""
        return self.max if self.max is not None else self.min or 0

    def __str__(self) -> str:
        """`at least 2`, `at most 5`, `2 to 5` or `exactly 3`."""
        if self.min is None or self.max is None:
            return f"at least {self.min}" if self.max is None else f"at most {self.max}"
        return f"exactly {self.min}" if self.min == self.max else f"{self.min} to {self.max}"


def read_bounds(reader: Reader, value: object, path: Path, *, of: str) -> Bounds:
    """Read `{min, max}` of a count; `of` names what is counted."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        fix = f"write {{max: {value}}}, {{min: {value}}}, or both for exactly so many"
        reader.wrong(path, f"a mapping with min or max is wanted, not the number {value}", fix)
        return Bounds()
    fix = f"say how many {of}: {{min: 1}}, {{max: 100}}, or both"
    given = reader.mapping(value, path, ("min", "max"), "a mapping with min or max", fix)
    if isinstance(value, dict) and not value:
        reader.wrong(path, "neither min nor max", fix)
    low, high = (reader.count(given[key], (*path, key)) if key in given else None for key in ("min", "max"))
    if given.get("min") == 0 and high is None:
        reader.wrong((*path, "min"), "min 0 always holds", "write max, or a greater min")
    known = all(isinstance(given.get(key), int | float) for key in ("min", "max"))
    if known and low is not None and high is not None and low > high:
        reader.wrong((*path, "max"), f"max {high} is below min {low}", "no number is between them: swap them")
    return Bounds(min=low, max=high)


def read_most(reader: Reader, value: object, path: Path, *, example: str, unit: str = "") -> object:
    """Return what stands as `max` in `{max: …}`, None where nothing does; `example` is how one is written."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        meant = f"{value}{unit}" if not isinstance(value, str) else value if unit else example
        reader.wrong(path, f"a mapping with max is wanted, not {show(value, 60)}", f"write {{max: {meant}}}")
        return None
    given = reader.mapping(value, path, ("max",), "a mapping with max")
    if isinstance(value, dict) and not value:
        reader.wrong(path, "no max", f"write {{max: {example}}}")
    return given.get("max")
