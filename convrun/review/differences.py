"""The differences between recordings: read, judged by their specs, compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from convrun.backends.embeddings import ENDPOINT
from convrun.cassette.files import load
from convrun.cassette.interaction import Recording
from convrun.errors import CassetteError
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.results import Problem
from convrun.review.beginnings import turns_before, with_beginning
from convrun.review.comparing import NOT_JUDGED, Recorded, compared, conversation_pairs
from convrun.review.judge import Judge, judged
from convrun.review.outdated import outdated_parts
from convrun.review.owners import NOBODY, Owner
from convrun.review.recorded_lanes import RecordedLanes
from convrun.review.recordings import Compared, Found
from convrun.review.transcripts import transcript
from convrun.run.planning.plan import Trunk
from convrun.run.secrets import without_secrets
from convrun.source import Where
from convrun.transcript import (
    ConversationDifference,
    Judgement,
    RecordedConversation,
    RecordedTurn,
    Transcript,
    Unjudged,
)

_LED_AWAY = "no regular file of the project is there"
_NO_CHAT = "there is no chat call in it"


@frozen
class _Read:
    """One side, as far as it could be read, and who judges it."""

    found: Found
    recording: Recording | None = None
    problem: Problem | None = None
    owner: Owner = NOBODY


def differences(pair: Compared, keys: Redactor) -> Iterator[ConversationDifference]:
    """Yield what differs between two recordings, conversation by conversation.

    Each is judged by its own spec as it was then; one of two that the user named, and that belongs to no spec, by the
    other's. `keys` takes out the secrets, those of specs as well.
    """
    yield from (without_secrets(found, keys) for found in _differences(pair, keys))


def _differences(pair: Compared, keys: Redactor) -> Iterator[ConversationDifference]:
    old, new = _read(pair.old), _read(pair.new)
    owners = [side.owner for side in (old, new) if side is not None]
    shared = next((one for one in owners if one.judge), None) if pair.named else None
    single = any(one.judge for one in owners)
    scripts = _transcript(old, keys, single=single), _transcript(new, keys, single=single)
    name = _name(old, new)
    old, new = _with_problem(old, scripts[0]), _with_problem(new, scripts[1])
    if any(side is not None and side.problem for side in (old, new)):
        yield compared(name, _unread(old), _unread(new))
        return
    before, after = (script.conversations if script else () for script in scripts)
    pairs = conversation_pairs(before, after)
    for number, (one, other) in enumerate(pairs, start=1):
        yield compared(
            name if len(pairs) == 1 else f"{name}, conversation {number}",
            _recorded(old, before[one], shared, keys) if old and one is not None else None,
            _recorded(new, after[other], shared, keys) if new and other is not None else None,
        )


def _read(found: Found | None) -> _Read | None:
    if found is None:
        return None
    if found.file is None:
        return _Read(found=found, problem=Problem(type="CassetteError", message=_LED_AWAY))
    try:
        recording = load(found.file, found.shown, whole=False)
        if any(item.request.endpoint == ENDPOINT for item in recording.lanes):
            with suppress(CassetteError):  # of a revision, what lies beside the file is not there
                recording = load(found.file, found.shown)
    except CassetteError as error:
        problem = Problem(type="CassetteError", message=error.what, where=error.where, fix=error.fix)
        return _Read(found=found, problem=problem)
    if found.owners is None or found.path is None:
        return _Read(found=found, recording=recording)
    return _Read(found=found, recording=recording, owner=found.owners.of(found.path, recording))


def _transcript(read: _Read | None, keys: Redactor, *, single: bool) -> Transcript | None:
    if read is None or read.recording is None:
        return None
    judge = read.owner.judge
    before = turns_before(judge.planned) if judge is not None else 0
    return transcript(read.recording, single=single, redactor=keys, before=before)


def _with_problem(read: _Read | None, script: Transcript | None) -> _Read | None:
    """A side; one without a conversation has a problem."""
    if read is None or script is None or script.conversations:
        return read
    message = "; ".join((_NO_CHAT, *script.others))
    return replace(read, problem=Problem(type="CassetteError", message=message, where=Where(file=read.found.shown)))


def _name(*sides: _Read | None) -> str:
    """The conversation's id, the newer side's first; else the file of the newer side."""
    known = [side for side in reversed(sides) if side is not None]
    ids = [side.owner.judge.planned.id for side in known if side.owner.judge]
    return ids[0] if ids else known[0].found.path or known[0].found.shown


def _unread(read: _Read | None) -> Recorded | None:
    """A side of two that cannot be compared."""
    return None if read is None else Recorded(name=read.found.shown, problem=read.problem)


def _recorded(read: _Read, conversation: RecordedConversation, shared: Owner | None, keys: Redactor) -> Recorded:
    owner = shared if read.owner.orphan and shared is not None else read.owner
    turns = conversation.turns
    if read.recording is not None and owner.judge is not None and owner.judge.planned.trunks:
        turns = _whole(read, read.recording, owner.judge, keys) or turns
    return Recorded(
        name=read.found.shown,
        conversation=conversation,
        judgement=_judgement(owner.judge, owner.why, turns, read.recording or Recording()),
    )


def _whole(read: _Read, recording: Recording, judge: Judge, keys: Redactor) -> tuple[RecordedTurn, ...]:
    """The turns of a branch behind those of its trunks, where they are there; else none."""
    owners = read.found.owners

    def of_trunk(trunk: Trunk) -> Recording | None:
        file = owners.tree.cassette(trunk.cassette_shown) if owners is not None else None
        return load(file, trunk.cassette_shown, whole=False) if file is not None else None

    try:
        whole = with_beginning(judge.planned, recording, of_trunk)
    except CassetteError:
        return ()
    return transcript(whole, single=True, redactor=keys).conversations[0].turns if whole is not recording else ()


def _judgement(judge: Judge | None, why: str | None, turns: Sequence[RecordedTurn], recording: Recording) -> Judgement:
    if judge is not None:
        found = judged(judge, turns, RecordedLanes(recording, judge.planned.asked))
        return replace(found, outdated=outdated_parts(judge, turns))
    return Judgement(verdict=None, unjudged=(Unjudged(why=why),)) if why else NOT_JUDGED
