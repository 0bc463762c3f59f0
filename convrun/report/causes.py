"""Which conversations one change made stale: what differs is the same, but for the values of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from convrun.report.difference import changed_words
from convrun.report.wording import dumped
from convrun.results import Change, ConversationResult
from convrun.values import equal


def grouped(conversations: Iterable[ConversationResult]) -> list[list[ConversationResult]]:
    """Return the stale conversations, those together that one change made stale; last those of which none is known.

    A group of samples is there once for each change, as it stands in the first sample with it.
    """
    groups: list[list[ConversationResult]] = []
    known: dict[str, list[ConversationResult]] = {}
    unknown = []
    for conversation in (one for given in conversations for one in _apart(given)):
        if conversation.stale:
            keys = (cause(conversation, own={}), cause(conversation))
            group = next((known[key] for key in keys if key in known), None)
            if group is None:
                groups.append(group := [])
            group.append(conversation)
            known.update((key, group) for key in keys if key not in known)
        elif conversation.verdict == "stale":
            unknown.append([conversation])
    return [*groups, *unknown]


def _apart(conversation: ConversationResult) -> Iterator[ConversationResult]:
    """A conversation; of a group the first sample with each change, which has the group's name if there is only one."""
    if conversation.samples is None:
        yield conversation
        return
    firsts: dict[str, ConversationResult] = {}
    for one in conversation.samples.conversations:
        if one.stale or one.verdict == "stale":
            firsts.setdefault(cause(one), one)
    for one in firsts.values():
        yield replace(one, id=conversation.id) if len(firsts) == 1 else one


def cause(conversation: ConversationResult, own: Mapping[str, object] | None = None) -> str:
    """Return what made a conversation stale, the same for the same edit, wherever in the conversation it stands.

    In the place of its `own` values (its vars, unless given) stand their names.
    """
    values = conversation.vars if own is None else own
    changes = conversation.stale.changes if conversation.stale else ()
    return dumped([(change.part, spans(change, values)) for change in changes], indent=None)


def spans(change: Change, own: Mapping[str, object] | None = None) -> list[object]:
    """Return what differs in a change, each once: the words in its texts, what is no text whole.

    In the place of `own` values stand their names.
    """
    found: list[object] = []
    for pair in _pairs(_unnamed(change.recorded, own or {}), _unnamed(change.now, own or {})):
        if pair not in found:
            found.append(pair)
    return found


def _pairs(old: object, new: object) -> Iterator[object]:
    if isinstance(old, str) and isinstance(new, str):
        yield from map(list, changed_words(old, new))
    elif isinstance(old, Mapping) and isinstance(new, Mapping) and old.keys() == new.keys():
        for key, value in old.items():
            yield from _pairs(value, new[key])
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for before, after in zip(old, new, strict=True):
            yield from _pairs(before, after)
    elif not equal(old, new):
        yield [old, new]


def _unnamed(value: object, own: Mapping[str, object]) -> object:
    """The value with the names of vars for their values."""
    if isinstance(value, str):
        for name, text in _longest_first(own):
            if text in value:
                stands = f"{{{{{name}}}}}".replace("\\", r"\\")
                value = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", stands, value)
        return value
    if isinstance(value, Mapping):
        return {key: _unnamed(item, own) for key, item in value.items()}
    return [_unnamed(item, own) for item in value] if isinstance(value, Sequence) else value


def _longest_first(own: Mapping[str, object]) -> list[tuple[str, str]]:
    texts = [(name, str(value)) for name, value in own.items() if isinstance(value, str | int | float) and str(value)]
    return sorted(texts, key=lambda pair: -len(pair[1]))
