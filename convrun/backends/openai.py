"""Live calls through the openai SDK: it authenticates, sends and retries, and does nothing else.

The only file that imports openai, and not before something is sent. Before each attempt the pace of its host is kept.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cache, partial
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

from convrun.backends.keys import Key
from convrun.backends.pacing import Heard, pace_at, retry_wait
from convrun.backends.pools import Pool, pools_here
from convrun.backends.presets import called
from convrun.backends.provider_errors import broke_off, timed_out, unreachable, unsendable
from convrun.errors import ProviderError
from convrun.redaction import Redactor
from convrun.wire import Figures, Reply, Request

if TYPE_CHECKING:
    import httpx2
    import openai

_NO_KEY = "none"  # the SDK insists on one; it is not sent
_TIMEOUT, _CONNECTING = 600.0, 30.0  # seconds: the SDK's own, and six times its own
_BEGAN = "convrun.began"  # where a request carries when it was sent
_TOLD = "convrun.told"  # where it carries the status and the id of its answer, once that has begun
_connecting = Lock()
_retries: ContextVar[int] = ContextVar("retries", default=0)  # that the call in hand may take: hooks see requests only


class OpenAITransport:
    """Carries requests to an OpenAI-compatible server.

    `key` is asked for the key when something is first sent; None sends none of the user's. `timeout` is in seconds, for
    each step (connecting, the wait for each piece); None for it and for `max_retries` is the SDK's own default.
    `provider` is how people call the host, `rpm` how many requests a minute it gets from this process at most, and
    `heard` hears of waits over two seconds.
    """

    def __init__(
        self,
        *,
        base_url: str,
        key: Callable[[], Key | None],
        timeout: float | None = None,
        max_retries: int | None = None,
        provider: str | None = None,
        rpm: float | None = None,
        heard: Heard | None = None,
    ) -> None:
        pace_at(base_url).settle(name=provider, rpm=rpm, heard=heard)
        self._base_url = base_url
        self._provider = provider
        self._find_key = key
        self._timeout = timeout
        self._max_retries = max_retries
        self._key: Key | None = None
        self._client: openai.OpenAI | None = None
        self._pool_clients: WeakKeyDictionary[Pool, openai.AsyncOpenAI] = WeakKeyDictionary()

    def send(self, request: Request) -> Reply:
        """Send one request, retried as the SDK sees fit, and return the last answer, errors too.

        Raises:
            ProviderError: where no answer came, at once or while the body is read.
            SettingsError: where the key is missing, or may not go there.
        """
        if self._client is None:
            self._client = self._settled("OpenAI", _connections())
        left = self._leaving(self._client)
        try:
            response = self._client.post(**self._asked(request, awaited=False))
        except _failures() as error:
            return self._refused(error)
        body = self._chunks(response) if request.body.get("stream") else (response.content,)
        return replace(_reply(response, left), body=body)

    async def asend(self, request: Request) -> Reply:
        """Do as `send`, awaited; a stream comes in `pieces`. Each event loop has connections of its own."""
        with ExitStack() as leaving:
            pool = leaving.enter_context((await pools_here(_loop_connections)).used())
            client = self._pool_clients.get(pool)
            if client is None:
                client = self._pool_clients[pool] = self._settled("AsyncOpenAI", pool.client)
            left = self._leaving(client)
            try:
                response = await client.post(**self._asked(request, awaited=True))
            except _failures() as error:
                return self._refused(error)
            if request.body.get("stream"):
                return replace(_reply(response, left), pieces=_Pieces(response, self._named, leaving.pop_all()))
            return replace(_reply(response, left), body=(response.content,))

    def _leaving(self, client: openai.OpenAI | openai.AsyncOpenAI) -> float:
        """Say how often a request that leaves now is tried again, and return when that is."""
        _retries.set(client.max_retries)
        return perf_counter()

    def _asked(self, request: Request, *, awaited: bool) -> dict[str, Any]:
        """What the SDK is given; of a stream, it leaves the body to be read."""
        import httpx2
        import openai

        # Both are named, because the SDK would send an OPENAI_ADMIN_KEY or a placeholder where there is no key.
        headers: dict[str, Any] = dict(request.headers)
        bearer = self._key is not None and self._key.header == "Authorization"
        if not bearer and "authorization" not in map(str.lower, headers):
            headers["Authorization"] = openai.Omit()
        # Whoever is asked may send nobody elsewhere: what is said, and headers with keys, would go along.
        options: Any = {"headers": headers, "security": {"bearer_auth": True}, "follow_redirects": False}
        asked = {"path": f"/{request.endpoint}", "body": request.body, "cast_to": httpx2.Response, "options": options}
        kind = openai.AsyncStream[object] if awaited else openai.Stream[object]
        return asked | ({"stream": True, "stream_cls": kind} if request.body.get("stream") else {})

    def _refused(self, error: Exception) -> Reply:
        """The reply in an error of the SDK.

        Raises:
            ProviderError: where there is none.
        """
        import openai

        match error:
            case openai.APIStatusError():
                redactor = Redactor({self._key.variable: self._key.value} if self._key else None)
                return replace(_reply(error.response), body=(redactor.data(error.response.content),))
            case openai.APITimeoutError():
                raise timed_out(self._host, self._timeout) from error
            case openai.APIConnectionError():
                raise self._no_answer(error) from error
            case _:  # a text that is no Unicode, a value that is no JSON
                raise unsendable(error) from error

    def _chunks(self, response: httpx2.Response) -> Iterator[bytes]:
        with self._named(response):
            try:
                yield from response.iter_bytes()
            finally:
                response.close()

    @contextmanager
    def _named(self, response: httpx2.Response) -> Iterator[None]:
        """Let what goes wrong while a body is read have the names of our tree."""
        import httpx2

        try:
            yield
        except httpx2.TimeoutException as error:
            raise timed_out(self._host, self._timeout, " more") from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise self._broke_off(error, response.request) from error

    def _settled(self, kind: str, connections: Any) -> Any:
        """A client of the SDK, of the class of this name, that sends no more of the user's than its key."""
        import openai

        self._key = key = self._find_key()
        timeout: Any = self._timeout
        if timeout is None and kind == "AsyncOpenAI":  # connecting has its time measured by a loop that has more to do
            timeout = openai.Timeout(_TIMEOUT, connect=_CONNECTING)
        given = {"timeout": timeout, "max_retries": self._max_retries}
        client = getattr(openai, kind)(
            api_key=key.value if key else _NO_KEY,
            base_url=self._base_url,
            http_client=connections,
            default_headers={} if _is_openais(key) else _without_account(key),
            **{name: value for name, value in given.items() if value is not None},
        )
        if not _is_openais(key):
            client.organization = client.project = None
        return client

    @property
    def _host(self) -> str:
        return called(self._provider, self._base_url)

    def _no_answer(self, error: openai.APIConnectionError) -> ProviderError:
        import httpx2

        cause = error.__cause__ or error
        # It was reached, and hung up, or its body is not what its headers say.
        if isinstance(cause, httpx2.ReadError | httpx2.RemoteProtocolError | httpx2.DecodingError):
            return self._broke_off(cause, error.request)
        return unreachable(self._host, str(cause) or type(cause).__name__, self._base_url)

    def _broke_off(self, error: BaseException, request: httpx2.Request) -> ProviderError:
        status, identity = request.extensions.get(_TOLD, (None, None))
        return broke_off(self._host, str(error) or type(error).__name__, status=status, request_id=identity)


class _Pieces:
    """The bytes of a body, awaited; errors are raised within `named`, and `used` is let go of at the end.

    A stream that is left in the middle is closed when its event loop ends: that cancels all tasks, also the one which
    waits here. The generators beneath, closed by the loop itself in any order, would complain of each other.
    """

    def __init__(
        self,
        response: httpx2.Response,
        named: Callable[[httpx2.Response], AbstractContextManager[None]],
        used: ExitStack,
    ) -> None:
        from asyncio import Event, create_task

        self._response = response
        self._named = named
        self._used = used
        self._bytes = response.aiter_bytes()
        self._over = Event()
        self._waiting = create_task(self._closed_at_last())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        with self._named(self._response):
            return await anext(self._bytes)

    async def aclose(self) -> None:
        self._over.set()
        await self._waiting

    async def _closed_at_last(self) -> None:
        try:
            with self._used:
                await self._over.wait()
        finally:
            await self._bytes.aclose()
            await self._response.aclose()


def _failures() -> tuple[type[Exception], ...]:
    """What the SDK raises in the place of an answer, and where a request cannot be sent."""
    import openai

    return openai.APIStatusError, openai.APIConnectionError, TypeError, ValueError


def _reply(response: httpx2.Response, left: float | None = None) -> Reply:
    """A reply without its body; `left` is when the request was given to the SDK, of one that has figures."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    began: float | None = response.request.extensions.get(_BEGAN)
    figures = None if left is None else partial(_figures, left if began is None else began)
    return Reply(status=response.status_code, headers=headers, began=began, figures=figures)


def _figures(began: float) -> Figures:
    """How long it is since a request left; nobody has asked what it cost."""
    return Figures(elapsed_ms=round((perf_counter() - began) * 1000))


def _keep_pace(request: httpx2.Request) -> None:
    """Wait until a request may go to its host."""
    pace_at(str(request.url)).wait()
    request.extensions[_BEGAN] = perf_counter()


def _notice(response: httpx2.Response) -> None:
    """Hold back all others, too, from a host that answers 429; the SDK waits by itself where it retries."""
    response.request.extensions[_TOLD] = (response.status_code, response.headers.get("x-request-id"))
    taken = int(response.request.headers.get("x-stainless-retry-count", 0))
    if response.status_code == 429 and (seconds := retry_wait(response.headers, taken)) is not None:
        pace_at(str(response.url)).slow(seconds, waiting=taken < _retries.get())


async def _keep_pace_awaited(request: httpx2.Request) -> None:
    await pace_at(str(request.url)).waited()
    request.extensions[_BEGAN] = perf_counter()


async def _notice_awaited(response: httpx2.Response) -> None:
    _notice(response)


def _connections() -> httpx2.Client:
    with _connecting:  # threads that come first at once would each make one, and all but one would be lost
        return _shared_connections()


@cache  # it costs 20 ms and holds the open connections: all share it; keys are the transports' own, none is kept here
def _shared_connections() -> httpx2.Client:
    import openai

    connections = openai.DefaultHttpxClient(event_hooks={"request": [_keep_pace], "response": [_notice]})
    atexit.register(connections.close)
    return connections


def _loop_connections() -> httpx2.AsyncClient:
    import openai

    hooks: Any = {"request": [_keep_pace_awaited], "response": [_notice_awaited]}
    return openai.DefaultAsyncHttpxClient(event_hooks=hooks)


def _is_openais(key: Key | None) -> bool:
    return key is not None and key.variable == "OPENAI_API_KEY"


def _without_account(key: Key | None) -> dict[str, Any]:
    """Headers that keep OPENAI_CUSTOM_HEADERS, which may hold keys, away from servers that get no OpenAI key."""
    import openai

    held = {"Authorization": f"Bearer {key.value if key else _NO_KEY}"}
    if key is not None and key.header != "Authorization":
        held = {key.header: key.value}
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    names = {line.partition(":")[0].strip() for line in lines if ":" in line}
    return {name: openai.Omit() for name in names if name not in held} | held
