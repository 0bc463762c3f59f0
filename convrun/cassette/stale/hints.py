"""What differs in two texts, and what it looks like: a date, a path, an id; with the line that settles it there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from convrun.frozen import frozen
from convrun.values import Json

_SCRIPT = "script:"  # names of models that are files of our own
_PIECE = re.compile(r"""\s+|[^\s,;{}\[\]"'()]+|[,;{}\[\]"'()]""")
_MOST = 2_000  # pieces of a text that are told apart; what differs in a longer one is looked at as a whole
_AROUND = 7  # pieces on both sides of what differs: a date may be of several words
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?"
    r"|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_YEAR = r"(?:,? \d{4})?"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?"
_TEMPORARY = r"/tmp|/private/tmp|/var/tmp|(?:/private)?/var/folders|[A-Za-z]:\\[^\s\"']*\\Temp"
_ROOT = r"/(?:home|Users|root|mnt|opt|srv|usr|var|workspace|workspaces|builds?|Volumes|work|github|runner)|[A-Za-z]:|~"
_HOST = r"localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|\d{1,3}(?:\.\d{1,3}){3}"
_SHAPES = (
    ("a date and time", re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}[T ]{_CLOCK}(?:Z|[+-]\d{{2}}:?\d{{2}})?")),
    ("a date", re.compile(r"(?<![\d.])(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d{2}))(?![\d.]*\d)")),
    ("a date", re.compile(rf"(?<!\w)(?:{_DAY},? )?(?:{_NTH}\.? {_MONTH}|{_MONTH}\.? (?:{_NTH}|\d{{4}}))\b{_YEAR}")),
    ("a date", re.compile(rf"(?<!\w){_DAY}(?!\w)")),
    ("a time", re.compile(rf"(?<![\d:.]){_CLOCK}(?![\d:])")),
    ("an id", re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])")),
    ("a temporary folder", re.compile(rf"(?i)(?:{_TEMPORARY})(?:[\\/][^\s\"'\\/]+)+")),
    ("a path", re.compile(rf"(?<![\w./:\\])(?:{_ROOT})(?:[\\/][\w.@+ -]*[\w@+-])+[\\/]?")),
    ("an address with a port", re.compile(rf"(?i)(?<![\w.])(?:{_HOST}):\d{{4,5}}(?!\d)")),
    ("a version", re.compile(r"(?<![\w.])v?\d+\.\d+\.\d+(?:[-+]?[a-z][\w.+-]*\w|[ab]\d+|rc\d+)?(?![\w.]*\d)")),
    ("a time stamp", re.compile(r"(?<![\w.+-])1[5-9]\d{8}(?:\d{3})?(?:\.\d+)?(?![\w])")),
    ("an id", re.compile(r"(?i)(?<![0-9a-z])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}(?![0-9a-z])")),
    ("an id", re.compile(r"(?i)(?<![0-9a-z])(?=(?:[a-z_-]*\d+[a-z_-]+){2}[a-z_-]*\d)[0-9a-z_-]{12,}")),
    ("an id", re.compile(r"(?<![\w+.-])\d{11,}(?!\w)")),
)  # fmt: skip
_VARS = {  # what to call it; `now` and `uuid` are no names of vars
    "a date and time": "moment",
    "a date": "today",
    "a time": "time",
    "an id": "id",
    "a temporary folder": "folder",
    "a path": "folder",
    "an address with a port": "address",
    "a version": "version",
    "a time stamp": "stamp",
}
_MOMENTS = frozenset({"a date and time", "a date", "a time"})


@frozen
class Suspect:
    """A span that differs and looks like what is different in each run (`name`): `now` where `recorded` was."""

    name: str
    recorded: str
    now: str


def suspect(path: str, recorded: Json, now: Json) -> Suspect | None:
    """Return the first span of two texts that differs and is a usual suspect; None where there is none."""
    if not isinstance(recorded, str) or not isinstance(now, str):
        return None
    if path == "/model" or _SCRIPT in (recorded[: len(_SCRIPT)], now[: len(_SCRIPT)]):
        return None  # another model gives other replies, whatever its name looks like
    for old, new in _differing(recorded, now):
        for name, shape in _SHAPES:
            before, after = old.found(shape), new.found(shape)
            if before is not None and after is not None and before != after:
                return Suspect(name=name, recorded=before, now=after)
    return None


def hint(path: str, found: Suspect, *, tool: str | None = None) -> str:
    """Return what a suspect looks like and the line that settles it at `path`; `tool`: it is in a result of that."""
    ignored = f"leave it out with `cassette: {{ignore: [{path}]}}`"
    if tool is not None:
        mended = f"give the tool {tool!r} `policy: replay`, or {ignored}"
    elif not path.startswith("/messages/"):
        mended = ignored  # no template reaches options and tools
    else:
        mended = f"fix it with {_fixed(found)}, or {ignored}"
    return f"{found.now!r} looks like {found.name}: {mended}"


def _fixed(found: Suspect) -> str:
    """What in a spec gives the recorded text in every run."""
    moment = _moment(found.recorded) if found.name in _MOMENTS else None
    if moment is not None:
        return f"`freeze: {{time: '{moment[0]}'}}` and `{{{{ now('{moment[1]}') }}}}`"
    if found.name == "an id" and re.fullmatch(r"(?i)[0-9a-f]{8}-.{27}", found.recorded):
        return "`freeze: {uuid: any text}` and `{{ uuid('id') }}`"
    return f"`vars: {{{_VARS[found.name]}: {_scalar(found.recorded)}}}`"


def _moment(text: str) -> tuple[str, str] | None:
    """A time for `freeze` and a format for `now()` that together give this text."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return f"{text}T12:00:00Z", "%Y-%m-%d"
    whole = re.fullmatch(r"(\d{4}-\d{2}-\d{2})([T ])(\d{2}:\d{2})(:\d{2})?(Z?)", text)
    if whole is None:
        return None
    day, between, minute, second, zone = whole.groups()
    form = f"%Y-%m-%d{between}%H:%M{':%S' if second else ''}{zone}"
    return f"{day}T{minute}{second or ':00'}Z", form


def _scalar(text: str) -> str:
    """A text in YAML, between quotation marks."""
    return "'" + text.replace("'", "''") + "'"


@frozen
class _Span:
    """A part of a text that differs, from `start` to `end` of what stands around it."""

    around: str
    start: int
    end: int

    def found(self, shape: re.Pattern[str]) -> str | None:
        """Return the first text of this shape that the part has to do with."""
        if not self.around[self.start : self.end].strip():
            return None
        matches = shape.finditer(self.around)
        return next((one[0] for one in matches if one.start() < self.end and self.start < one.end()), None)


def _differing(old: str, new: str) -> Iterator[tuple[_Span, _Span]]:
    """Yield the parts of two texts that differ, word by word, each with what stands for it."""
    before, after = _PIECE.findall(old), _PIECE.findall(new)
    start = shared(before, after)
    end = shared(before[start:][::-1], after[start:][::-1])
    if max(len(before), len(after)) - start - end > _MOST:
        yield _span(before, start, len(before) - end), _span(after, start, len(after) - end)
        return
    from difflib import SequenceMatcher  # only once something differs

    left, right = before[start : len(before) - end], after[start : len(after) - end]
    for kind, i, j, k, m in SequenceMatcher(None, left, right).get_opcodes():
        if kind == "replace":
            yield _span(before, start + i, start + j), _span(after, start + k, start + m)


def _span(pieces: list[str], start: int, end: int) -> _Span:
    ahead = "".join(pieces[max(start - _AROUND, 0) : start])
    inside = "".join(pieces[start : min(end, start + _MOST)])
    around = ahead + inside + "".join(pieces[end : end + _AROUND])
    return _Span(around=around, start=len(ahead), end=len(ahead) + len(inside))


def shared(left: Sequence[object], right: Sequence[object]) -> int:
    """Return how many items two sequences have in common at the start."""
    shortest = min(len(left), len(right))
    return next((index for index in range(shortest) if left[index] != right[index]), shortest)
