"""How much work something is: function calls are counted, which are the same on every machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def calls_made(work: Callable[[], Any]) -> tuple[Any, int]:
    """Return what `work` returns, and how many calls of functions, those of C included, this thread made for it."""
    count = 0

    def counting(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        found = work()
    finally:
        sys.setprofile(before)
    return found, count
