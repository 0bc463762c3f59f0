"""What tests of async conversations share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from servers import Loopback

import convrun as llm


def conversation(loopback: Loopback, **settings: Any) -> llm.AsyncConversation:
    """Return an async conversation with the server."""
    model = llm.get_async_model("m", base_url=loopback.base_url, max_retries=0)
    return model.conversation(**{"stream": False} | settings)


def roles(loopback: Loopback) -> list[list[str]]:
    """Return the roles of the messages of each request."""
    return [[message["role"] for message in request.body["messages"]] for request in loopback.requests]


def in_loop(work: Callable[[], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run what a test awaits; it hangs for 20 seconds at most."""

    async def limited() -> None:
        await asyncio.wait_for(work(), 20)

    return asyncio.run(limited())
