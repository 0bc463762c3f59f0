"""Why a conversation of a recording is not imported."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from convrun.frozen import frozen


class Reason(StrEnum):
    """The kinds of reasons, in people's words."""

    CHOICES = "several choices"
    AUDIO = "audio"
    CUSTOM = "custom tools"
    FUNCTIONS = "legacy functions"
    HOSTED = "tools of the provider's own"
    IMAGES = "images in the answer"
    NO_COMPLETION = "no chat completion in the answer"
    SYSTEM = "a system message that is not first"
    HISTORY = "a history that the API would not accept"
    SECRET = "a secret that cannot be taken out, as a number"
    FIELD = "a field that convrun does not send"
    TEXT = "a text that YAML cannot hold: half of a character"
    LARGE = "a spec larger than one may be"
    EXISTS = "there is such a file already"
    UNWRITABLE = "it cannot be written"


@frozen
class Refusal:
    """What is not imported: the numbers of its interactions in the file (from 1), the reason, and what is to blame.

    `sound` is how many of its interactions, from the first on, nothing speaks against.
    """

    numbers: tuple[int, ...]
    reason: Reason
    detail: str | None = None
    sound: int = 0

    def __str__(self) -> str:
        """`a field that convrun does not send: /messages/3/name`."""
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


def listed(numbers: Sequence[int]) -> str:
    """Return `interactions 1-3, 5`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    shown = ", ".join("-".join(map(str, span)) for span in spans)
    return f"interaction{'s' if len(numbers) > 1 else ''} {shown}"
