"""What the fuzzers start from: our own specs and cassettes, and recordings of real traffic where they are at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml
from documentation import ROOT, blocks

from convrun.cassette.files import load
from convrun.cassette.interaction import Recording
from convrun.cassette.stored.format import read
from convrun.cassette.stored.stock import stock_interaction
from convrun.cassette.stored.writing import write

RECORDINGS = ROOT.parent / "shared" / "recordings"
_KEY = re.compile(r"^[\s-]*(\w+):|[{,] ?(\w+):", re.MULTILINE)


@cache
def specs() -> tuple[str, ...]:
    """The texts of specs that are right: the examples, and the blocks of the docs."""
    texts = [path.read_text("utf-8") for path in sorted((ROOT / "specs").glob("*.yaml"))]
    pages = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
    found = [block.text for page in pages for block in blocks(page.read_text("utf-8")) if block.language == "yaml"]
    return (*texts, *found)


@cache
def wrong_specs() -> tuple[str, ...]:
    """The texts of specs with a mistake in them: those of the golden tests."""
    paths = sorted((ROOT / "tests" / "golden").glob("*/specs/**/*.y*ml"))
    return tuple(path.read_bytes().decode("utf-8", "replace") for path in paths)


@cache
def our_cassettes() -> tuple[str, ...]:
    """The texts of cassettes in our own format: the examples, and the recordings written in it."""
    examples = [path.read_text("utf-8") for path in sorted((ROOT / "cassettes").rglob("*.yaml"))]
    recorded = [write(Recording(interactions=read(text, "x").interactions[:4])) for text in _shared()]
    return tuple(text for text in [*examples, *recorded] if len(text) < 30_000)


@cache
def recordings() -> tuple[dict[str, Any], ...]:
    """Stock cassettes as values, of few interactions: real ones, and our examples in vcrpy's shape."""
    ours = [load(path, path.name).interactions for path in sorted((ROOT / "cassettes").rglob("*.yaml"))]
    stock = [[stock_interaction(item, number) for number, item in enumerate(items, 1)] for items in ours]
    real = [yaml.load(text, Loader=yaml.CSafeLoader)["interactions"] for text in _shared()]
    return tuple({"version": 1, "interactions": items} for items in _parts([*stock, *real]))


def _parts(found: list[list[Any]]) -> Iterator[list[Any]]:
    for items in found:
        for start in range(0, len(items), 2):
            part = items[start : start + 2]
            if len(repr(part)) < 40_000:
                yield part


@cache
def _shared() -> tuple[str, ...]:
    paths = [path for path in sorted(RECORDINGS.glob("*/*")) if path.suffix in {".yaml", ".yml", ".json"}]
    return tuple(path.read_text("utf-8") for path in paths)


@cache
def vocabulary() -> tuple[str, ...]:
    """Every key that the specs, cassettes and recordings have."""
    texts = [*specs(), *wrong_specs(), *our_cassettes()]
    keys = {name for text in texts for pair in _KEY.findall(text) for name in pair if name}
    return tuple(sorted(keys | _json_keys(recordings())))


def _json_keys(values: Any) -> set[str]:
    keys: set[str] = set()
    waiting = [values]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            keys |= {key for key in item if key.isidentifier()}
            waiting += item.values()
        elif isinstance(item, list | tuple):
            waiting += item
        elif isinstance(item, str) and item[:1] == "{":
            waiting.append(parsed(item))
    return keys


def parsed(text: str) -> Any:
    """The JSON value of a text; None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None
