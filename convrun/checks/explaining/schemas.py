"""What a schema, or a pydantic model, has against a value: each violation by its path, with what stands there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from convrun.checks.check import Explanation
from convrun.checks.explaining.values import bounded, dotted
from convrun.source import printable
from convrun.values import Json, show

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

_COUNTED = 200  # violations beyond which nobody counts
_LONGEST = 160  # characters of what is said of one
_BRIEF = 60  # of the value


def violations(validator: Validator, value: Json) -> Explanation:
    """Return all that the schema has against a value, each once."""
    from jsonschema.exceptions import best_match

    found = [best_match([error]) for error in islice(validator.iter_errors(value), _COUNTED)]
    lines = {f"{dotted(error.absolute_path)}: {_said(error)}": None for error in found if error is not None}
    return Explanation(lines=tuple(bounded(lines)))


def _said(error: ValidationError) -> str:
    """What is wrong; where the library quotes the value in the way of Python, it is told in that of JSON."""
    message, quoted = error.message, repr(error.instance)
    if message.startswith(quoted):
        message = f"{show(error.instance, _BRIEF)}{message.removeprefix(quoted)}"
    elif error.validator != "additionalProperties":
        message = f"{message} in {show(error.instance, _BRIEF)}"
    return printable(
        message if len(message) <= _LONGEST else f"{message[: _LONGEST // 2]}...{message[-_LONGEST // 2 :]}"
    )


def refusals(errors: Sequence[Mapping[str, Any]]) -> Explanation:
    """Return all that a pydantic model has against a value."""
    return Explanation(lines=tuple(bounded(_refused(errors))))


def _refused(errors: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for error in errors:
        message = f"{error['msg'][:1].lower()}{error['msg'][1:]}"
        there = "" if error["type"] == "missing" else f", got {show(error['input'], _BRIEF)}"
        yield printable(f"{dotted(cast(tuple[str | int, ...], error['loc']))}: {message}{there}")
