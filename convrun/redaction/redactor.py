"""What takes secrets out: the values of variables quickly, and all that is known of secrets where it matters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from convrun.values import Json, texts

if TYPE_CHECKING:
    from convrun.redaction.finding import Find

SENT_HEADERS = frozenset(
    {"accept", "anthropic-beta", "anthropic-version", "content-type", "http-referer", "openai-beta", "x-title"}
)
ANSWERED_HEADERS = frozenset({"content-type", "retry-after"})
SHORTEST = 6  # a shorter value is no key; replacing it would tear ordinary words apart
_REMEMBERED, _SHORT = 5_000, 4_000  # texts that are known to be clean, and characters of the longest of them
_SHAPED = 16  # characters of the shortest secret that is known by its shape wherever it stands
_OF_NUMBERS = frozenset("0123456789.+-eE")
_ESCAPED = 3  # times that a value may be escaped as in JSON
_PASSES = 4  # over a text, as what is in base64 is found at one place of each word
PATTERN_STANDS = "<redacted>"

_Value = TypeVar("_Value", bound=Json)


def placeholder(name: str) -> str:
    """Return what stands for the value of a variable."""
    return f"<{name}>"


def _spellings(value: str) -> set[str]:
    """A value as it is, in JSON and JSON within that, in a form, and with a character for each of its bytes."""
    found = {value, value.encode("utf-8", "surrogatepass").decode("latin-1")}
    if " " in value:
        from urllib.parse import quote_plus  # few keys have blanks

        found |= {one.replace(" ", "+") for one in found} | {quote_plus(value, errors="replace")}
    for ascii_only in (True, False):
        inner = value
        for _ in range(_ESCAPED):
            inner = json.dumps(inner, ensure_ascii=ascii_only)[1:-1]
            found.add(inner)
    return found


class Redactor:
    """Replaces the values of variables by their names: `sk-abc…` by `<OPENAI_API_KEY>`.

    `secrets` maps the variables' names to their values. Without any, everything is handed back untouched. This is what
    requests are compared by; what is written or shown goes through its `thorough` one. `patterns` are the settings'
    own, `names` those of variables that may have no value here.
    """

    __slots__ = ("_names", "_pattern", "_thorough", "known", "patterns")

    def __init__(
        self, secrets: Mapping[str, str] | None = None, *, patterns: Iterable[str] = (), names: Iterable[str] = ()
    ) -> None:
        self._names: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._thorough: Thorough | None = None
        self.patterns = tuple(patterns)
        self.known = {placeholder(name) for name in names}
        self.learn(secrets or {})

    def learn(self, secrets: Mapping[str, str]) -> None:
        """Replace these as well from now on; whoever shares this redactor does, too."""
        names = dict(self._names)
        for name in sorted(secrets):
            value = secrets[name].strip()
            if len(value) >= SHORTEST:
                self.known.add(placeholder(name))
                for spelling in _spellings(value):
                    names.setdefault(spelling, placeholder(name))
        if len(names) > len(self._names):
            self._names = names  # before the pattern, which finds nothing that has no name
            self._pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
            if self._thorough is not None:
                self._thorough.forget()

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return self._pattern is not None

    @property
    def thorough(self) -> Thorough:
        """What also finds secrets by their shapes, by the settings' patterns, and in what they are encoded in."""
        if self._thorough is None:
            self._thorough = Thorough(self)
        return self._thorough

    def places(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield start and end of each secret in a text, in their order, and what is to stand there."""
        for start, end, stands, _ in self.values_in(text):
            yield start, end, stands

    def values_in(self, text: str) -> Iterator[tuple[int, int, str, str]]:
        """Yield start, end, placeholder and description of each value in a text."""
        for found in self._pattern.finditer(text) if self._pattern else ():
            name = self._names[found[0]]
            yield *found.span(), name, f"the value of {name[1:-1]}"

    @property
    def has_numbers(self) -> bool:
        """Whether a value may stand as a number, which cannot be replaced by a text."""
        return any(set(value) <= _OF_NUMBERS for value in self._names)

    @property
    def shortest(self) -> int:
        """The length of the shortest text that may be a secret."""
        return min([_SHAPED, *map(len, self._names)])

    @property
    def wide(self) -> bool:
        """Whether a value has other characters than those of ASCII."""
        return not all(map(str.isascii, self._names))

    def is_in(self, text: str) -> bool:
        """Return whether a value of a variable stands in a text, as it is."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def text(self, text: str) -> str:
        """Return `text` with every key value replaced."""
        return text if self._pattern is None else self._pattern.sub(lambda found: self._names[found[0]], text)

    def data(self, data: bytes) -> bytes:
        """Return bytes with every key value replaced."""
        if not self:
            return data
        return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def value(self, value: _Value) -> _Value:
        """Return a JSON value with every key value replaced in texts and keys; the same object where there is none."""
        return self._clean(value) if self._found(value) else value  # type: ignore[return-value]  # same shape as given

    def _found(self, value: Json) -> bool:
        """Whether a key value stands anywhere in `value`."""
        return bool(self) and any(self.text(one) != one for one in texts(value))

    def _clean(self, value: Json) -> Json:
        whole: list[Json] = [value]
        waiting: list[Any] = [whole]
        while waiting:
            copy = waiting.pop()
            for key, item in list(copy.items() if isinstance(copy, dict) else enumerate(copy)):
                if isinstance(item, str):
                    copy[key] = self.text(item)
                elif isinstance(item, dict | list):
                    copy[key] = self._copy(item)
                    waiting.append(copy[key])
        return whole[0]

    def _copy(self, value: dict[str, Json] | list[Json]) -> Json:
        return {self.text(key): item for key, item in value.items()} if isinstance(value, dict) else [*value]

    def sent_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return request headers as they may be stored: lower-case names, `<name>` for a value that may not."""
        return {
            name: self.text(value) if name in SENT_HEADERS else f"<{name}>"
            for name, value in sorted((name.lower(), value) for name, value in headers.items())
        }

    def answered_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the response headers that may be stored, with lower-case names."""
        lowered = sorted((name.lower(), value) for name, value in headers.items())
        return {name: self.text(value) for name, value in lowered if name in ANSWERED_HEADERS}


class Thorough(Redactor):
    """Finds what `plain` does, secrets of known shapes and the settings' patterns; also escaped and in base64.

    What it made of a text it leaves as it is.
    """

    __slots__ = ("_clean_texts", "_own", "_plain")

    def __init__(self, plain: Redactor) -> None:
        super().__init__()
        self._plain = plain
        self._own = tuple(map(re.compile, plain.patterns))
        self._clean_texts: set[str] = set()

    def learn(self, secrets: Mapping[str, str]) -> None:
        """Replace these as well from now on."""
        if secrets:
            self._plain.learn(secrets)

    def forget(self) -> None:
        """Look at every text anew: there is more to find."""
        self._clean_texts.clear()

    def __bool__(self) -> bool:
        """There is always something to look for."""
        return True

    @property
    def thorough(self) -> Thorough:
        """Return itself."""
        return self

    @property
    def has_numbers(self) -> bool:
        """Whether a value may stand as a number, which cannot be replaced by a text."""
        return bool(self._own) or self._plain.has_numbers

    def number(self, number: float) -> str | None:
        """Return what stands for a number that holds a variable's value, or is as a whole what a pattern names."""
        if number.__class__ is bool or abs(number) < 10:
            return None
        spellings = [json.dumps(abs(number))]
        if isinstance(number, float) and number.is_integer():
            spellings.append(str(abs(int(number))))
        for text in spellings:
            for start, end, stands, _ in self._direct(text):
                if self._plain.is_in(text) or (start, end) == (0, len(text)):
                    return stands
        return None

    def is_in(self, text: str) -> bool:
        """Return whether a value of a variable stands in a text, as it is."""
        return self._plain.is_in(text)

    def finds(self, text: str) -> list[Find]:
        """Return the secrets in a text, by their places."""
        from convrun.redaction.shapes import suspected

        if len(text) < SHORTEST:
            return []
        shortest = self._plain.shortest
        if not (
            self._plain.is_in(text)
            or any(pattern.search(text) for pattern in self._own)
            or suspected(text, min(20, shortest * 4 // 3))
        ):
            return []
        from convrun.redaction.finding import finds  # most replays have nothing that looks like it

        return finds(text, self._direct, shortest, wide=self._plain.wide)

    def places(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield start and end of each secret in a text, in their order, and what is to stand there."""
        for one in self.finds(text):
            yield one.start, one.end, one.stands

    def text(self, text: str) -> str:
        """Return `text` with every secret replaced."""
        for _ in range(_PASSES):
            found = self.finds(text)
            if not found:
                break
            from convrun.redaction.finding import replaced

            text = replaced(text, found)
        return text

    def found_in(self, texts: Iterable[str]) -> bool:
        """Return whether there is a secret in any of these texts, quickly where they were seen before or are short."""
        from convrun.redaction.shapes import suspected

        new = {text for text in texts if len(text) >= SHORTEST}.difference(self._clean_texts)
        if not new:
            return False
        text = "\n".join(new)
        if (
            self._plain.text(text) != text
            or any(pattern.search(one) for pattern in self._own for one in new)
            or (suspected(text) and any(map(self.finds, filter(suspected, new))))
        ):
            return True
        if len(self._clean_texts) > _REMEMBERED:
            self._clean_texts.clear()
        self._clean_texts |= {text for text in new if len(text) < _SHORT}
        return False

    def one_name(self, text: str) -> str:
        """Return a text whose placeholders are all one: a value has that of its shape where its variable is not set."""
        from convrun.redaction.shapes import PLACEHOLDERS

        for one in self._plain.known | PLACEHOLDERS if "<" in text else ():
            text = text.replace(one, "<secret>")
        return text

    def _direct(self, text: str) -> Iterator[tuple[int, int, str, str]]:
        from convrun.redaction.shapes import shaped

        yield from self._plain.values_in(text)
        for pattern in self._own:
            for found in pattern.finditer(text):
                name = next((name for name, value in found.groupdict().items() if value), None)
                if found[name or 0]:
                    about = "what the setting 'redact' names"
                    yield *found.span(name or 0), placeholder(name) if name else PATTERN_STANDS, about
        yield from shaped(text)
