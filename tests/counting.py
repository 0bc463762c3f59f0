"""How much work something is: function calls are counted, which are the same on every machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def calls_made(work: Callable[[], Any], *, of: str | None = None) -> tuple[Any, int]:
    """Return what `work` returns, and how many calls of functions, those of C included, this thread made for it.

    `of`: only those of functions with this name are counted.
    """
    count = 0

    def counting(frame: FrameType, event: str, called: object) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            name = frame.f_code.co_name if event == "call" else getattr(called, "__name__", "")
            count += of is None or name == of

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        found = work()
    finally:
        sys.setprofile(before)
    return found, count
