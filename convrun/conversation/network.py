"""User code that may reach nothing beyond this machine: what it tries is refused, and told even where it keeps silent.

Seen is what Python's own sockets do while a conversation goes on: in the code that is watched, in its coroutines, and
in every thread that is not convrun's own. Not seen are other processes, libraries that open connections by themselves
in C, connections that were open before, and the look-up of a name that is given to `connect` or `sendto` itself: the
interpreter makes it before it tells of the connection, which is then refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple

from convrun.conversation.time_limit import TimeUp
from convrun.errors import BlockedNetworkError
from convrun.values import show

_TO_AN_ADDRESS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOK_UPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"})
_EVENTS = _TO_AN_ADDRESS | _LOOK_UPS
_FIXES = {
    "tool": "give the tool `policy: replay`, so that its recorded result is used",
    "hook": "let the hook look at `conversation.replaying`",
}


class _Guard:
    """What watches over one conversation; `blocking` says whether anything is refused now."""

    def __init__(self, blocking: Callable[[], bool]) -> None:
        self.blocking = blocking
        self.owner = "the conversation"  # whose code is running, or ran last
        self.refused: BlockedNetworkError | None = None  # since somebody was last told


class _Code(NamedTuple):
    """Code that is watched: whose it is, as `tool 'forecast'`."""

    guard: _Guard
    owner: str


_guard: ContextVar[_Guard | None] = ContextVar("_guard", default=None)
_code: ContextVar[_Code | None] = ContextVar("_code", default=None)
_guards: list[_Guard] = []  # of the conversations that are going on


@contextmanager
def network_blocked(blocking: Callable[[], bool]) -> Iterator[None]:
    """Refuse what the code that is watched (`watching`) in this block wants to reach, as long as `blocking` says so."""
    _listen()
    guard = _Guard(blocking)
    token = _guard.set(guard)
    _guards.append(guard)
    try:
        yield
    finally:
        _guards.remove(guard)
        _guard.reset(token)


@contextmanager
def watching(owner: str) -> Iterator[None]:
    """Watch over the code of this block. `owner` is whose it is, as `tool 'forecast'`.

    Raises:
        BlockedNetworkError: where it wanted to reach what it may not, whatever it made of the refusal.
    """
    guard = _guard.get()
    if guard is None or _code.get() is not None:  # a conversation inside of a tool: the tool answers for it
        yield
        return
    guard.owner = owner
    token = _code.set(_Code(guard, owner))
    try:
        yield
    except (KeyboardInterrupt, TimeUp):
        raise
    except BaseException as error:
        raise_refused(error)
        raise
    finally:
        _code.reset(token)
    raise_refused()


def raise_refused(cause: BaseException | None = None) -> None:
    """Raise what was refused and nobody was told of: by now it may also come from a thread in the background.

    Raises:
        BlockedNetworkError: the first refusal.
    """
    guard = _guard.get()
    if guard is None or guard.refused is None:
        return
    refused, guard.refused = guard.refused, None
    raise refused from (None if cause is refused else cause)


@cache
def _listen() -> None:
    """Hear of every socket from now on; a listener of the interpreter cannot be taken away again."""
    sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...], known: frozenset[str] = _EVENTS) -> None:
    if event not in known:  # bound, as events come when the interpreter has cleared its modules, too
        return
    guards = tuple(_guards)  # once: other threads begin and end conversations meanwhile
    if not guards:
        return
    code = _code.get()
    if code is not None and code.guard in guards:
        concerned = {code.guard: code.owner}
    elif code is None and _guard.get() is not None:
        return  # convrun's own: a live call
    else:  # a thread may have been started by any of them, and a pool's works for one after the other
        concerned = {guard: f"a thread beside {guard.owner}" for guard in guards}
    if all(guard.blocking() for guard in concerned) and (place := _place_elsewhere(event, arguments)):
        _refuse(place, concerned)


def _refuse(place: str, concerned: Mapping[_Guard, str]) -> None:
    for guard, owner in concerned.items():
        fix = next((fix for kind, fix in _FIXES.items() if f"{kind} '" in owner), None)
        error = BlockedNetworkError(
            f"{owner} wants to reach {place!r}, and the setting block_network forbids it on replay",
            fix=f"{fix + ', or ' if fix else ''}remove the setting",
        )
        guard.refused = guard.refused or error
    raise error


def _place_elsewhere(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The `host:port` that an event of the socket module names; None where it is on this machine."""
    import socket

    if event in _TO_AN_ADDRESS and arguments[0].family not in (socket.AF_INET, socket.AF_INET6):
        return None  # a socket of the file system, or another of the machine's own
    host, port = _address(event, arguments)
    if _is_here(host) or (event in _LOOK_UPS and host == socket.gethostname()):
        return None
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _address(event: str, arguments: tuple[Any, ...]) -> tuple[str, object]:
    """Host and port that an event of the socket module names; an empty host is this machine."""
    if event in _TO_AN_ADDRESS or event == "socket.getnameinfo":
        host, port = (*(arguments[-1] or ("",)), None)[:2]
    else:
        host, port = (*arguments, None)[:2]
    host = "" if host is None else host.decode("latin-1") if isinstance(host, bytes | bytearray) else host
    return (host if isinstance(host, str) else show(host)), port


def _is_here(host: str) -> bool:
    """Whether a host is this machine by its name or number; nothing is looked up."""
    from ipaddress import IPv6Address, ip_address

    if host.rstrip(".").lower() in ("", "localhost"):
        return True
    try:
        number = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(number, IPv6Address) and number.ipv4_mapped:
        number = number.ipv4_mapped
    return number.is_loopback or number.is_unspecified
