"""From a conversation of a recording to a spec and the requests that convrun sends for it; or why there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from convrun.cassette.interaction import Interaction, Recording
from convrun.conversation.backend import Completion
from convrun.document.limits import SIZE_LIMIT
from convrun.errors import ConvrunError, SpecErrors
from convrun.frozen import frozen
from convrun.importing.checking import Detail, with_checks
from convrun.importing.exchanges import exchanges
from convrun.importing.objections import refusal
from convrun.importing.proving import Proof, cassette_text, proved, tried
from convrun.importing.reasons import Reason, Refusal
from convrun.importing.spec_text import spec_text
from convrun.importing.telling import Telling, tell
from convrun.importing.threads import Thread, threads
from convrun.redaction import Redactor
from convrun.values import JsonObject


@frozen
class Imported:
    """A conversation that passes: its spec, what convrun sends with the replies to it, and the files that it names.

    `numbers` are those of its interactions in the file, `calls` how many tool calls the model made.
    """

    numbers: tuple[int, ...]
    spec: JsonObject
    sent: tuple[Interaction, ...]
    files: Mapping[str, bytes]
    model: str
    turns: int
    calls: int


@frozen
class Conversations:
    """What a recording holds: its conversations in order, each imported or refused, and what is no conversation."""

    found: tuple[Imported | Refusal, ...]
    others: tuple[Refusal, ...]


def conversations(
    recording: Recording, redactor: Redactor, *, source: str, defaults: Mapping[str, object]
) -> Conversations:
    """Return the conversations of a recording; nothing is written.

    `source` is what their descriptions call it, `defaults` are those of the project's specs.
    """
    chats, others = exchanges(recording, redactor)
    found = tuple(one for thread in threads(chats) for one in _parts(thread, source, defaults))
    return Conversations(found=found, others=tuple(others))


def _parts(thread: Thread, source: str, defaults: Mapping[str, object]) -> Iterator[Imported | Refusal]:
    """A conversation; where something speaks against a later part of it, that part begins one of its own."""
    found = _imported(thread, source, defaults)
    if not isinstance(found, Refusal) or not 0 < found.sound < len(thread.exchanges):
        yield found
        return
    before, behind = thread.parted(found.sound)
    yield from _parts(before, source, defaults)
    first, *others = _parts(behind, source, defaults)
    # Where the part cannot begin a conversation, what parted it is to blame.
    yield replace(found, numbers=first.numbers) if isinstance(first, Refusal) and not first.sound else first
    yield from others


def _imported(thread: Thread, source: str, defaults: Mapping[str, object]) -> Imported | Refusal:
    told = refusal(thread) or tell(thread, source=source, defaults=defaults)
    if isinstance(told, Refusal):
        return told
    recording = Recording(interactions=tuple(one.answered for one in thread.exchanges), file=source)
    text = spec_text(told.spec, schema="")
    if len(text) > SIZE_LIMIT:
        detail = f"{len(text):,} characters, of {SIZE_LIMIT:,}"
        return Refusal(numbers=thread.numbers, reason=Reason.LARGE, detail=detail)
    try:
        proof = tried(text, told.files, recording)
        if proof.difference is not None:
            sound = len(proof.sent)
            return Refusal(numbers=thread.numbers, reason=Reason.FIELD, detail=proof.difference, sound=sound)
        spec = _checked(told, proof)
    except ConvrunError as error:
        first = error.errors[0] if isinstance(error, SpecErrors) else error
        return Refusal(numbers=thread.numbers, reason=Reason.FIELD, detail=first.what)
    answers = [one.answer for one in thread.exchanges]
    return Imported(
        numbers=thread.numbers,
        spec=spec,
        sent=proof.sent,
        files=told.files,
        model=str(thread.exchanges[0].body["model"]),
        turns=len(thread.turns),
        calls=sum(len(one.message.tool_calls) for one in answers if isinstance(one, Completion)),
    )


def _checked(told: Telling, proof: Proof) -> JsonObject:
    """The spec with as much in its checks as passes, proved as `convrun run --strict` will see it.

    Raises:
        ConvrunError: where none passes.
    """
    cassette = cassette_text(proof.sent, "cassette")
    failure: ConvrunError | None = None
    for detail in Detail:
        spec = with_checks(told.spec, proof.result, detail)
        try:
            if proved(spec_text(spec, schema=""), told.files, cassette):
                return spec
        except ConvrunError as error:
            failure = error
    raise failure or ConvrunError("what happened in it, which no check can say")
