"""From nodes to values by tables: each key has its decoder, and every mistake is kept until all were looked for.

A decoder takes a node and the spec file it belongs to, returns the value, and raises a SpecError for a mistake (or a
SpecErrors for several).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, TypeAlias, TypeVar, cast

from convrun import document, values
from convrun.document import Node, Scalar, quoted
from convrun.errors import ConvrunError, SpecError, SpecErrors, did_you_mean
from convrun.spec.model import ImportPath

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecFile:
    """Where a spec lies: `root` is the project's, with symlinks resolved."""

    path: Path
    root: Path


Decoder: TypeAlias = Callable[[Node, SpecFile], Value]
Table: TypeAlias = Mapping[str, Decoder[Any]]
NOTHING: Mapping[str, str] = MappingProxyType({})
Judge: TypeAlias = Callable[[Sequence[Value]], Iterable[ConvrunError]]


class Mistakes:
    """Collects what is raised within `with mistakes:`, so that the next thing is looked at as well."""

    def __init__(self) -> None:
        self.found: list[ConvrunError] = []

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, SpecErrors):
            self.found += error.errors
        elif isinstance(error, ConvrunError):
            self.found.append(error)
        return isinstance(error, ConvrunError) or error is None

    def stop(self, rest: object = None) -> None:
        """Raise what was found, if anything was; `rest` is what is right all the same."""
        if self.found:
            raise SpecErrors(self.found, rest=rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What was read of a mapping: the values by key, the mistakes, and the keys whose values are not whole."""

    values: dict[str, Any]
    mistakes: Mistakes
    broken: frozenset[str]


def record(node: Node, file: SpecFile, table: Table, *, of: str, required: Collection[str] = ()) -> dict[str, Any]:
    """Return the values of a mapping by its table; `of` says what it is, as `a turn`."""
    read = parts(node, file, table, of=of, required=required)
    read.mistakes.stop()
    return read.values


def parts(
    node: Node,
    file: SpecFile,
    table: Table,
    *,
    of: str,
    required: Collection[str] = (),
    abroad: Mapping[str, str] = NOTHING,
) -> Parts:
    """Return what can be read of a mapping by its table, and every mistake in it.

    `abroad` are names that others have for the same, with our own.
    """
    entries = mapping(node, of).entries
    mistakes = Mistakes()
    decoded: dict[str, Any] = {}
    broken: set[str] = set()
    for key, value in entries:
        before = len(mistakes.found)
        with mistakes:
            decode = table.get(key.text)
            if decode is None:
                raise unknown(key, table, f"key {key.text!r} in {of}", abroad)
            try:
                decoded[key.text] = decode(value, file)
            except SpecErrors as found:
                if found.rest is not None:
                    decoded[key.text] = found.rest
                raise
        if len(mistakes.found) > before:
            broken.add(key.text)
    mistakes.found += _missing(node, entries, required, of, {error.fix for error in mistakes.found})
    return Parts(values=decoded, mistakes=mistakes, broken=frozenset(broken))


def _missing(
    node: Node,
    entries: Iterable[tuple[Scalar, Node]],
    required: Collection[str],
    of: str,
    fixes: Collection[str | None],
) -> Iterator[SpecError]:
    """The keys that are not there, but for those that are only misspelt."""
    present = {key.text for key, _ in entries}
    for name in required:
        if name not in present and f"did you mean {name!r}?" not in fixes:
            yield SpecError(f"{of} needs the key {name!r}", where=node.where, fix=f"write `{name}:` into it")


def unknown(key: Scalar, known: Collection[str], what: str, abroad: Mapping[str, str] = NOTHING) -> SpecError:
    """Return the error for a word that is none of `known`; `abroad` are words of others with our own."""
    ours = abroad.get(key.text.casefold())
    fix = f"did you mean {ours!r}?" if ours else did_you_mean(key.text, known) or f"known are: {', '.join(known)}"
    return SpecError(f"unknown {what}", where=key.where, fix=fix)


def listed(
    decode: Decoder[Value], *, of: str, least: int = 0, judge: Judge[Value] | None = None
) -> Decoder[tuple[Value, ...]]:
    """Return a decoder of lists, whose items `decode` reads; `of` says what it is a list of, as `turns`.

    `judge` gives the mistakes that the items have together; it sees those that are right by themselves.
    """

    def decode_list(node: Node, file: SpecFile) -> tuple[Value, ...]:
        if not isinstance(node, document.Sequence):
            fix = "put it in a list: a dash before it" if not _empty(node) else None
            raise expected(f"a list of {of}", node, fix)
        if len(node.items) < least:
            raise SpecError(f"an empty list of {of}", where=node.where, fix="write one, or leave the key out")
        mistakes = Mistakes()
        decoded: list[Value] = []
        for item in node.items:
            with mistakes:
                try:
                    decoded.append(decode(item, file))
                except SpecErrors as found:
                    if found.rest is not None:
                        decoded.append(cast(Value, found.rest))
                    raise
        if judge is not None:
            mistakes.found += judge(decoded)
        mistakes.stop(rest=tuple(decoded))
        return tuple(decoded)

    return decode_list


def one_or_more(decode: Decoder[Value], *, of: str) -> Decoder[tuple[Value, ...]]:
    """Return a decoder of one value or a list of them."""
    many = listed(decode, of=of)

    def decode_either(node: Node, file: SpecFile) -> tuple[Value, ...]:
        return many(node, file) if isinstance(node, document.Sequence) else (decode(node, file),)

    return decode_either


def mapping(node: Node, of: str) -> document.Mapping:
    """Return the node as a mapping, or raise."""
    if not isinstance(node, document.Mapping):
        raise expected(f"a mapping for {of}", node, "write keys and values, as `key: value`")
    return node


def text(node: Node, file: SpecFile | None = None) -> str:  # noqa: ARG001 (a decoder)
    """Return a text; numbers, true/false and null are mistakes whose fix is the quoted text."""
    if not isinstance(node, Scalar):
        raise expected("text", node)
    if not isinstance(node.value, str):
        if _empty(node):
            raise SpecError("expected text, got nothing", where=node.where, fix="write it, or '' for an empty text")
        raise SpecError(f"expected text, got {described(node)}", where=node.where, fix=f"quote it: {quoted(node.text)}")
    return node.value


def word(node: Node, file: SpecFile | None = None) -> str:
    """Return a text that is not empty."""
    found = text(node, file)
    if not found.strip():
        raise SpecError("expected a text that is not empty", where=node.where)
    return found


def free_text(node: Node, file: SpecFile | None = None) -> str:
    """Return a text for people; a comment behind it would have cut it off."""
    found = text(node, file)
    refuse_comment(node)
    return found


def reason(node: Node, file: SpecFile | None = None) -> str:
    """Return a free text that is not empty: why something is so."""
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        fix = "write the reason itself, as a text" if node.value else "leave the key out, or write a reason"
        raise expected("a reason", node, fix)
    refuse_comment(node)
    return word(node, file)


def refuse_comment(node: Node) -> None:
    """Raise where a comment stands behind an unquoted text: `Price is #1` would lose its end."""
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.comment_behind:
        where = node.where
        column = (where.column or 1) - 1
        whole = (where.text or "")[column:].rstrip()
        raise SpecError(
            "a comment behind a text without quotes: is it the text's end?",
            where=where,
            fix=f"quote the text: {quoted(node.text)}  or, with its end: {quoted(whole)}",
        )


def identifier(node: Node, file: SpecFile | None = None) -> str:
    """Return an id: a text, or a number that prints as it is written."""
    if isinstance(node, Scalar) and is_number(node):
        refuse_reprinted(node)
        return node.text
    return word(node, file)


def is_number(node: Scalar) -> bool:
    """Whether a scalar is a number."""
    return isinstance(node.value, int | float) and not isinstance(node.value, bool)


def refuse_reprinted(node: Scalar) -> None:
    """Raise for a number that would print otherwise than it is written: 012, 1.10, 1e3."""
    printed = json.dumps(node.value)
    if is_number(node) and printed != node.text:
        raise SpecError(
            f"the number {node.text} would be printed as {printed}",
            where=node.where,
            fix=f"quote it if it is text: {quoted(node.text)}; else write {printed}",
        )


_FLAGS = dict.fromkeys(("yes", "on", "y", "1", "true"), "true") | dict.fromkeys(
    ("no", "off", "n", "0", "false"), "false"
)


def flag(node: Node, file: SpecFile) -> bool:  # noqa: ARG001 (a decoder)
    """Return true or false."""
    if not isinstance(node, Scalar) or not isinstance(node.value, bool):
        meant = _FLAGS.get(node.text.lower()) if isinstance(node, Scalar) else None
        raise expected("true or false", node, f"write {meant}" if meant else None)
    return node.value


def whole_number(least: int) -> Decoder[int]:
    """Return a decoder of whole numbers from `least` on."""

    def decode(node: Node, file: SpecFile) -> int:  # noqa: ARG001 (a decoder)
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise expected(f"a whole number from {least} on", node)
        return value

    return decode


def duration(node: Node, file: SpecFile) -> float:
    """Return the seconds of `60s`, `1.5m`, `200ms`."""
    if isinstance(node, Scalar) and is_number(node):
        raise SpecError(f"{node.text} has no unit", where=node.where, fix=f"write {node.text}s for seconds")
    found = text(node, file)
    try:
        return values.seconds(found)
    except ConvrunError as error:
        raise SpecError(error.what, where=node.where, fix=error.fix) from None


def choice(*known: str, of: str) -> Decoder[str]:
    """Return a decoder of one of the words `known`; `of` says what they are, as `policy`."""

    def decode(node: Node, file: SpecFile) -> str:
        found = text(node, file)
        if found not in known and isinstance(node, Scalar):
            raise unknown(node, known, f"{of} {found!r}")
        return found

    return decode


def import_path(node: Node, file: SpecFile) -> ImportPath:
    """Return `package.module:attribute`, judged by its form only."""
    found = text(node, file)
    module, colon, attribute = found.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        fix = "write package.module:attribute"
        if not colon and all(part.isidentifier() for part in found.split(".")) and "." in found:
            fix = f"write {':'.join(found.rsplit('.', 1))}"
        elif re.search(r"[/\\]|\.py\b", found):
            fix = "write the module with dots and without .py, as package.module:attribute"
        raise SpecError(f"{found!r} is no import path", where=node.where, fix=fix)
    return ImportPath(text=found, where=node.where)


def expected(wanted: str, node: Node, fix: str | None = None) -> SpecError:
    """Return the error for a node that is something else than what is wanted."""
    return SpecError(f"expected {wanted}, got {described(node)}", where=node.where, fix=fix)


def described(node: Node) -> str:
    """Return what a node is, for a message."""
    if isinstance(node, document.Sequence):
        return "a list"
    if isinstance(node, document.Mapping):
        return "a mapping"
    if _empty(node):
        return "nothing"
    if isinstance(node.value, str):
        return f"the text {values.show(node.value, 60)}"
    if node.value is None or isinstance(node.value, bool):
        return node.text
    return f"the number {values.show(node.value, 60)}"


def _empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None and not node.text
