"""YAML as a tree of nodes that know their places, or as plain values; read from events, within limits.

Nothing is composed before it is known to be harmless: depth, aliases, size, tags and duplicate keys are judged event by
event. Scalars follow YAML 1.2; keys are the texts as written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml

from convrun.document.events import Step, parsed, span
from convrun.document.limits import ALIAS_LIMIT, DEPTH_LIMIT, SIZE_LIMIT
from convrun.document.mistakes import bad_key, no_anchor, too_deep, too_many_aliases
from convrun.document.scalars import plain_value, quoted
from convrun.document.source_text import Source
from convrun.errors import ConvrunError, DocumentError
from convrun.frozen import frozen
from convrun.source import Where

_COMMENT = re.compile(r"[ \t]+#")


@frozen(eq=False)
class Scalar:
    """A text, number, true/false or null. `text` is what was written (unfolded, without quotes), `value` what it means.

    `style` is empty for an unquoted scalar, else its quote or `|` or `>`.
    """

    value: bool | int | float | str | None
    text: str
    style: str
    start: int
    end: int
    source: Source

    @property
    def plain(self) -> bool:
        """Whether it is written without quotes, on its line."""
        return not self.style

    @property
    def block(self) -> bool:
        """Whether it is a block text, `|` or `>`."""
        return self.style in ("|", ">") and bool(self.style)

    @property
    def comment_behind(self) -> bool:
        """Whether an unquoted scalar is cut off by a comment."""
        return not self.style and _COMMENT.match(self.source.text, self.end) is not None

    @property
    def where(self) -> Where:
        """The place of the scalar, as far as it stands on its first line."""
        return self.source.where(self.start, self.end)


@frozen(eq=False)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    start: int
    end: int
    source: Source

    @property
    def where(self) -> Where:
        """The place of the list: all of `[…]`, or its first dash."""
        flow = self.source.text.startswith("[", self.start)
        return self.source.where(self.start, self.end if flow else None)


@frozen(eq=False)
class Mapping:
    """Keys and values in the order of the file; no key is there twice."""

    entries: tuple[tuple[Scalar, Node], ...]
    start: int
    end: int
    source: Source

    @property
    def where(self) -> Where:
        """The place of the mapping: all of `{…}`, or its first key."""
        if self.source.text.startswith("{", self.start) or not self.entries:
            return self.source.where(self.start, self.end)
        return self.entries[0][0].where

    def get(self, name: str) -> Node | None:
        """Return the value of the key `name`, or None."""
        return next((value for key, value in self.entries if key.text == name), None)

    def keys(self) -> Iterator[str]:
        """The keys as texts."""
        return (key.text for key, _ in self.entries)


Node: TypeAlias = Scalar | Sequence | Mapping


@frozen(eq=False)
class Document:
    """A read file; `root` is None where it is empty."""

    root: Node | None
    source: Source

    @property
    def where(self) -> Where:
        """The place of the document's beginning."""
        return self.root.where if self.root else Where(file=self.source.file, line=1)


def load(text: str, file: str, mistakes: list[ConvrunError] | None = None) -> Document:
    """Return the nodes of a YAML text; `file` is its name in places.

    With `mistakes`, those that do not stop the reading are appended to it: duplicate keys, tags, numbers JSON lacks.

    Raises:
        DocumentError: where it is no YAML, passes a limit, or has such a mistake and no `mistakes` were given.
    """
    source = Source(text, file)
    if len(text) > SIZE_LIMIT:
        raise DocumentError(f"larger than {SIZE_LIMIT:,} characters", where=Where(file=file), fix="split the file")
    tree = _Tree(source, mistakes)
    root: Node | None = parsed(source, tree.node)
    return Document(root=root, source=source)


class _Tree:
    """Builds nodes from events."""

    def __init__(self, source: Source, mistakes: list[ConvrunError] | None) -> None:
        self.source = source
        self.mistakes = mistakes
        self.anchors: dict[str, Node] = {}
        self.open: set[str] = set()
        self.aliased = 0

    def node(self, event: Any, step: Step, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            self._report("a tag is not allowed", event, "leave it out; quote what is meant as text")
        if isinstance(event, yaml.ScalarEvent):
            made: Node = self._scalar(event)
        else:
            made = self._collection(event, step, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = made
        return made

    def _collection(self, event: Any, step: Step, depth: int) -> Node:
        if depth >= DEPTH_LIMIT:
            raise too_deep(self.source, event)
        if event.anchor is not None:
            self.open.add(event.anchor)
        start = event.start_mark.index
        read = self._sequence if isinstance(event, yaml.SequenceStartEvent) else self._mapping
        made = read(start, step, depth + 1)
        self.open.discard(event.anchor)
        return made

    def _sequence(self, start: int, step: Step, depth: int) -> Node:
        items = []
        while not isinstance(event := step(), yaml.SequenceEndEvent):
            items.append(self.node(event, step, depth))
        return Sequence(items=tuple(items), start=start, end=span(event)[1], source=self.source)

    def _mapping(self, start: int, step: Step, depth: int) -> Node:
        entries: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := step(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise bad_key(self.source, start, event)
            key = self._node_of(event, event.value)
            if event.tag is not None:
                self._report("a tag is not allowed", event, "leave it out; keys are texts")
            if event.anchor is not None:
                self.anchors[event.anchor] = key
            value = self.node(step(), step, depth)
            if key.text == "<<" and key.plain:
                self._report("a merge key is not allowed", event, "write the keys out: << is no part of YAML 1.2")
            elif key.text in entries:
                first = entries[key.text][0].where.line
                self._report(f"duplicate key {key.text!r}", event, f"it is there in line {first} already; keep one")
            else:
                entries[key.text] = (key, value)
        return Mapping(entries=tuple(entries.values()), start=start, end=span(event)[1], source=self.source)

    def _scalar(self, event: Any) -> Scalar:
        value: bool | int | float | str | None = event.value
        if event.implicit[0] and not event.style:
            try:
                value = plain_value(event.value)
            except ValueError as error:
                self._report(str(error), event, f"quote it if it is text: {quoted(event.value[:60])}")
        return self._node_of(event, value)

    def _node_of(self, event: Any, value: bool | int | float | str | None) -> Scalar:
        start, end = span(event)
        text, style = event.value, event.style or ""
        return Scalar(value=value, text=text, style=style, start=start, end=end, source=self.source)

    def _alias(self, event: Any) -> Node:
        found = self.anchors.get(event.anchor)
        if found is None or event.anchor in self.open:
            raise no_anchor(self.source, event, inside=event.anchor in self.open)
        self.aliased += _size(found)
        if self.aliased > ALIAS_LIMIT:
            raise too_many_aliases(self.source, event)
        return found

    def _report(self, what: str, event: Any, fix: str) -> None:
        where = self.source.where(*span(event))
        error = DocumentError(what, where=where, fix=fix)
        if self.mistakes is None:
            raise error
        self.mistakes.append(error)


def _size(node: Node) -> int:
    """How many nodes `node` is, itself included; counted up to the limit of aliases."""
    count = 0
    left = [node]
    while left and count <= ALIAS_LIMIT:
        item = left.pop()
        count += 1
        if isinstance(item, Sequence):
            left.extend(item.items)
        elif isinstance(item, Mapping):
            left.extend(value for _, value in item.entries)
    return count
