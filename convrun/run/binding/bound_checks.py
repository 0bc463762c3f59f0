"""Checks with their code: kinds known, values well-formed, import paths imported, tools declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from convrun.checks.check import ValueProblem
from convrun.checks.code import Code, OwnValue
from convrun.checks.registry import KINDS, code_paths, expressions, leaves, parse, tool_names
from convrun.errors import ConvrunError, SpecError, did_you_mean
from convrun.frozen import frozen
from convrun.run.binding.imports import imported
from convrun.run.binding.own_kinds import OwnKinds, imported_judge
from convrun.source import Where
from convrun.spec.model import CheckSpec, ImportPath, ModelFault, Path, ToolFault
from convrun.templates import Text

_NO_REPLY = frozenset(  # kinds that need none
    {"called", "not_called", "calls", "python", "tokens", "cost", "latency", "model_calls", "prefix_stable"}
)


@frozen
class BoundCheck:
    """A check; `value` is as in the spec, with Code where it names code.

    `only_asks`: what it says counts nowhere, but that the recording does not hold what it asks a model.
    """

    spec: CheckSpec
    value: object
    only_asks: bool = False


def bind_checks(
    specs: Sequence[CheckSpec], errors: list[ConvrunError], own: OwnKinds | None = None, *, imports: bool
) -> tuple[BoundCheck, ...]:
    """Return the checks that are well-formed; mistakes in the others are appended to `errors`.

    `own` are the kinds that are not convrun's; None: there are none.
    """
    return tuple(_bound(specs, errors, own, imports=imports))


def _bound(
    specs: Sequence[CheckSpec], errors: list[ConvrunError], own: OwnKinds | None, *, imports: bool
) -> Iterator[BoundCheck]:
    for spec in specs:
        try:
            value = _judged_by_own(spec, own, imports=imports) if own is not None else spec.value
        except SpecError as error:
            errors.append(error)
            continue
        # A path is not imported where the value is wrong anyway: one mistake, one message.
        problems = parse(spec.kind, value)
        if isinstance(problems, tuple):
            errors += _mistakes(spec, problems, own)
            continue
        paths = code_paths(spec.kind, value) if imports else []
        try:
            for path in paths:
                text = value_at(value, path)
                assert isinstance(text, str)
                code = Code(path=text, target=imported(ImportPath(text=text, where=_place(spec, path))))
                value = _with(value, path, code)
        except SpecError as error:
            errors.append(error)
            continue
        if paths and isinstance(problems := parse(spec.kind, value), tuple):  # what was imported may not do there
            errors += _mistakes(spec, problems, own)
        else:
            yield BoundCheck(spec=spec, value=value)


def _judged_by_own(spec: CheckSpec, own: OwnKinds, *, imports: bool) -> object:
    """The value of a check, with the function that judges it in the place of each value whose kind is not ours.

    Raises:
        SpecError: where a kind has no function that can be imported, or two.
    """
    value = spec.value
    for path, kind, found in leaves(spec.kind, spec.value):
        if kind in KINDS:
            continue
        where = _place(spec, path) if path else spec.where
        try:
            provider = own.provider(kind)
        except SpecError as error:
            raise error.at(where) from error.__cause__
        if provider is not None:
            code = imported_judge(kind, provider, where) if imports else None
            value = _with(value, path, OwnValue(value=found, code=code))
    return value


def _mistakes(spec: CheckSpec, problems: Iterable[ValueProblem], own: OwnKinds | None) -> list[SpecError]:
    """The problems at their places; a kind that is unknown stands where it is written, not at its value."""
    found = []
    for problem in problems:
        kind = str(problem.path[-1]) if problem.path else spec.kind
        unknown = problem.what == f"unknown check {kind!r}"
        where = spec.where if unknown and not problem.path else _place(spec, problem.path)
        fix = own.fix(kind, problem.fix) if unknown and own is not None else problem.fix
        found.append(SpecError(problem.what, where=where, fix=fix))
    return found


def named_tools(
    specs: Sequence[CheckSpec], faults: Sequence[ModelFault | ToolFault], known: frozenset[str]
) -> list[SpecError]:
    """Return a mistake for each tool that a check or a fault names and the spec does not declare."""
    checked = [(spec, path, name) for spec in specs for path, name in tool_names(spec.kind, spec.value)]
    named = [(_place(spec, path), name) for spec, path, name in checked if name not in known]
    named += [(fault.places["tool"], fault.tool) for fault in faults if isinstance(fault, ToolFault)]
    return [
        SpecError(
            f"no tool is called {name!r}",
            where=where,
            fix=did_you_mean(name, known)
            or (f"declared are {', '.join(sorted(known))}" if known else "declare it under `tools:`"),
        )
        for where, name in named
        if name not in known
    ]


def strange_arguments(specs: Sequence[CheckSpec], taken: Callable[[str], Sequence[str] | None]) -> list[SpecError]:
    """Return a mistake for each argument that its tool has no parameter for in a check of what is not to be called.

    No call that succeeds has it, so such a check would hold whatever is called; one of what is to be called fails by
    itself, or its recording is stale. `taken` gives the parameters of a tool by its name; None: any will do.
    """
    found = []
    for spec in specs:
        for path, name in tool_names(spec.kind, spec.value):
            pattern = value_at(spec.value, path[:-1]) if path[-1:] == ("tool",) else None
            if not isinstance(pattern, dict) or pattern.get("error", False) is not False:
                continue
            steps = [spec.kind, *path]
            if not (steps.count("not") % 2 or "only" in steps or pattern.get("times") == 0):
                continue
            known = taken(name)
            for key in ("with", "with_exactly") if known is not None else ():
                given = pattern.get(key)
                for argument in given if isinstance(given, dict) else ():
                    if known is not None and argument not in known:
                        what = f"the tool {name!r} has no parameter {argument!r}"
                        fix = did_you_mean(str(argument), known) or f"it takes {', '.join(known) or 'no arguments'}"
                        found.append(SpecError(what, where=_place(spec, (*path[:-1], key, argument)), fix=fix))
    return found


def untold_errors(specs: Sequence[CheckSpec], replayed: frozenset[str]) -> list[SpecError]:
    """Return a mistake for each check of what a replayed tool raised: a recording has only what the model was told."""
    found = []
    for spec in specs:
        for path, name in tool_names(spec.kind, spec.value):
            pattern = value_at(spec.value, path[:-1]) if path[-1:] == ("tool",) else None
            if name in replayed and isinstance(pattern, dict) and "error" in pattern:
                what = f"what {name!r} raises is in no recording, and with `policy: replay` it is not called"
                fix = "give it `policy: verify`, or look at what the model was told: `returns: {matches: '^Error: '}`"
                found.append(SpecError(what, where=_place(spec, (*path[:-1], "error")), fix=fix))
    return found


def without_reply(specs: Sequence[CheckSpec]) -> list[SpecError]:
    """Return a mistake for each of these checks that looks at a reply, where there will be none."""
    return [
        SpecError(
            f"no turn has a reply that {kind!r} could look at: each expects an error",
            where=spec.where,
            fix="check the calls, or add a turn that is answered",
        )
        for spec in specs
        for _, kind, value in leaves(spec.kind, spec.value)
        if kind in KINDS and kind not in _NO_REPLY and _looks_at_reply(kind, value)
    ]


def _looks_at_reply(kind: str, value: object) -> bool:
    named = [text.source for text in expressions(kind, value)]
    return not named or any("reply" in source or "parsed" in source for source in named)


def _place(spec: CheckSpec, path: Path) -> Where:
    return place(spec.places, path) or spec.where


def place(places: Mapping[Path, Where], path: Path) -> Where | None:
    """Return the place of a path into a value, or of the nearest thing above it."""
    for end in range(len(path), -1, -1):
        if path[:end] in places:
            return places[path[:end]]
    return None


def value_at(value: object, path: Path) -> object:
    """Return what stands at a path of a check's value; of a text its source."""
    for step in path:
        value = value[step]  # type: ignore[index]  # a path leads through what has one
    return value.source if isinstance(value, Text) else value


def _with(value: object, path: Path, code: Code | OwnValue) -> object:
    """The value with `code` at `path`; what is above it is copied."""
    if not path:
        return code
    if isinstance(value, list):
        return [_with(item, path[1:], code) if index == path[0] else item for index, item in enumerate(value)]
    assert isinstance(value, dict)
    return {**value, path[0]: _with(value[path[0]], path[1:], code)}
