"""The option `previous_response_id: auto`: where it cannot be meant."""

from __future__ import annotations

from collections.abc import Mapping

from convrun.errors import ConversationError
from convrun.values import Json

PREVIOUS = "previous_response_id"


def refuse_auto(options: Mapping[str, Json], *, api: str) -> None:
    """Look through the options of a request.

    Raises:
        ConversationError: where nothing can be left to the provider: it is a chat, or told to keep no reply.
    """
    if options.get(PREVIOUS) != "auto":
        return
    if api == "chat":
        what = f"'{PREVIOUS}: auto' is for the Responses API, and this model speaks chat completions"
        raise ConversationError(what, fix="leave it out, or say api: responses of the model")
    if options.get("store") is False:
        what = f"'{PREVIOUS}: auto' goes on from a reply that 'store: false' tells the provider not to keep"
        raise ConversationError(what, fix="leave one of the two out")
