"""Tags of specs as markers of pytest."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

# pytest lets these decide whether a test runs: a word in a spec must not.
_DECIDING = frozenset({"skip", "skipif", "xfail"})
_NAME = re.compile(r"[^\W_][\w.+/\\-]*")  # what `-m` can name, and a marker be called


def give_tags(item: pytest.Item, tags: Iterable[str]) -> None:
    """Let `-k` select an item by its tags, and `-m` by those that can be markers, which are registered."""
    for tag in tags:
        item.extra_keyword_matches.add(tag)
        if tag in _DECIDING or not _NAME.fullmatch(tag) or tag in {"and", "or", "not"}:
            continue
        if tag not in _registered(item.config):
            item.config.addinivalue_line("markers", f"{tag}: a tag of specs.")
        item.add_marker(getattr(pytest.mark, tag))


def _registered(config: pytest.Config) -> set[str]:
    return {line.partition(":")[0].partition("(")[0].strip() for line in config.getini("markers")}
