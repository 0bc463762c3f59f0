"""What specs/tickets.yaml wants to hear: a ticket as a pydantic model, and a check in Python."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from convrun.checks.context import CheckContext


class Ticket(BaseModel):
    """A message to support, sorted."""

    kind: Literal["billing", "access", "other"]
    urgent: bool
    order: int | None = Field(default=None, description="The number of the order, if one is named.")
    summary: str = Field(description="One sentence, in the third person.")


def short_summary(context: CheckContext) -> str | None:
    """Hold where the summary has at most twelve words."""
    words = Ticket.model_validate_json(context.reply).summary.split()
    return None if len(words) <= 12 else f"the summary has {len(words)} words: {' '.join(words)}"
