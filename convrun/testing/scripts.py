"""A model for tests that says its lines in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convrun.conversation.model import Model
from convrun.models import get_model


def script(lines: Sequence[Any]) -> Model:
    """Return a model that says these lines in order, offline.

    A line is `{"reply": …}`, `{"call": …, "with": …}` or a list of calls made at once. Each conversation begins with
    the first one; a call past the last is a ProviderError.

    Raises:
        ConversationError: for a line that is none.
    """
    return get_model(script=lines)
