"""Recordings that a run puts others in the place of: what that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from convrun.cassette.files import not_read
from convrun.cassette.interaction import Recording
from convrun.cassette.stored.format import read
from convrun.errors import CassetteError
from convrun.redaction import Redactor
from convrun.results import Problem
from convrun.review.beginnings import turns_before, with_beginning
from convrun.review.comparing import Recorded, compared
from convrun.review.judge import Judge, judge_of, judged
from convrun.review.recorded_lanes import RecordedLanes
from convrun.review.transcripts import transcript
from convrun.run.planning.plan import Planned, Trunk
from convrun.run.secrets import secrets_of, without_secrets
from convrun.transcript import ConversationDifference


class Replaced:
    """The recordings that there are of conversations; made before the run, asked behind it. `root` is the project's."""

    def __init__(self, conversations: Iterable[Planned], *, root: Path) -> None:
        self._root = root
        self._before = [(planned, _content(planned.cassette)) for planned in conversations]

    def differences(self, environ: Mapping[str, str]) -> Iterator[ConversationDifference]:
        """Yield what differs in the conversations whose recording is another one now; equal ones are passed over.

        `environ` has keys whose values are taken out, beside all else that the project knows of secrets.
        """
        keys = secrets_of([self._root], environ)
        held = {planned.cassette: content for planned, content in self._before}

        def then(trunk: Trunk) -> Recording | None:
            return _read(trunk, held.get(trunk.cassette) or _content(trunk.cassette))

        def now(trunk: Trunk) -> Recording | None:
            return _read(trunk, _content(trunk.cassette))

        for planned, before in self._before:
            after = _content(planned.cassette)
            if before is None or after is None or before == after:
                continue
            judge = judge_of(planned, root=self._root)
            old, new = (
                _recorded(name, content, judge, keys, trunks)
                for name, content, trunks in (("before", before, then), ("now", after, now))
            )
            found = compared(planned.id, old, new)
            yield from [without_secrets(found, keys)] if found.kind != "same" else []


def _recorded(
    name: str, content: bytes, judge: Judge, keys: Redactor, trunks: Callable[[Trunk], Recording | None]
) -> Recorded:
    """A recording, judged; one that cannot be read has the problem."""
    planned = judge.planned
    try:
        recording = _read(planned, content) or Recording()
        whole = with_beginning(planned, recording, trunks) if planned.trunks else recording
    except (UnicodeDecodeError, CassetteError) as error:
        what = error.what if isinstance(error, CassetteError) else "it is not UTF-8 text"
        return Recorded(name=name, problem=Problem(type="CassetteError", message=f"the recording {name}: {what}"))
    found = transcript(recording, single=True, redactor=keys, before=turns_before(planned)).conversations
    if not found:
        return Recorded(name=name, problem=Problem(type="CassetteError", message=f"the recording {name} is empty"))
    judging = found if whole is recording else transcript(whole, single=True, redactor=keys).conversations
    judgement = judged(judge, judging[0].turns, RecordedLanes(recording, planned.asked))
    return Recorded(name=name, conversation=found[0], judgement=judgement)


def _read(of: Planned | Trunk, content: bytes | None) -> Recording | None:
    if content is None:
        return None
    return read(content.decode("utf-8-sig").replace("\r\n", "\n"), of.cassette_shown, not_read)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
