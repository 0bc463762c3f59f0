"""One recording file, imported: read, converted, written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from convrun.backends.keys import known_keys
from convrun.cassette.files import load
from convrun.cassette.interaction import RECORD_ANEW, Recording
from convrun.errors import CassetteError
from convrun.frozen import frozen
from convrun.importing.importer import Imported, conversations
from convrun.importing.places import Place, others, place
from convrun.importing.reasons import Refusal
from convrun.importing.writing import keep
from convrun.settings import Settings
from convrun.source import Where

_WANTED = "a whole recording that vcrpy wrote is wanted, YAML or JSON"


@frozen
class Written:
    """A conversation that has its spec and its cassette now."""

    conversation: Imported
    place: Place


@frozen
class Outcome:
    """What became of a file: the conversations that were written, and what was not imported.

    `left` are specs of the same name that an earlier import may have left; they stay and are run.
    """

    written: tuple[Written, ...]
    refused: tuple[Refusal, ...]
    left: tuple[str, ...] = ()


def import_file(
    path: Path,
    name: str,
    settings: Settings,
    *,
    environ: Mapping[str, str],
    force: bool,
    folder: str | None = None,
) -> Outcome:
    """Write the conversations of a recording, and return what became of each.

    `name` is what their specs are called, `folder` where they go in the place of the settings' specs folder; `environ`
    has the keys that are taken out.

    Raises:
        CassetteError: where the file is no recording.
    """
    defaults = settings.defaults.values if settings.defaults else {}
    recording = _loaded(path)
    found = conversations(recording, known_keys(environ, settings.redact).thorough, source=path.name, defaults=defaults)
    written: list[Written] = []
    refused: list[Refusal] = [*found.others]
    tried: list[Place] = []
    for number, conversation in enumerate(found.found, 1):
        if isinstance(conversation, Refusal):
            refused.append(conversation)
            continue
        where = place(name, number if len(found.found) > 1 else None, settings, folder or settings.specs)
        tried.append(where)
        why = keep(conversation, where, force=force)
        if why is None:
            written.append(Written(conversation=conversation, place=where))
        else:
            refused.append(why)
    refused.sort(key=lambda one: one.numbers)
    left = others(name, tried, settings, folder or settings.specs) if written else ()
    return Outcome(written=tuple(written), refused=tuple(refused), left=tuple(left))


def _loaded(path: Path) -> Recording:
    """What is in the file. Where it is no recording, no advice for a cassette of convrun's own helps."""
    try:
        return load(path, str(path))
    except CassetteError as error:
        fix = _WANTED if error.fix and RECORD_ANEW in error.fix else error.fix
        raise CassetteError(error.what, where=error.where or Where(file=str(path)), fix=fix) from error
