"""Changes of what the model says at the end of a turn: nothing, half of it, something else, another number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from convrun.checks.context import TurnView
from convrun.checks.views import parsed_reply
from convrun.mutate.alterations import numbers, other_number
from convrun.mutate.mutant import Material, Mutant, normalized
from convrun.transcript import PartDifference

REFUSAL = "I'm sorry, but I can't help with that."
_MOST_NUMBERS = 50  # of one reply that are changed, each by itself
_AROUND = 20  # characters on both sides of a number that are shown whole
_NEAR = 15  # of more, those next to it


def reply_mutants(turn: Material) -> Iterator[Mutant]:
    """Yield the changes of a turn's reply; where there is none, none can be made."""
    reply = turn.view.reply
    if not reply.strip():
        return
    yield _mutant(turn, "reply emptied", "")
    yield _mutant(turn, "reply cut", _half(reply))
    other = next((text for text in turn.others if text.strip() and normalized(text) != normalized(reply)), None)
    if other is not None:
        yield _mutant(turn, "reply of another turn", other)
    yield _mutant(turn, "reply is a refusal", REFUSAL)
    yield _refused(turn)
    if isinstance(turn.view.parsed, dict | list):
        return  # what is in it is structured output
    for _, found in zip(range(_MOST_NUMBERS), numbers(reply), strict=False):
        changed = other_number(found[0])
        before, after = _before(reply[: found.start()]), _after(reply[found.end() :])
        old, new = (f"{before}{number}{after}" for number in (found[0], changed))
        text = f"{reply[: found.start()]}{changed}{reply[found.end() :]}"
        yield _mutant(turn, "number changed", text, old=old, new=new)


def with_reply(turn: Material, text: str) -> TurnView:
    """Return the turn with another reply."""
    return replace(turn.view, reply=text, parsed=parsed_reply(text))


def _refused(turn: Material) -> Mutant:
    """The model refuses, and the provider says so: there is no text then."""
    return Mutant(
        family="reply",
        operator="model refuses",
        view=replace(turn.view, reply="", parsed=None, refusal=REFUSAL),
        difference=PartDifference(part="refusal", old=None, new=REFUSAL),
    )


def _mutant(turn: Material, operator: str, text: str, *, old: str | None = None, new: str | None = None) -> Mutant:
    return Mutant(
        family="reply",
        operator=operator,
        view=with_reply(turn, text),
        difference=PartDifference(
            part="reply", old=turn.view.reply if old is None else old, new=text if new is None else new
        ),
    )


def _half(text: str) -> str:
    """The first half of a text, up to the end of a word where there is one."""
    half = text[: len(text) // 2]
    if not text[len(half)].isspace():
        half = half[: max(map(half.rfind, " \n\t"))] or half
    return half.rstrip()


def _before(text: str) -> str:
    """What stands before a number, as it is shown: cut between words where it is long."""
    if len(text) <= _AROUND:
        return text
    near = text[-_NEAR:]
    return f"...{near.partition(' ')[2] or near}"


def _after(text: str) -> str:
    if len(text) <= _AROUND:
        return text
    near = text[:_NEAR]
    return f"{near.rpartition(' ')[0] or near}..."
