"""Recordings that a run puts others in the place of: what that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from convrun.cassette.files import not_read
from convrun.cassette.stored.format import read
from convrun.errors import CassetteError
from convrun.redaction import Redactor
from convrun.results import Problem
from convrun.review.comparing import Recorded, compared
from convrun.review.judge import Judge, judge_of, judged
from convrun.review.recorded_lanes import RecordedLanes
from convrun.review.transcripts import transcript
from convrun.run.planning.plan import Planned
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
        for planned, before in self._before:
            after = _content(planned.cassette)
            if before is None or after is None or before == after:
                continue
            judge = judge_of(planned, root=self._root)
            old, new = (_recorded(name, content, judge, keys) for name, content in (("before", before), ("now", after)))
            found = compared(planned.id, old, new)
            yield from [without_secrets(found, keys)] if found.kind != "same" else []


def _recorded(name: str, content: bytes, judge: Judge, keys: Redactor) -> Recorded:
    """A recording, judged; one that cannot be read has the problem."""
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        recording = read(text, judge.planned.cassette_shown, not_read)
    except (UnicodeDecodeError, CassetteError) as error:
        what = error.what if isinstance(error, CassetteError) else "it is not UTF-8 text"
        return Recorded(name=name, problem=Problem(type="CassetteError", message=f"the recording {name}: {what}"))
    found = transcript(recording, single=True, redactor=keys).conversations
    if not found:
        return Recorded(name=name, problem=Problem(type="CassetteError", message=f"the recording {name} is empty"))
    judgement = judged(judge, found[0].turns, RecordedLanes(recording, judge.planned.asked))
    return Recorded(name=name, conversation=found[0], judgement=judgement)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
