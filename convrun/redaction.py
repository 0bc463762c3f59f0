"""Secrets: which headers may be stored at all, and key values replaced by stable placeholders."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from convrun.values import Json

SENT_HEADERS = frozenset(
    {"accept", "anthropic-beta", "anthropic-version", "content-type", "http-referer", "openai-beta", "x-title"}
)
ANSWERED_HEADERS = frozenset({"content-type", "retry-after"})
SHORTEST = 6  # a shorter value is no key; replacing it would tear ordinary words apart

_Value = TypeVar("_Value", bound=Json)


def placeholder(name: str) -> str:
    """Return what stands for the value of a variable."""
    return f"<{name}>"


class Redactor:
    """Replaces the values of variables by their names: `sk-abc…` by `<OPENAI_API_KEY>`.

    `secrets` maps the variables' names to their values. Without any, everything is handed back untouched.
    """

    __slots__ = ("_names", "_pattern")

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._names: dict[str, str] = {}
        for name in sorted(secrets or {}):
            value = (secrets or {})[name].strip()
            if len(value) >= SHORTEST:
                # inside JSON text a key may stand escaped
                for spelling in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
                    self._names.setdefault(spelling, placeholder(name))
        longest_first = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return self._pattern is not None

    def text(self, text: str) -> str:
        """Return `text` with every key value replaced."""
        return text if self._pattern is None else self._pattern.sub(lambda found: self._names[found[0]], text)

    def data(self, data: bytes) -> bytes:
        """Return bytes with every key value replaced."""
        if self._pattern is None:
            return data
        return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def value(self, value: _Value) -> _Value:
        """Return a JSON value with every key value replaced in texts and keys; the same object where there is none."""
        return self._clean(value) if self._found(value) else value  # type: ignore[return-value]  # same shape as given

    def _found(self, value: Json) -> bool:
        """Whether a key value stands anywhere in `value`."""
        if self._pattern is None:
            return False
        waiting = [value]  # no recursion here, as nothing says how deep a value is
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                if self._pattern.search(item):
                    return True
            elif isinstance(item, dict):
                waiting += item
                waiting += item.values()
            elif isinstance(item, list):
                waiting += item
        return False

    def _clean(self, value: Json) -> Json:
        whole: list[Json] = [value]
        waiting: list[Any] = [whole]
        while waiting:
            copy = waiting.pop()
            for key, item in list(copy.items() if isinstance(copy, dict) else enumerate(copy)):
                if isinstance(item, str):
                    copy[key] = self.text(item)
                elif isinstance(item, dict | list):
                    copy[key] = self._copy(item)
                    waiting.append(copy[key])
        return whole[0]

    def _copy(self, value: dict[str, Json] | list[Json]) -> Json:
        return {self.text(key): item for key, item in value.items()} if isinstance(value, dict) else [*value]

    def sent_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return request headers as they may be stored: lower-case names, `<name>` for a value that may not."""
        return {
            name: self.text(value) if name in SENT_HEADERS else f"<{name}>"
            for name, value in sorted((name.lower(), value) for name, value in headers.items())
        }

    def answered_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the response headers that may be stored, with lower-case names."""
        lowered = sorted((name.lower(), value) for name, value in headers.items())
        return {name: self.text(value) for name, value in lowered if name in ANSWERED_HEADERS}
