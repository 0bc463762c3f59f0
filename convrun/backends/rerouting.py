"""Requests of models made by name, taken somewhere else for the length of a block: to a cassette."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from convrun.backends.chat import ChatBackend
from convrun.errors import ConversationError
from convrun.wire import Reply, Request, Transport


class Route(Protocol):
    """Where requests go instead; threads may use it at the same time."""

    def send(self, request: Request, live: Transport, secrets: Mapping[str, str]) -> Reply:
        """Return the reply to a request.

        `live` is what would have carried it, `secrets` the keys of all models made so far, by their variables' names.
        """
        ...


_here: ContextVar[Route | None] = ContextVar("convrun_route", default=None)
_open: list[Route] = []  # those of all threads
_key_variables: set[str] = set()  # of the models made so far: what one is told may be the key of another


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
    """Carries requests along the route of the block they are sent in, else to `live`."""

    def __init__(self, live: Transport, *, environ: Mapping[str, str] = os.environ) -> None:
        self.live = live
        self._environ = environ

    def send(self, request: Request) -> Reply:
        """Send one request.

        Raises:
            ConversationError: from a thread that is in no block while one is open.
        """
        route = _here.get()
        if route is not None:
            return route.send(request, self.live, self._secrets())
        if _open:
            raise ConversationError(
                "a model is called outside of the block of a cassette that is open in another thread or task",
                fix="start the thread with contextvars.copy_context().run, or call it in `with opened.inside():`",
            )
        return self.live.send(request)

    def _secrets(self) -> dict[str, str]:
        return {name: value for name in sorted(_key_variables) if (value := self._environ.get(name))}


def reroutable(backend: ChatBackend, environ: Mapping[str, str] = os.environ) -> ChatBackend:
    """Return the model, whose requests go along the routes of blocks from now on."""
    if backend.key_variable is not None:
        _key_variables.add(backend.key_variable)
    backend.transport = Rerouted(backend.transport, environ=environ)
    return backend
