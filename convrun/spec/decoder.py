"""What reads a part of a spec: a decoder turns a node into a value, and says in JSON Schema what it takes.

A decoder raises a SpecError for a mistake, or a SpecErrors for several. A Record reads a mapping key by key; its keys
carry the words that the JSON Schema and the reference have for them, so that neither can drift from what is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Generic, TypeAlias, TypeVar

from convrun import document
from convrun.document import Node, Scalar
from convrun.errors import ConvrunError, SpecError, SpecErrors, did_you_mean
from convrun.frozen import frozen
from convrun.values import show

Value = TypeVar("Value")
_NOTHING: Mapping[str, str] = MappingProxyType({})


@frozen
class SpecFile:
    """Where a spec lies: `root` is the project's, with symlinks resolved.

    `named` takes every file of the project that the spec was found to name while it was read, there or not.
    """

    path: Path
    root: Path
    named: set[Path] = field(default_factory=set, compare=False)

    def folder_of(self, node: Node) -> Path:
        """Return the folder that paths in this node begin at: that of the file it stands in, the spec's or a base's."""
        return (self.root / node.source.file).parent


Read: TypeAlias = Callable[[Node, SpecFile], Value]
# A JSON Schema, in which decoders, records and keys may stand for their own.
Shape: TypeAlias = Mapping[str, object]


@frozen(kw_only=False)
class Decoder(Generic[Value]):
    """Reads nodes of one kind. With a `name` its shape is defined once in the JSON Schema, and referred to by it."""

    read: Read[Value]
    shape: Shape | Record
    name: str | None = None

    def __call__(self, node: Node, file: SpecFile) -> Value:
        """Return the value of a node.

        Raises:
            SpecError: for a mistake; SpecErrors for several.
        """
        return self.read(node, file)


def takes(
    shape: Shape | Record | None = None, *, name: str | None = None, **keywords: object
) -> Callable[[Read[Value]], Decoder[Value]]:
    """Return what makes a decoder of a function: `shape`, or the keywords of a JSON Schema, says what it reads."""

    def made(read: Read[Value]) -> Decoder[Value]:
        return Decoder(read, keywords if shape is None else shape, name)

    return made


@frozen(kw_only=False)
class Key:
    """A key of a mapping: what reads its value, and what it is for, in a sentence for people.

    One that is `required` but `inherited` may stand in a base: an editor, which sees one file, does not miss it.
    """

    decode: Decoder[Any]
    about: str
    required: bool = False
    inherited: bool = False


class Mistakes:
    """Collects what is raised within `with mistakes:`, so that the next thing is looked at as well."""

    def __init__(self) -> None:
        self.found: list[ConvrunError] = []

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            return True
        if isinstance(error, SpecErrors):
            self.found += error.errors
        elif isinstance(error, ConvrunError):
            self.found.append(error)
        return isinstance(error, ConvrunError)

    def stop(self, rest: object = None) -> None:
        """Raise what was found, if anything was; `rest` is what is right all the same."""
        if self.found:
            raise SpecErrors(self.found, rest=rest)


@frozen
class Parts:
    """What was read of a mapping: the values by key, the mistakes, and the keys whose values are not whole."""

    values: dict[str, Any]
    mistakes: Mistakes
    broken: frozenset[str]


@frozen
class Record:
    """A mapping with known keys. `of` says what it is, as `a turn`; `name` is its own in the JSON Schema.

    `form` tells it from another that is `of` the same; `abroad` are names that others have for the same, with our own.
    `elsewhere` are keys of something else, with where they are to be written.
    """

    of: str
    keys: Mapping[str, Key]
    name: str | None = None
    form: str | None = None
    abroad: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    elsewhere: Mapping[str, str] = field(default_factory=lambda: _NOTHING)

    def values(self, node: Node, file: SpecFile) -> dict[str, Any]:
        """Return the values by key.

        Raises:
            SpecErrors: with every mistake in the mapping.
        """
        read = self.parts(node, file)
        read.mistakes.stop()
        return read.values

    def parts(self, node: Node, file: SpecFile, *, complete: bool = True) -> Parts:
        """Return what can be read, and every mistake; unless it is `complete`, a needed key may stand elsewhere."""
        entries = mapping(node, self.of).entries
        mistakes = Mistakes()
        decoded: dict[str, Any] = {}
        broken: set[str] = set()
        for name, value in entries:
            before = len(mistakes.found)
            with mistakes:
                key = self.keys.get(name.text)
                if key is None:
                    error = unknown(name, self.keys, f"key {name.text!r} in {self.of}", self.abroad)
                    error.fix = self.elsewhere.get(name.text, error.fix)
                    raise error
                try:
                    decoded[name.text] = key.decode(value, file)
                except SpecErrors as found:
                    if found.rest is not None:
                        decoded[name.text] = found.rest
                    raise
            if len(mistakes.found) > before:
                broken.add(name.text)
        if complete:
            mistakes.found += self._missing(node, entries, {error.fix for error in mistakes.found})
        return Parts(values=decoded, mistakes=mistakes, broken=frozenset(broken))

    def _missing(
        self, node: Node, entries: Iterable[tuple[Scalar, Node]], fixes: Collection[str | None]
    ) -> Iterator[SpecError]:
        """The keys that are not there, but for those that are only misspelt."""
        present = {name.text for name, _ in entries}
        for name, key in self.keys.items():
            if key.required and name not in present and f"did you mean {name!r}?" not in fixes:
                yield SpecError(f"{self.of} needs the key {name!r}", where=node.where, fix=f"write `{name}:` into it")


def unknown(key: Scalar, known: Collection[str], what: str, abroad: Mapping[str, str] = _NOTHING) -> SpecError:
    """Return the error for a word that is none of `known`; `abroad` are words of others with our own."""
    ours = abroad.get(key.text.casefold())
    fix = f"did you mean {ours!r}?" if ours else did_you_mean(key.text, known) or f"known are: {', '.join(known)}"
    return SpecError(f"unknown {what}", where=key.where, fix=fix)


def mapping(node: Node, of: str) -> document.Mapping:
    """Return the node as a mapping, or raise."""
    if not isinstance(node, document.Mapping):
        raise expected(f"a mapping for {of}", node, "write keys and values, as `key: value`")
    return node


def expected(wanted: str, node: Node, fix: str | None = None) -> SpecError:
    """Return the error for a node that is something else than what is wanted."""
    return SpecError(f"expected {wanted}, got {described(node)}", where=node.where, fix=fix)


def described(node: Node) -> str:
    """Return what a node is, for a message."""
    if isinstance(node, document.Sequence):
        return "a list"
    if isinstance(node, document.Mapping):
        return "a mapping"
    if is_nothing(node):
        return "nothing"
    if isinstance(node.value, str):
        return f"the text {show(node.value, 60)}"
    if node.value is None or isinstance(node.value, bool):
        return node.text
    return f"the number {show(node.value, 60)}"


def is_nothing(node: Node) -> bool:
    """Whether a key has no value: `user:` with nothing behind it."""
    return isinstance(node, Scalar) and node.value is None and not node.text
