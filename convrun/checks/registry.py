"""The kinds of checks: how each one's value is read, and what it names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from convrun.checks import shapes
from convrun.checks.catalogue.combined import BECAUSE, Combination, ReadOne, read_combination, read_not
from convrun.checks.check import Check, Path, ValueProblem
from convrun.checks.code import OwnValue
from convrun.checks.kinds import EXPECT_ERROR, LEAVES, Kind, Read
from convrun.checks.reader import Reader, settled
from convrun.errors import did_you_mean
from convrun.templates import Text, render_value
from convrun.values import Json, JsonObject


def _combined(read: Callable[[Reader, object, Path, ReadOne], Check]) -> Read:
    """What reads a check that is made of others, told how these are read."""
    return lambda reader, value, path: read(reader, value, path, _read_listed)


KINDS: dict[str, Kind] = {
    **LEAVES,
    "not": Kind(
        family="combined",
        read=_combined(read_not),
        shape=shapes.CHECK,
        about="The check in it does not hold.",
    ),
    "all_of": Kind(
        family="combined",
        read=_combined(partial(read_combination, "all")),
        shape=shapes.CHECKS,
        about="Each of these checks holds.",
    ),
    "any_of": Kind(
        family="combined",
        read=_combined(partial(read_combination, "any")),
        shape=shapes.CHECKS,
        about="One of these checks holds, or several do; all are judged.",
    ),
    "expect_error": EXPECT_ERROR,
}
LISTED: dict[str, JsonObject] = {kind: known.shape for kind, known in KINDS.items() if known.shape is not None}


def inner(kind: str, value: object) -> Iterator[tuple[Path, str, object]]:
    """Yield the checks that stand directly in the value of one: the path of each one's value in it, kind and value."""
    if not _is_combined(kind):
        return
    if isinstance(value, Mapping):
        yield from (((key,), key, item) for key, item in value.items() if key != BECAUSE)
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            if isinstance(one, Mapping):
                yield from (((index, key), key, item) for key, item in one.items() if key != BECAUSE)


def leaves(kind: str, value: object) -> Iterator[tuple[Path, str, object]]:
    """Yield the checks that are not combined of others: this one, or at every depth those that it is made of."""
    if not _is_combined(kind):
        yield (), kind, value
    for path, key, item in inner(kind, value):
        yield from (((*path, *below), name, found) for below, name, found in leaves(key, item))


def stated(kind: str, value: object, *, holds: bool = True) -> Iterator[tuple[str, object]]:
    """Yield the leaves that are to hold, each as kind and value; what `not` turns around is to fail."""
    if holds and not _is_combined(kind):
        yield kind, value
    for _, key, item in inner(kind, value):
        yield from stated(key, item, holds=holds is not (kind == "not"))


def changed(kind: str, value: object, change: Callable[[str, object], object]) -> object:
    """Return a check's value with that of each leaf as `change` makes it of kind and value."""
    if not _is_combined(kind):
        return change(kind, value)
    if isinstance(value, Mapping):
        return {key: item if key == BECAUSE else changed(key, item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [changed(kind, one, change) if isinstance(one, Mapping) else change("", one) for one in value]
    return change("", value)  # a mistake, told by `parse`


def _is_combined(kind: str) -> bool:
    return kind in KINDS and KINDS[kind].family == "combined"


def runs_code(kind: str, value: object) -> bool:
    """Return whether code of a user judges, alone or within other checks: what it says is known only by calling it."""
    return any(
        leaf not in KINDS or KINDS[leaf].family == "code" or _names_code(leaf, found)
        for _, leaf, found in leaves(kind, value)
    )


def asks_model(kind: str, value: object) -> bool:
    """Return whether a model is asked for a verdict, alone or within other checks."""
    return any(leaf in KINDS and KINDS[leaf].family == "model" for _, leaf, _ in leaves(kind, value))


def check_schema(own: Iterable[str] = ()) -> JsonObject:
    """Return the JSON Schema of one check: a mapping with one kind as its key, and perhaps `because`.

    `own` are kinds that are not convrun's: what their values look like is not known.
    """
    kinds: JsonObject = {kind: {**shape, "description": KINDS[kind].about} for kind, shape in LISTED.items()}
    kinds |= {kind: {"description": "A kind of the project's own."} for kind in own}
    because: JsonObject = {"type": "string", "description": "Why it matters; shown where the check fails."}
    one: list[Json] = [{"required": [kind]} for kind in kinds]
    return {
        "title": "A check",
        "type": "object",
        "description": "What must hold: one kind, and its value.",
        "properties": {**kinds, "because": because},
        "additionalProperties": False,
        "oneOf": one,
    }


def parse(kind: str, value: object) -> Check | tuple[ValueProblem, ...]:
    """Return the check of a kind with this value, or every mistake in the value.

    The value is JSON, in which Code may stand for import paths. Texts may still stand in it: a template that is one
    whole expression may become anything, any other becomes a text. A check made from those is not for evaluation.
    """
    reader = Reader()
    known = KINDS.get(kind)
    read = known.read if known and known.shape is None else partial(_read_listed, kind)
    check = read(reader, changed(kind, value, _settled), ())
    return tuple(reader.problems) or check


def _read_listed(kind: str, reader: Reader, value: object, path: Path) -> Check:
    if kind in LISTED:
        return KINDS[kind].read(reader, value, path)
    if isinstance(value, OwnValue):
        from convrun.checks.own import read_own  # few projects have kinds of their own

        return read_own(kind, reader, value, path)
    reader.wrong(path, f"unknown check {kind!r}", _meant(str(kind)))
    return Combination(wanted="all", parts=())  # it is not for evaluation


def _meant(kind: str) -> str:
    opposite = kind.removeprefix("not_")
    if opposite != kind and opposite in LISTED:
        return f"write not: {{{opposite}: …}}"
    return did_you_mean(kind, LISTED) or f"known are {', '.join(LISTED)}"


def render(kind: str, value: object, names: Mapping[str, object]) -> object:
    """Return a check's value with its templates rendered; schemas and import paths have none.

    Raises:
        TemplateError: where a template fails.
    """

    def rendered(leaf: str, found: object) -> object:
        if isinstance(found, OwnValue):
            return replace(found, value=render_value(found.value, names))
        return _literal(found) if leaf in KINDS and KINDS[leaf].literal else render_value(found, names)

    return changed(kind, value, rendered)


def templates(kind: str, value: object) -> Iterator[Text]:
    """Yield the texts of a check's value that are templates, in order; schemas and import paths have none."""
    for _, leaf, found in leaves(kind, value):
        if leaf not in KINDS or not KINDS[leaf].literal:
            yield from _templates(found)


def expressions(kind: str, value: object) -> Iterator[Text]:
    """Yield the texts of a check's value that are expressions, in order."""
    yield from (found for _, leaf, found in leaves(kind, value) if leaf == "that" and isinstance(found, Text))


def _templates(value: object) -> Iterator[Text]:
    if isinstance(value, Text):
        if value.is_template:
            yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _templates(item)


def tool_names(kind: str, value: object) -> list[tuple[Path, str]]:
    """Return the tools that a check's value names, each with its path; names in templates are not known yet."""
    return [
        ((*above, *path), name)
        for above, leaf, found in leaves(kind, value)
        if leaf in KINDS and KINDS[leaf].family == "calls"
        for path, name in _tools_named(leaf, settled(found))
    ]


def _tools_named(kind: str, value: object) -> Iterator[tuple[Path, str]]:
    from convrun.checks.catalogue.calls import tools_named  # for specs that look at calls

    yield from tools_named(kind, value)


def code_paths(kind: str, value: object) -> list[Path]:
    """Return where import paths stand in a check's value: bind puts Code there."""
    return [path for path, leaf, found in leaves(kind, value) if _names_code(leaf, found)]


def _names_code(leaf: str, found: object) -> bool:
    return leaf in KINDS and KINDS[leaf].code and isinstance(found, Text | str)


def _settled(kind: str, value: object) -> object:
    """The value of a leaf with its Texts settled: those of schemas and import paths are literal."""
    if isinstance(value, OwnValue):
        return replace(value, value=settled(value.value))
    return _literal(value) if kind in KINDS and KINDS[kind].literal else settled(value)


def _literal(value: object) -> object:
    """The value with every Text as its source."""
    if isinstance(value, Text):
        return value.source
    if isinstance(value, Mapping):
        return {key: _literal(item) for key, item in value.items()}
    return [_literal(item) for item in value] if isinstance(value, list | tuple) else value
