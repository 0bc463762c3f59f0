"""Secrets: the headers that may be stored, placeholders for the values of keys, replies without ids of an account."""

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
ACCOUNT_KEYS = frozenset({"user_id", "safety_identifier"})  # that providers put beside a reply or an error
SHORTEST = 6  # a shorter value is no key; replacing it would tear ordinary words apart

_ACCOUNT = {"org": "<organization>", "proj": "<project>", "user": "<user>"}
_ACCOUNT_ID = re.compile(rf"(?<![\w-])({'|'.join(_ACCOUNT)})[-_][A-Za-z0-9]{{16,}}\b")
_MASKED_KEY = re.compile(r"[A-Za-z0-9_-]{2,}\*{3,}[A-Za-z0-9_-]*")  # `sk-ab***yz`: both ends of it are the key's
_Value = TypeVar("_Value", bound=Json)


def placeholder(name: str) -> str:
    """Return what stands for the value of a variable."""
    return f"<{name}>"


def without_ids(words: str) -> str:
    """Return a provider's words about a failure without the ids of organization, project and user, and masked keys."""
    named = _ACCOUNT_ID.sub(lambda found: _ACCOUNT[found[1]], words)
    return _MASKED_KEY.sub("<key>", named) if "***" in named else named


def without_account(payload: Json, *, failed: bool) -> Json:
    """Return a provider's payload without what names the account; what the model says is left as it is.

    Ids that stand beside a reply are dropped; in an error, and in all of a reply that `failed`, those in texts are
    replaced.
    """
    if failed:
        return _without_ids(payload)
    if not isinstance(payload, dict):
        return payload
    kept = {key: item for key, item in payload.items() if key not in ACCOUNT_KEYS}
    for key, item in kept.items():
        if key == "error":
            kept[key] = _without_ids(item)
        elif key == "response":  # an event of the Responses API holds all of the reply
            kept[key] = without_account(item, failed=False)
        elif key == "choices" and isinstance(item, list):
            kept[key] = [without_account(choice, failed=False) for choice in item]
    return kept


def _without_ids(value: Json) -> Json:
    if isinstance(value, str):
        return without_ids(value)
    if isinstance(value, list):
        return [_without_ids(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_ids(item) for key, item in value.items() if key not in ACCOUNT_KEYS}
    return value


class Redactor:
    """Replaces the values of variables by their names: `sk-abc…` by `<OPENAI_API_KEY>`.

    `secrets` maps the variables' names to their values. Without any, everything is handed back untouched.
    """

    __slots__ = ("_names", "_pattern")

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._names: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self.learn(secrets or {})

    def learn(self, secrets: Mapping[str, str]) -> None:
        """Replace these as well from now on; whoever shares this redactor does, too."""
        names = dict(self._names)
        for name in sorted(secrets):
            value = secrets[name].strip()
            if len(value) >= SHORTEST:
                # inside JSON text a key may stand escaped
                for spelling in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
                    names.setdefault(spelling, placeholder(name))
        if len(names) > len(self._names):
            self._names = names  # before the pattern, which finds nothing that has no name
            self._pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))

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
