"""Requests of models made by name, taken somewhere else for the length of a block: to a cassette."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from convrun.backends.model_backend import ModelBackend
from convrun.errors import ConversationError
from convrun.wire import Reply, Request, Transport, sent


class Route(Protocol):
    """Where requests go instead; threads may use it at the same time."""

    def send(self, request: Request, live: Transport, secrets: Mapping[str, str]) -> Reply:
        """Return the reply to a request.

        `live` is what would have carried it, `secrets` the key of its model, by its variable's name.
        """
        ...

    def learn(self, secrets: Mapping[str, str]) -> None:
        """Hear of the key of a model that was made in the block: what another is told may be this one."""
        ...


_here: ContextVar[Route | None] = ContextVar("convrun_route", default=None)
_open: list[Route] = []  # those of all threads


@contextmanager
def rerouted(route: Route) -> Iterator[None]:
    """Send the requests of the block along `route`; a block within it has its own.

    It holds for this context: the code of the block, and the tasks and threads that take the context along. Meanwhile a
    request from a thread that is in no block is refused, as it may be meant for this one.
    """
    _open.append(route)
    try:
        with entered(route):
            yield
    finally:
        _open.remove(route)


@contextmanager
def entered(route: Route) -> Iterator[None]:
    """Let the requests of this thread's block go along a route that is open in another."""
    before = _here.get()
    _here.set(route)
    try:
        yield
    finally:
        _here.set(before)  # no token: the end of a fixture may run in another context than its start


class Rerouted:
    """Carries requests along the route of the block that their response was made in, or is read in, else to `live`.

    `key_variable` holds the model's key in `environ`. `route` is that of the block in which the response was made.
    """

    def __init__(
        self,
        live: Transport,
        *,
        key_variable: str | None = None,
        environ: Mapping[str, str] = os.environ,
        route: Route | None = None,
    ) -> None:
        self.live = live
        self._key_variable = key_variable
        self._environ = environ
        self._route = route

    def bound_here(self) -> Rerouted:
        """Return the same for a response that is made now; where there is no block, that of its reading counts."""
        route = _here.get()
        if route is None:
            return self
        return Rerouted(self.live, key_variable=self._key_variable, environ=self._environ, route=route)

    def send(self, request: Request) -> Reply:
        """Send one request.

        Raises:
            ConversationError: from a thread that is in no block while one is open, or behind the end of its block.
        """
        route = self._route_now()
        return self.live.send(request) if route is None else route.send(request, self.live, self.secrets())

    async def asend(self, request: Request) -> Reply:
        """Do as `send`; a route, which may wait for a live call and for files, is taken in a thread."""
        route = self._route_now()
        if route is None:
            return await sent(self.live, request)
        from asyncio import to_thread

        return await to_thread(route.send, request, self.live, self.secrets())

    def _route_now(self) -> Route | None:
        route = self._route or _here.get()
        if route is None and _open:
            raise ConversationError(
                "a model is called outside of the block of a cassette that is open in another thread or task",
                fix="start the thread with contextvars.copy_context().run, or call it in `with opened.inside():`",
            )
        return route

    def secrets(self) -> dict[str, str]:
        """Return the model's key as it is now, by its variable's name; nothing where it has none."""
        value = self._environ.get(self._key_variable) if self._key_variable is not None else None
        return {self._key_variable: value} if self._key_variable is not None and value else {}


def reroutable(backend: ModelBackend, environ: Mapping[str, str] = os.environ) -> ModelBackend:
    """Return the model, whose requests go along the routes of blocks from now on."""
    rerouted = Rerouted(backend.transport, key_variable=backend.key_variable, environ=environ)
    if (route := _here.get()) is not None:
        route.learn(rerouted.secrets())
    backend.transport = rerouted
    return backend
