"""Secrets in what is committed: every file is read as text, recordings as conversations too; nothing is imported."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from convrun.backends.keys import KEY_VARIABLES
from convrun.cassette.files import load
from convrun.cassette.interaction import Interaction, list_in
from convrun.cassette.kept.partial import read_partial
from convrun.cassette.kept.split_secrets import channels
from convrun.errors import CassetteError, system_reason
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.redaction.finding import Find
from convrun.redaction.redactor import Thorough
from convrun.source import read_bytes
from convrun.values import texts

_LARGEST = 256_000_000  # bytes of a file
_SHOWN = 4  # characters of a secret, at most: enough to know it again
_SECRET_NAME = re.compile(r"(?i)(?:key|token|secret|password|passwd|credential)s?$")
_SHORTEST_VALUE = 8  # of a variable that is no provider's key
_ITEM = re.compile(r"^- ", re.MULTILINE)
_BREAKS = re.compile(r"[^A-Za-z0-9]+")
_TELLING = 50  # characters that tell a secret from others
_PASSED_OVER = frozenset({".git", "__pycache__", ".venv", "node_modules"})
_READ_AS_RECORDING = (".yaml", ".yml", ".json", ".partial")
_HIDING = re.compile(r"data:(?!\w)|chunks:|\"chunks\"|!!binary|base64: |\$json")  # what a text does not show as it is


@frozen
class Leak:
    """A secret in a file: `about` says what it is, `begins` how; line and interaction count from 1, None: not known."""

    file: str
    about: str
    begins: str
    line: int | None = None
    interaction: int | None = None


@frozen
class Unread:
    """A file that could not be searched, and why."""

    file: str
    why: str


def secret_variables(environ: Mapping[str, str], patterns: Iterable[str] = ()) -> Redactor:
    """Return what finds the values of all variables that hold a provider's key, or are named as secrets are."""
    found = {
        name: value
        for name, value in environ.items()
        if name in KEY_VARIABLES or (_SECRET_NAME.search(name) and len(value.strip()) >= _SHORTEST_VALUE)
    }
    return Redactor(found, patterns=patterns)


def files_below(place: Path) -> Iterator[Path]:
    """Yield the files at or below a place, in order; what git and Python keep for themselves is passed over."""
    if not place.is_dir():
        yield place
        return
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        yield from (Path(folder, name) for name in sorted(names))


def audited(file: Path, shown: str, keys: Redactor) -> Iterator[Leak | Unread]:
    """Yield the secrets in a file: in its name, then in the order of its lines; a damaged recording is only a text."""
    thorough = keys.thorough
    for one in thorough.finds(shown):
        yield from _leaks(one, thorough.text(shown), None, None, in_name=True)
    shown = thorough.text(shown)
    try:
        content = read_bytes(file, _LARGEST)
    except OSError as error:
        yield Unread(file=shown, why=system_reason(error))
        return
    if len(content) > _LARGEST:
        yield Unread(file=shown, why=f"larger than {_LARGEST:,} bytes")
        return
    text = _text(content)
    found = thorough.finds(text)
    places = _Places(text, partial=file.suffix == ".partial")
    for one in found:
        yield from _leaks(one, shown, places.line(one.start), places.interaction(one.start))
    if file.suffix in _READ_AS_RECORDING and _HIDING.search(text):
        known = {_core(other) for one in found for other in (one, *one.more)}
        yield from _hidden(file, shown, thorough, known)


def _core(one: Find) -> str:
    """The beginning of a secret, without the line breaks and indents that it has in a file."""
    return _BREAKS.sub("", one.secret)[:_TELLING]


def _text(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _leaks(one: Find, file: str, line: int | None, interaction: int | None, *, in_name: bool = False) -> Iterator[Leak]:
    for found in (one, *one.more):
        about = f"in its name {found.about}" if in_name else found.about
        shown = min(_SHOWN, len(found.secret) // 4)
        begins = found.secret[:shown] if found.secret.isprintable() else ""
        yield Leak(file=file, about=about, begins=begins, line=line, interaction=interaction)


class _Places:
    """Lines and interactions of places in a text."""

    def __init__(self, text: str, *, partial: bool) -> None:
        self._lines = [found.end() for found in re.finditer("\n", text)]
        self._partial = partial
        begin = 0 if text.startswith("interactions:") else text.find("\ninteractions:")
        self._items = [found.start() for found in _ITEM.finditer(text, begin)] if begin >= 0 else []

    def line(self, at: int) -> int:
        """The line of a place."""
        return bisect_right(self._lines, at) + 1

    def interaction(self, at: int) -> int | None:
        """The interaction of a place, where that is told."""
        if self._partial:
            return self.line(at) - 1 or None  # behind a header each has a line
        return bisect_right(self._items, at) or None


def _hidden(file: Path, shown: str, keys: Thorough, known: set[str]) -> Iterator[Leak]:
    """Secrets that only whoever plays a recording sees: in pieces, compressed, or escaped by YAML."""
    try:
        partial = file.suffix == ".partial"
        interactions = read_partial(file).interactions if partial else load(file, shown, whole=False).interactions
    except CassetteError:
        return
    seen: set[int] = set()
    for number, item in enumerate(interactions, 1):
        for one in keys.finds("\n\n".join(_texts(item, seen))):
            if _core(one) not in known:
                known.add(_core(one))
                yield from _leaks(one, shown, None, number)


def _texts(item: Interaction, seen: set[int]) -> Iterator[str]:
    """The texts of an interaction, a stream's put together; of its history what was not seen before."""
    body = item.request.body
    yield item.request.url
    yield from item.request.headers.values()
    listed = list_in(body)
    messages = body.get(listed) if isinstance(body, dict) and listed is not None else None
    new = [one for one in messages if id(one) not in seen] if isinstance(messages, list) else []
    seen.update(map(id, new))
    rest = {key: value for key, value in body.items() if key != listed} if isinstance(body, dict) else body
    payloads = item.reply.payloads or ()
    yield from texts([rest, new, *payloads])
    if item.reply.stream:
        yield from map("".join, channels(payloads).values())
    yield item.reply.body.decode("latin-1")
