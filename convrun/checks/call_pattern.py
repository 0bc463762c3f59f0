"""Which tool calls are meant: a name, or a name with conditions on arguments, result and error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from convrun.checks.check import Path
from convrun.checks.matcher import Matcher, is_matcher, read_matcher
from convrun.checks.reader import Reader
from convrun.checks.reply import read_json
from convrun.frozen import frozen
from convrun.results import ToolCallResult
from convrun.values import Json, equal, show

_CONDITIONS = ("matches", "min", "max", "equals")
_KINDS = frozenset({"contains", "icontains", "not_contains", "one_of", "not", "not_equals"})
_ABROAD = frozenset(  # what others call their conditions
    {"equal", "eq", "ne", "regex", "match", "starts_with", "ends_with", "gt", "gte", "lt", "lte", "minimum", "maximum"}
)
_NO_CONDITIONS = _KINDS | _ABROAD
_KEYS = ("tool", "with", "with_exactly", "returns", "error")
_SHOWN = 6  # calls, or patterns, listed in a message


@frozen
class CallPattern:
    """Tool calls of one name. `arguments`, `returns` and `error` are one-item tuples where they matter.

    `exact`: no other arguments than these. A value in them may be a Matcher.
    """

    tool: str
    arguments: tuple[object, ...] = ()
    exact: bool = False
    returns: tuple[object, ...] = ()
    error: tuple[object, ...] = ()

    def fits(self, call: ToolCallResult) -> bool:
        """Return whether this call is meant."""
        return (
            call.name == self.tool
            and all(fits_value(wanted, call.arguments, exact=self.exact) for wanted in self.arguments)
            and all(_returned(wanted, call.result, exact=True) for wanted in self.returns)
            and all(_raised(wanted, call.error) for wanted in self.error)
        )

    def misses_keys_of(self, call: ToolCallResult) -> bool:
        """Return whether a call would be meant if its result had no keys but those in `returns`."""
        return (
            bool(self.returns)
            and replace(self, returns=()).fits(call)
            and all(_returned(wanted, call.result, exact=False) for wanted in self.returns)
        )

    @property
    def judges_results(self) -> bool:
        """Whether it matters what came of a call."""
        return bool(self.returns or self.error)

    def __str__(self) -> str:
        """`lookup(country='Crumpet')`, as far as it is pinned."""
        shown = [show_call(self.tool, wanted) for wanted in self.arguments] or [self.tool]
        shown += [f"returning {show_wanted(wanted)}" for wanted in self.returns]
        shown += [_failing(wanted) for wanted in self.error]
        return " ".join(shown)


def _failing(wanted: object) -> str:
    if isinstance(wanted, bool):
        return "with an error" if wanted else "without an error"
    return f"with the error {show_wanted(wanted)}"


def fits_value(wanted: object, actual: object, *, exact: bool) -> bool:
    """Return whether a value is as wanted; unless `exact`, mappings at every depth may have more keys."""
    if isinstance(wanted, Matcher):
        return wanted.holds(actual)
    if isinstance(wanted, Mapping) and isinstance(actual, Mapping):
        if exact and wanted.keys() != actual.keys():
            return False
        return all(key in actual and fits_value(value, actual[key], exact=exact) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(actual, list):
        pairs = zip(wanted, actual, strict=False)
        return len(wanted) == len(actual) and all(fits_value(one, other, exact=exact) for one, other in pairs)
    return equal(actual, wanted)


def _returned(wanted: object, result: str | None, *, exact: bool) -> bool:
    """Whether a result is as wanted: its text, or, where it is JSON, its value."""
    if result is None:
        return False
    if fits_value(wanted, result, exact=exact):
        return True
    read = read_json(result)
    return read.fault is None and fits_value(wanted, read.value, exact=exact)


def _raised(wanted: object, error: str | None) -> bool:
    if isinstance(wanted, bool):
        return wanted is (error is not None)
    return error is not None and (wanted.holds(error) if isinstance(wanted, Matcher) else str(wanted) in error)


def show_call(name: str, arguments: object) -> str:
    """Return a call as people write it: `lookup(country='Crumpet')`."""
    if not isinstance(arguments, Mapping):
        return f"{name}({'' if arguments in (None, '') else show_wanted(arguments)})"
    return f"{name}({', '.join(f'{key}={show_wanted(value)}' for key, value in arguments.items())})"


def show_wanted(value: object, limit: int = 80) -> str:
    """Return a value for a message, in which Matchers may stand."""
    if isinstance(value, Matcher):
        return f"<to {value}>"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {show_wanted(item, limit)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(show_wanted(item, limit) for item in value)}]"
    return show(value, limit)


def show_calls(calls: Sequence[ToolCallResult], *, results: bool = False) -> str:
    """Return all calls in one line, the first dozen of them; with `results` also what came of them."""
    if not calls:
        return "no tool was called"
    shown = ", ".join(
        show_call(call.name, call.arguments) + (f" returning {show_wanted(call.result)}" if results else "")
        for call in calls[:_SHOWN]
    )
    rest = f" and {len(calls) - _SHOWN} more" if len(calls) > _SHOWN else ""
    return f"{'the call was' if len(calls) == 1 else 'the calls were'} {shown}{rest}"


def show_patterns(patterns: Sequence[CallPattern]) -> str:
    """Return what calls are meant, the first ones of many."""
    rest = f" and {len(patterns) - _SHOWN} more" if len(patterns) > _SHOWN else ""
    return f"{', '.join(map(str, patterns[:_SHOWN])) or 'none'}{rest}"


def as_json(calls: Sequence[ToolCallResult], *, results: bool = False) -> Json:
    """Return calls as the `actual` of a result; with `results` also what came of them."""
    shown: list[Json] = []
    for call in calls:
        came: dict[str, Json] = {"result": call.result, "error": call.error} if results else {}
        shown.append({"name": call.name, "arguments": call.arguments, **came})
    return shown


def read_pattern(reader: Reader, value: object, path: Path, extra: tuple[str, ...] = ()) -> CallPattern:
    """Read a tool name or a mapping that has one; `extra` keys are the caller's to read."""
    if not isinstance(value, dict):
        return CallPattern(tool=reader.text(value, path, empty="a tool's name is wanted"))
    given = reader.mapping(value, path, (*_KEYS, *extra), "a tool's name or a mapping")
    if "tool" not in given:
        reader.wrong(path, "no tool", "add tool: with its name")
    if "with" in given and "with_exactly" in given:
        reader.wrong((*path, "with_exactly"), "with and with_exactly at once", "keep one of them")
    exact = "with_exactly" in given
    return CallPattern(
        tool=reader.text(given.get("tool", "?"), (*path, "tool"), empty="a tool's name is wanted"),
        arguments=_arguments(reader, given, path, "with_exactly" if exact else "with"),
        exact=exact,
        returns=(_wanted(reader, given["returns"], (*path, "returns")),) if "returns" in given else (),
        error=(_error(reader, given["error"], (*path, "error")),) if "error" in given else (),
    )


def _arguments(reader: Reader, given: Mapping[str, object], path: Path, key: str) -> tuple[object, ...]:
    if key not in given:
        return ()
    arguments = reader.mapping(given[key], (*path, key), tuple(_keys(given[key])), "a mapping of arguments")
    return ({name: _wanted(reader, value, (*path, key, name)) for name, value in arguments.items()},)


def _keys(value: object) -> list[str]:
    return list(value) if isinstance(value, dict) else []


def _wanted(reader: Reader, value: object, path: Path) -> object:
    """The value with its mappings of conditions as Matchers."""
    if is_matcher(value, _CONDITIONS):
        return read_matcher(reader, value, path)
    if isinstance(value, dict):
        _refuse_look_alikes(reader, value, path)
        return {key: _wanted(reader, item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_wanted(reader, item, (*path, index)) for index, item in enumerate(value)]
    return value


def _refuse_look_alikes(reader: Reader, value: Mapping[str, object], path: Path) -> None:
    """Note what is meant as a condition but would be compared literally: below `not` that holds for ever."""
    strange = [key for key in value if key in _NO_CONDITIONS]
    if not strange or any(key not in _CONDITIONS and key not in _NO_CONDITIONS for key in value):
        return
    what = f"{strange[0]!r} is no condition here; conditions are {', '.join(_CONDITIONS)}"
    reader.wrong((*path, strange[0]), what, f"a literal mapping goes under equals: {{{strange[0]}: …}}")


def _error(reader: Reader, value: object, path: Path) -> object:
    if isinstance(value, bool):
        return value
    if is_matcher(value, ("matches", "equals")):
        return read_matcher(reader, value, path)
    if isinstance(value, dict) and value:
        what = f"{next(iter(value))!r} is no condition of an error; conditions are matches, equals"
        reader.wrong(path, what, "a part of its text is written without a condition, as error: not found")
        return ""
    return reader.text(value, path, empty="write true for any error")
