"""YAML as plain values, as fast as events come."""

from __future__ import annotations

import binascii
from typing import Any

import yaml

from convrun.document.events import Step, parsed, span
from convrun.document.limits import ALIAS_LIMIT, DEPTH_LIMIT, RECORDED_LIMIT
from convrun.document.mistakes import bad_key, no_anchor, too_deep, too_many_aliases
from convrun.document.scalars import plain_value
from convrun.document.source_text import Source
from convrun.errors import DocumentError
from convrun.source import Where
from convrun.values import Json

_BINARY = "tag:yaml.org,2002:binary"
_STRING = "tag:yaml.org,2002:str"


def read_values(text: str, file: str) -> Json:
    """Return a YAML text as plain values; `!!binary` gives bytes, an empty text None. Fast, for files that tools wrote.

    Raises:
        DocumentError: where it is no YAML, passes a limit of size, depth or aliases, has duplicate keys or other tags.
    """
    source = Source(text, file)
    if len(text) > RECORDED_LIMIT:
        raise DocumentError(f"larger than {RECORDED_LIMIT:,} characters", where=Where(file=file))
    values: Json = parsed(source, _Values(source).value)
    return values


class _Values:
    """Builds plain values from events."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.anchors: dict[str, Any] = {}
        self.aliased = 0

    def value(self, event: Any, step: Step, depth: int) -> Any:
        kind = event.__class__
        if kind is yaml.ScalarEvent:
            text = event.value
            if event.tag is not None:
                made = self._tagged(event)
            elif event.style or not event.implicit[0]:
                made = text
            else:
                made = self._plain(event, text)
        elif kind is yaml.AliasEvent:
            return self._alias(event)
        else:
            made = self._collection(event, step, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = made
        return made

    def _collection(self, event: Any, step: Step, depth: int) -> Any:
        if event.tag is not None:
            raise self._bad_tag(event)
        if depth >= DEPTH_LIMIT:
            raise too_deep(self.source, event)
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)  # an alias to it inside of it finds nothing
        if event.__class__ is yaml.MappingStartEvent:
            return self._mapping(event, step, depth + 1)
        items = []
        while (inner := step()).__class__ is not yaml.SequenceEndEvent:
            items.append(self.value(inner, step, depth + 1))
        return items

    def _mapping(self, event: Any, step: Step, depth: int) -> Any:
        made: dict[str, Any] = {}
        while (inner := step()).__class__ is not yaml.MappingEndEvent:
            if inner.__class__ is not yaml.ScalarEvent:
                raise bad_key(self.source, span(event)[0], inner)
            key = inner.value
            if inner.tag is not None:
                raise self._bad_tag(inner)
            if key in made:
                where = self.source.where(*span(inner))
                raise DocumentError(f"duplicate key {key!r}", where=where, fix="keep one of them")
            made[key] = self.value(step(), step, depth)
        return made

    def _plain(self, event: Any, text: str) -> Any:
        try:
            return plain_value(text)
        except ValueError as error:
            where = self.source.where(*span(event))
            raise DocumentError(str(error), where=where, fix="quote it if it is text") from None

    def _tagged(self, event: Any) -> Any:
        if event.tag == _STRING:
            return event.value
        if event.tag != _BINARY:
            raise self._bad_tag(event)
        try:
            return binascii.a2b_base64(event.value)
        except (binascii.Error, ValueError):
            where = self.source.where(*span(event))
            raise DocumentError("this is not base64", where=where) from None

    def _bad_tag(self, event: Any) -> DocumentError:
        where = self.source.where(*span(event))
        return DocumentError(f"the tag {event.tag!r} is not allowed", where=where, fix="only !!binary is read")

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            raise no_anchor(self.source, event)
        found = self.anchors[event.anchor]
        self.aliased += _size(found)
        if self.aliased > ALIAS_LIMIT:
            raise too_many_aliases(self.source, event)
        return found


def _size(value: object) -> int:
    """How many values `value` is, itself included; counted up to the limit of aliases."""
    count = 0
    left = [value]
    while left and count <= ALIAS_LIMIT:
        item = left.pop()
        count += 1
        if isinstance(item, list):
            left.extend(item)
        elif isinstance(item, dict):
            left.extend(item.values())
    return count
