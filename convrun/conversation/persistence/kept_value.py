"""What was kept as JSON, read with the path of each value, so that what is wrong in it can be named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy

from convrun.errors import ConversationError, ConvrunError, did_you_mean
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, canonical, is_amount, show

_FIX = "give what to_dict() returned, as it was"


@frozen(kw_only=False)
class KeptValue:
    """A value of something kept: `what` it is part of, as `message`, and its `path` there.

    Each method returns the value as what it asks for, and raises a ConversationError where it is something else.
    """

    value: object
    what: str
    path: str = ""

    def wrong(self, problem: str, *, fix: str | None = None) -> ConversationError:
        """Return the error that says what is wrong here."""
        return ConversationError(f"this is no {self.what}: {self.path or 'it'} {problem}", fix=fix or _FIX)

    def not_a(self, wanted: str) -> ConversationError:
        """Return the error of a value that should be something else."""
        return self.wrong(f"is {show(self.value, 60)}, not {wanted}")

    @contextmanager
    def located(self) -> Iterator[None]:
        """Say the path with what is raised in the block about this value, which is read by then."""
        try:
            yield
        except ConvrunError as error:
            raise self.wrong(f"is wrong: {error.what}", fix=error.fix) from error
        except ValueError as error:
            raise self.wrong(f"is wrong: {error}") from error

    def __getitem__(self, key: str) -> KeptValue:
        """Return what has to be there."""
        if key not in self.mapping():
            raise self._at(key).wrong("is missing")
        return self._at(key)

    def get(self, key: str, default: object = None) -> KeptValue:
        """Return what may be there; null is as good as nothing, and both are `default`."""
        found = self._at(key)
        return KeptValue(default, self.what, found.path) if found.value is None else found

    def only(self, *keys: str) -> None:
        """Refuse a mapping with other keys than these."""
        for key in self.mapping():
            if key not in keys:
                raise self._at(str(key)).wrong("is not known", fix=did_you_mean(str(key), keys))

    def mapping(self) -> Mapping[str, object]:
        """A mapping, whatever is in it."""
        if not isinstance(self.value, Mapping):
            written = isinstance(self.value, str | bytes) and not self.path
            raise self.wrong(
                f"is {show(self.value, 60)}, not a mapping",
                fix="give what json.loads() returns of it" if written else None,
            )
        return self.value

    def items(self) -> list[KeptValue]:
        """The items of a list."""
        if not isinstance(self.value, list | tuple):
            raise self.not_a("a list")
        return [KeptValue(item, self.what, f"{self.path}[{index}]") for index, item in enumerate(self.value)]

    def text(self) -> str:
        """A text."""
        if not isinstance(self.value, str):
            raise self.not_a("a text")
        return self.value

    def text_or_none(self) -> str | None:
        """A text, or null."""
        return None if self.value is None else self.text()

    def one_of(self, words: Iterable[str]) -> str:
        """One of these words."""
        known = tuple(words)
        if self.value not in known:
            fix = did_you_mean(self.value, known) if isinstance(self.value, str) else None
            raise self.wrong(f"is {show(self.value, 60)}, not one of {', '.join(known)}", fix=fix)
        return str(self.value)

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.not_a("true or false")
        return self.value

    def number_or_none(self) -> float | None:
        """A number that is not negative, or null."""
        if self.value is None:
            return None
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.not_a("a number")
        if not is_amount(self.value):
            raise self.not_a("a number of 0 or more")
        return self.value

    def whole(self, *, least: int = 0, below: int | None = None) -> int:
        """A whole number, `least` or more, and less than `below`."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < least:
            raise self.not_a(f"a whole number of {least} or more")
        if below is not None and self.value >= below:
            raise self.wrong(f"is {show(self.value, 60)}, and there are {below}")
        return self.value

    def whole_or_none(self, *, least: int = 0) -> int | None:
        """A whole number, `least` or more, or null."""
        return None if self.value is None else self.whole(least=least)

    def json(self) -> Json:
        """A JSON value, copied."""
        try:
            canonical(self.value)
            found: Json = deepcopy(self.value)  # type: ignore[assignment]  # it is JSON
        except (ValueError, RecursionError):
            raise self.wrong("is no JSON value") from None
        return found

    def json_object(self) -> JsonObject:
        """A JSON object, copied."""
        self.mapping()
        found = self.json()
        assert isinstance(found, dict)
        return found

    def json_object_or_none(self) -> JsonObject | None:
        """A JSON object, copied, or null."""
        return None if self.value is None else self.json_object()

    def _at(self, key: str) -> KeptValue:
        return KeptValue(self.mapping().get(key), self.what, f"{self.path}.{key}" if self.path else key)
