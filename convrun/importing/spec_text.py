"""The text of an imported spec, as a person would write it."""

from __future__ import annotations

from convrun.cassette.stored.emitting import emit, fits_block
from convrun.values import Json, JsonObject

SUGGESTION = "\ue000suggestion"  # in a list: the next item is no more than one; no text has such a line by chance

_REMARK = "# a suggestion: how the recorded reply begins; say what has to be in it"
_MARKS = ("{{", "{%", "{#")


def spoken(text: str, *, raw: bool = False) -> Json:
    """Return a text that may be a template, written so that it is taken literally.

    Of a block the last line break is not part of the text, so one is added.
    """
    written = f"{text}\n" if "\n" in text and fits_block(f"{text}\n") else text
    return {"text": written, "raw": True} if raw or any(mark in text for mark in _MARKS) else written


def literal(value: Json) -> Json:
    """Return a value of a check with every text in it as `spoken`."""
    if isinstance(value, str):
        return spoken(value)
    if isinstance(value, dict):
        return {key: literal(item) for key, item in value.items()}
    return [literal(item) for item in value] if isinstance(value, list) else value


def first_words(text: str, most: int) -> str:
    """Return the beginning of the first line that is not empty: whole words if they fit, at most `most` characters."""
    line = text.strip().partition("\n")[0].strip()
    return line if len(line) <= most else line[:most].rpartition(" ")[0].rstrip() or line[:most]


def spec_text(spec: JsonObject, *, schema: str) -> str:
    """Return the spec as YAML: first where its schema is, and a comment in the place of each SUGGESTION."""
    mark = f"- {SUGGESTION}"
    lines = [line.replace(mark, _REMARK) if line.endswith(mark) else line for line in emit(spec, {}).splitlines()]
    return "\n".join([f"# yaml-language-server: $schema={schema}", *lines, ""])
