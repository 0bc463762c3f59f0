"""One body for the sync and the async API: what a sync one gives is there, what an async one gives is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from inspect import isawaitable
from typing import Any

import pytest
from servers import Loopback, loopback_server

import convrun as llm
from convrun.conversation.at_once import run


class Api:
    """One of the two APIs, and a server that its models ask."""

    def __init__(self, server: Loopback, *, awaited: bool) -> None:
        self.server = server
        self.awaited = awaited
        self.get_model: Any = llm.get_async_model if awaited else llm.get_model
        self.Response: Any = llm.AsyncResponse if awaited else llm.Response
        self.Conversation: Any = llm.AsyncConversation if awaited else llm.Conversation

    def model(self, name: str = "m", **settings: Any) -> Any:
        """Return a model of the server."""
        return self.get_model(name, **{"base_url": self.server.base_url, "max_retries": 0} | settings)

    def conversation(self, **settings: Any) -> Any:
        """Return a conversation with the server, not streamed where nothing else is said."""
        return self.model().conversation(**{"stream": False} | settings)

    async def read(self, value: Any) -> Any:
        """Return what a method gives."""
        return await value if self.awaited and isawaitable(value) else value

    async def each(self, things: Any) -> list[Any]:
        """Return what an iteration gives."""
        return [thing async for thing in things] if self.awaited else list(things)

    async def first(self, things: Any) -> Any:
        """Return the first of an iteration, and leave the rest."""
        if not self.awaited:
            return next(iter(things))
        async for thing in things:
            return thing
        return None

    async def reply(self, response: Any, text: str, **settings: Any) -> Any:
        """Return the response to a reply."""
        answer = response.reply(text, **settings)
        return await answer if self.awaited else answer

    def own(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a tool or hook as such a program would have it: a coroutine function where it is awaited."""
        if not self.awaited:
            return function

        @wraps(function)
        async def awaited(*arguments: Any, **keywords: Any) -> Any:
            await asyncio.sleep(0)
            return function(*arguments, **keywords)

        return awaited

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the requests so far."""
        return [request.body for request in self.server.requests]

    @property
    def roles(self) -> list[list[str]]:
        """The roles of the messages of each."""
        return [[message["role"] for message in body["messages"]] for body in self.bodies]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """The sync API, then the async one."""
    with loopback_server() as server:
        yield Api(server, awaited=request.param)


def with_both(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test that is a coroutine with the API that it is given; it hangs for 20 seconds at most."""

    @wraps(test)
    def ran(**given: Any) -> None:
        if given["api"].awaited:
            asyncio.run(asyncio.wait_for(test(**given), 20))
        else:
            run(test(**given))

    return ran
