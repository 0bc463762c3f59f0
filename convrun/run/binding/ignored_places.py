"""Pointers of `cassette.ignore` into what the requests of an API do not have: they would leave out nothing."""

from __future__ import annotations

from collections.abc import Iterator

from convrun.backends.identity import ModelIdentity
from convrun.cassette.pointers import pointer_parts
from convrun.errors import SpecError
from convrun.spec.model import Spec

_NAMES = {"chat": "chat completions", "responses": "the Responses API"}
_OTHERS = {"chat": ("input", "instructions"), "responses": ("messages",)}  # that only requests of the other one have


def misplaced(spec: Spec, model: ModelIdentity) -> Iterator[SpecError]:
    """Yield a mistake for each pointer that is meant for another API than the model speaks.

    Where a matrix varies the model, each pointer may be for one of them.
    """
    if any(axis.name == "model" for axis in spec.matrix):
        return
    for pointer in spec.ignored:
        parts = pointer_parts(pointer.text)
        if parts[0] in _OTHERS[model.api] and parts[0] not in spec.options:
            there = "'/messages'" if model.api == "chat" else "'/instructions' and '/input'"
            what = f"{pointer.text!r} ignores nothing: requests to {_NAMES[model.api]} have {there}"
            yield SpecError(what, where=pointer.where, fix=f"write {_meant(parts, spec, model.api)}")


def _meant(parts: tuple[str, ...], spec: Spec, api: str) -> str:
    """The same place in a request of this API; a system prompt is the first message of a chat."""
    system = int(spec.system is not None or any(axis.name == "system" for axis in spec.matrix))
    if parts[0] == "instructions":
        return "/messages/0/content"
    at = parts[1] if len(parts) > 1 else ""
    index = int(at) if at.isascii() and at.isdigit() and len(at) < 10 else system * (api == "responses")
    if api == "chat":
        inside = tuple("content" if part == "output" else part for part in parts[2:] or ("content",))
        return "/".join(["/messages", str(index + system), *inside])
    if index < system:
        return "/instructions"
    inside = parts[2:] if parts[2:3] == ("content",) else ()
    return "/".join(["/input", str(index - system), *inside])
