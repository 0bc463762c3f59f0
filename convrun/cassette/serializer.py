"""The serializer for vcrpy: `vcr.register_serializer("convrun", convrun.cassette.serializer)`.

Whoever uses vcrpy or pytest-recording records and plays our files with it. It does not import vcrpy. A serializer sees
text only: with `convrun.cassette.persister`, attachments lie beside the cassettes, as `convrun record` has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from convrun.cassette.interaction import Interaction, Recording
from convrun.cassette.stored.format import read
from convrun.cassette.stored.stock import interactions_of, stock_interaction
from convrun.cassette.stored.writing import write
from convrun.errors import CassetteError

of_convrun = True  # by which our persister knows it
_SHOWN_AS = "cassette"  # vcrpy does not tell a serializer the name of the file


class Carried:
    """The body of a request that goes through vcrpy together with its whole interaction, already parsed.

    vcrpy copies what it is given; the interaction is frozen, and copies of it would cost the square of the turns.
    """

    __slots__ = ("interaction",)

    def __init__(self, interaction: Interaction) -> None:
        self.interaction = interaction

    def __deepcopy__(self, memo: object) -> Self:
        return self


class WithAttachments:
    """The serializer of a persister that writes attachments beside a cassette: their bytes go to `aside`, by name."""

    def __init__(self, aside: dict[str, bytes]) -> None:
        self._aside = aside

    def serialize(self, cassette: Mapping[str, Any]) -> str:
        """Return the text of a cassette, as the function of this name does."""
        return serialize(cassette, self._aside)


def serialize(cassette: Mapping[str, Any], aside: dict[str, bytes] | None = None) -> str:
    """Return the text of a cassette in our format; attachments stay in it, unless there is an `aside` for them.

    Raises:
        CassetteError: where it holds what our format does not.
    """
    if cassette.get("metadata"):
        raise CassetteError(
            "a convrun cassette holds no metadata", fix="use vcrpy's own serializer where get_metadata() is needed"
        )
    bodies = [item["request"]["body"] for item in cassette["interactions"]]
    carried = tuple(body.interaction for body in bodies if isinstance(body, Carried))
    interactions = carried if carried else interactions_of(cassette)
    return write(Recording(interactions=interactions, file=_SHOWN_AS), aside)


def deserialize(text: str) -> dict[str, Any]:
    """Return a cassette of ours (or a stock one) as vcrpy wants it.

    Raises:
        CassetteError: where the text is no cassette, or a damaged one.
    """
    return as_stock(read(text, _SHOWN_AS))


def as_stock(recording: Recording) -> dict[str, Any]:
    """Return a recording as vcrpy wants it from a serializer."""
    interactions = [stock_interaction(item, number) for number, item in enumerate(recording.interactions, 1)]
    return {"version": 1, "interactions": interactions}
