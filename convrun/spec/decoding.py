"""Decoders of single values and of lists of them: texts, names, numbers, durations, words out of a few."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, TypeVar, cast

from convrun import document, values
from convrun.document import Node, Scalar, quoted
from convrun.errors import ConvrunError, SpecError, SpecErrors
from convrun.spec.decoder import Decoder, Mistakes, SpecFile, described, expected, is_nothing, takes, unknown
from convrun.spec.model import ImportPath

Value = TypeVar("Value")
_LEAST, _MOST = 0.001, 86_400.0  # seconds of a duration
Judge: TypeAlias = Callable[[Sequence[Value]], Iterable[ConvrunError]]


def listed(
    decode: Decoder[Value], *, of: str, least: int = 0, judge: Judge[Value] | None = None
) -> Decoder[tuple[Value, ...]]:
    """Return a decoder of lists, whose items `decode` reads; `of` says what it is a list of, as `turns`.

    `judge` gives the mistakes that the items have together; it sees those that are right by themselves.
    """

    def decode_list(node: Node, file: SpecFile) -> tuple[Value, ...]:
        if not isinstance(node, document.Sequence):
            fix = "put it in a list: a dash before it" if not is_nothing(node) else None
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

    shape = {"type": "array", "items": decode} | ({"minItems": least} if least else {})
    return Decoder(decode_list, shape)


def one_or_more(decode: Decoder[Value], *, of: str) -> Decoder[tuple[Value, ...]]:
    """Return a decoder of one value or a list of them."""
    many = listed(decode, of=of)

    def decode_either(node: Node, file: SpecFile) -> tuple[Value, ...]:
        return many(node, file) if isinstance(node, document.Sequence) else (decode(node, file),)

    return Decoder(decode_either, {"anyOf": [decode, many]})


@takes(type="string")
def text(node: Node, _: SpecFile) -> str:
    """Return a text; numbers, true/false and null are mistakes whose fix is the quoted text."""
    if not isinstance(node, Scalar):
        raise expected("text", node)
    if not isinstance(node.value, str):
        if is_nothing(node):
            raise SpecError("expected text, got nothing", where=node.where, fix="write it, or '' for an empty text")
        raise SpecError(f"expected text, got {described(node)}", where=node.where, fix=f"quote it: {quoted(node.text)}")
    return node.value


@takes(type="string", pattern=r"\S")
def word(node: Node, file: SpecFile) -> str:
    """Return a text that is not empty."""
    found = text(node, file)
    if not found.strip():
        raise SpecError("expected a text that is not empty", where=node.where, fix="write it, or leave it out")
    return found


@takes(type="string")
def free_text(node: Node, file: SpecFile) -> str:
    """Return a text for people; a comment behind it would have cut it off."""
    found = text(node, file)
    refuse_comment(node)
    return found


@takes(type="string", pattern=r"\S")
def reason(node: Node, file: SpecFile) -> str:
    """Return a free text that is not empty: why something is so."""
    if isinstance(node, Scalar) and (node.value is None or isinstance(node.value, bool)):
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


@takes(type=["string", "number"])
def identifier(node: Node, file: SpecFile) -> str:
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


@takes(type="boolean")
def flag(node: Node, _: SpecFile) -> bool:
    """Return true or false."""
    if not isinstance(node, Scalar) or not isinstance(node.value, bool):
        meant = _FLAGS.get(node.text.lower()) if isinstance(node, Scalar) else None
        raise expected("true or false", node, f"write {meant}" if meant else None)
    return node.value


def whole_number(least: int, fix: str | None = None) -> Decoder[int]:
    """Return a decoder of whole numbers from `least` on; `fix` is said of what is none."""

    @takes(type="integer", minimum=least)
    def decode(node: Node, _: SpecFile) -> int:
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise expected(f"a whole number from {least} on", node, fix or f"write a number, {least} or more")
        return value

    return decode


@takes(type="string", pattern=r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m)\s*$", name="duration")
def duration(node: Node, file: SpecFile) -> float:
    """Return the seconds of `60s`, `1.5m`, `200ms`."""
    if isinstance(node, Scalar) and is_number(node):
        raise SpecError(f"{node.text} has no unit", where=node.where, fix=f"write {node.text}s for seconds")
    found = text(node, file)
    try:
        seconds = values.seconds(found)
    except ConvrunError as error:
        raise SpecError(error.what, where=node.where, fix=error.fix) from None
    if not _LEAST <= seconds <= _MOST:
        what, fix = f"{values.show(found)} is no time that can be kept", "write a duration from 1ms to 1 day, 1440m"
        raise SpecError(what, where=node.where, fix=fix)
    return seconds


def choice(*known: str, of: str) -> Decoder[str]:
    """Return a decoder of one of the words `known`; `of` says what they are, as `policy`."""

    @takes(enum=list(known))
    def decode(node: Node, file: SpecFile) -> str:
        found = text(node, file)
        if found not in known and isinstance(node, Scalar):
            raise unknown(node, known, f"{of} {found!r}")
        return found

    return decode


@takes(type="string", pattern="^[^:]+:[^:]+$", name="import_path")
def import_path(node: Node, file: SpecFile) -> ImportPath:
    """Return `package.module:attribute`, judged by its form only."""
    found = text(node, file)
    module, colon, attribute = found.partition(":")
    if colon and module.endswith(".py"):
        fix = f"write {module.removesuffix('.py').replace('/', '.')}:{attribute}"
        raise SpecError(f"{found!r} is no import path", where=node.where, fix=fix)
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        fix = "write package.module:attribute"
        if not colon and all(part.isidentifier() for part in found.split(".")) and "." in found:
            fix = f"write {':'.join(found.rsplit('.', 1))}"
        elif re.search(r"[/\\]|\.py\b", found):
            fix = "write the module with dots and without .py, as package.module:attribute"
        raise SpecError(f"{found!r} is no import path", where=node.where, fix=fix)
    return ImportPath(text=found, where=node.where)
