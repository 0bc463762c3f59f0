"""The seam through which checks ask models: what they ask stands in lanes of the conversation's cassette."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from convrun.conversation.model import Model


class Lanes(Protocol):
    """Models that checks may ask. `lane` is the kind of the check, `name` the model's (None: that of the settings).

    What is asked raises a StaleError where the recording does not hold it, and nothing may go live.
    """

    def model(self, lane: str, name: str | None) -> Model:
        """Return a model that answers in a lane.

        Raises:
            SettingsError: where none is named.
        """
        ...

    def vector(self, lane: str, name: str | None, text: str, *, part: str) -> Sequence[float]:
        """Return the embedding of a text; `part` says for people which one it is.

        Raises:
            SettingsError: where no model is named.
            ProviderError: where no vector came back.
        """
        ...
