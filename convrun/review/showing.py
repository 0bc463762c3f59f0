"""The recordings that `convrun show` names, read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from convrun.cassette.files import load
from convrun.errors import UsageError
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.review.recognising import is_spec
from convrun.review.transcripts import transcript
from convrun.run.secrets import secrets_of
from convrun.settings import find_root
from convrun.transcript import Transcript


@frozen
class Shown:
    """A recording to be shown. `title` is None for one that was named alone: git compares it as a copy of any name.

    `missing` says that it is none, and where it would be.
    """

    title: str | None = None
    transcript: Transcript | None = None
    missing: str | None = None


def named_recordings(
    words: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    models: Sequence[str] = (),
    cassettes: str | None = None,
) -> Iterator[Shown]:
    """Yield the recordings that words name: files first, wherever they are, then `REV:FILE`, then specs and ids.

    Raises:
        UsageError: for what does not exist, and where nothing of it was recorded.
        SpecErrors: with the mistakes of the specs.
        CassetteError: for a file that cannot be read.
        SettingsError: for settings that are wrong: they name secrets.
    """
    files = [word for word in words if (cwd / word).is_file() and not is_spec(cwd / word, environ)]
    roots = [find_root([cwd / word], cwd) for word in files]
    keys = secrets_of([find_root([], cwd), *roots], environ) if files else Redactor()
    for word in files:
        script = transcript(load(cwd / word, word, whole=False), redactor=keys)
        yield Shown(title=word if len(words) > 1 else None, transcript=script)
    others = [word for word in words if word not in files]
    if not others:
        return
    from convrun.review.recordings import Recordings  # for git, which shows files one by one, each module counts

    specs = [word for word in others if (cwd / word).exists() or "::" in word or ":" not in word]
    with Recordings(cwd=cwd, environ=environ, cassettes=cassettes) as recordings:
        for word in others:
            if word not in specs:
                one = recordings.one(word)
                script = (
                    transcript(load(one.file, word, whole=False), redactor=recordings.secrets())
                    if one.file
                    else Transcript(conversations=())
                )
                yield Shown(title=word, transcript=script)
        found = recordings.of_specs(specs, models) if specs else []
        keys = recordings.secrets()
    if len(specs) == len(words) and all(one.file is None for _, one in found):
        what = f"{found[0][0]} is not recorded: no {found[0][1].shown}" if found else "no conversation is there"
        raise UsageError(what, fix="`convrun record` records what is missing")
    for name, one in found:
        if one.file is None:
            yield Shown(title=name, missing=f"{name} is not recorded: no {one.shown}")
        else:
            script = transcript(load(one.file, one.shown, whole=False), single=True, redactor=keys, before=one.before)
            yield Shown(title=f"{name} ({one.shown})", transcript=script)
