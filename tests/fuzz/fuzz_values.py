"""Changes of JSON values that keep most of their structure: what a careless program, or a careful attacker, sends."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

NASTY: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**63,
    2**64 + 1,
    10**40,
    1e308,
    -0.0,
    "",
    " ",
    "\x00",
    "\ud800",
    "\udc00\ud83d",
    "\u2028",
    "\ufeff",
    "\U0001f600\u0301",
    "a\nb\r\nc\rd",
    "{{ x }}",
    "{{ turns[0].reply }}",
    "{% for x in range(9) %}",
    "{# ",
    "{{ ''.__class__ }}",
    "{{ 'x' * 9999999999 }}",
    "(a+)+$",
    "[",
    "../../x",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/mem",
    "a\x00b",
    "x" * 5000,
    "n/" * 300,
    "~",
    "null",
    "NaN",
    "[DONE]",
    "$.a[0]",
    "$json",
    "demo.library:where",
    "stop",
    "1e999",
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
    {"$json": "{"},
    {"$json": '{"a": [1, "\\ud800"]}'},
    {"role": "tool", "content": None},
    {"type": "text"},
    {"file": "."},
    {"file": "a.yaml"},
    {"text": "x", "raw": True},
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value with each of its keys or indexes."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict | list):
            for key, inner in list(item.items() if isinstance(item, dict) else enumerate(item)):
                yield item, key
                waiting.append(inner)


def changed(value: Any, random: Random, vocabulary: list[str], others: list[Any]) -> Any:
    """A copy of `value` with one to four changes; `vocabulary` are keys that mean something, `others` more values."""
    copy = deepcopy(value)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        found = list(places(copy))
        if not found:
            return deepcopy(random.choice(NASTY))
        container, key = random.choice(found)
        _change(container, key, random, vocabulary, others)
    return copy


def _change(container: Any, key: Any, random: Random, vocabulary: list[str], others: list[Any]) -> None:
    old = container[key]
    match random.randrange(10):
        case 0 | 1:
            container[key] = deepcopy(random.choice(NASTY))
        case 2:
            container[key] = other_type(old, random)
        case 3:
            container[key] = nested(old, random)
        case 4:
            source = random.choice(others)
            inner, place = random.choice([*places([source])])
            container[key] = deepcopy(inner[place])
        case 5:
            del container[key]
        case 6 if isinstance(container, dict):
            container[random.choice(vocabulary)] = container.pop(key)
        case 6 | 7 if isinstance(container, list):
            container[key:key] = [deepcopy(old) for _ in range(random.choice((1, 1, 2, 20)))]
        case 7:
            container[random.choice(vocabulary)] = deepcopy(random.choice((old, random.choice(NASTY))))
        case 8:
            other = random.choice([*(container if isinstance(container, dict) else range(len(container)))])
            container[key], container[other] = container[other], container[key]
        case _:
            container[key] = edited(old, random) if isinstance(old, str) else other_type(old, random)


def other_type(value: Any, random: Random) -> Any:
    """The same said in another type."""
    return random.choice(([value], {"a": value}, str(value)[:2000], None, not value, [value, value], 7))


def nested(value: Any, random: Random) -> Any:
    """The value at the bottom of lists and mappings."""
    for level in range(random.choice((1, 2, 5, 30, 45, 99, 150, 205))):
        value = [value] if level % 2 else {"a": value}
    return value


def edited(text: str, random: Random) -> str:
    """A text with a piece cut, doubled or put into it."""
    start = random.randint(0, len(text))
    end = min(len(text), start + random.choice((0, 1, 1, 4, 50)))
    piece = random.choice(("", text[start:end] * 2, *(item for item in NASTY if isinstance(item, str))))
    return text[:start] + piece + text[end:]
