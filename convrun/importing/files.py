"""One recording file, imported: read, converted, written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from convrun.backends.presets import PRESETS
from convrun.cassette.files import load
from convrun.importing.importer import Imported, conversations
from convrun.importing.places import Place, place
from convrun.importing.reasons import Refusal
from convrun.importing.writing import keep
from convrun.redaction import Redactor
from convrun.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A conversation that has its spec and its cassette now."""

    conversation: Imported
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a file: the conversations that were written, and what was not imported."""

    written: tuple[Written, ...]
    refused: tuple[Refusal, ...]


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
    recording = load(path, str(path))
    found = conversations(recording, redactor(environ), source=path.name, defaults=defaults)
    written: list[Written] = []
    refused: list[Refusal] = [*found.others]
    for number, conversation in enumerate(found.found, 1):
        if isinstance(conversation, Refusal):
            refused.append(conversation)
            continue
        where = place(name, number if len(found.found) > 1 else None, settings, folder or settings.specs)
        why = keep(conversation, where, force=force)
        if why is None:
            written.append(Written(conversation=conversation, place=where))
        else:
            refused.append(why)
    return Outcome(written=tuple(written), refused=tuple(sorted(refused, key=lambda one: one.numbers)))


def redactor(environ: Mapping[str, str]) -> Redactor:
    """Return what takes out the keys of every known provider, as far as they are set."""
    variables = {preset.key_variable for preset in PRESETS.values() if preset.key_variable}
    return Redactor({name: environ[name] for name in variables if environ.get(name)})
