"""Files put in their places: all of a conversation, or none."""

from __future__ import annotations

import json
from pathlib import Path

from convrun.atomic import replace_file, replace_files
from convrun.cassette.stored.beside import folder_of, take_away, unreferenced
from convrun.checks.registry import check_schema
from convrun.errors import CassetteError, system_reason
from convrun.importing.importer import Imported
from convrun.importing.places import SCHEMA, Place
from convrun.importing.proving import cassette_text
from convrun.importing.reasons import Reason, Refusal
from convrun.importing.spec_text import spec_text
from convrun.spec.schema import spec_schema


def keep(imported: Imported, place: Place, *, force: bool) -> Refusal | None:
    """Write a conversation's spec, cassette and attachments; return why that was not done, None where it was.

    What is there already is replaced only with `force`.
    """

    def refused(reason: Reason, detail: str) -> Refusal:
        return Refusal(numbers=imported.numbers, reason=reason, detail=detail)

    if (away := place.led_away(imported.files)) is not None:
        return refused(Reason.UNWRITABLE, f"{away!r} is a link that leads out of the project")
    if place.spec_path.resolve() == place.cassette_path.resolve():
        return refused(Reason.UNWRITABLE, f"{place.spec!r} would be its spec and its cassette")
    if (rival := place.rival()) is not None:
        return refused(Reason.EXISTS, f"{rival!r} beside it would have the same cassette; rename it")
    taken = list(place.taken(imported.files))
    if taken and not force:
        return refused(Reason.EXISTS, f"{taken[0]}; --force replaces it")
    files = {place.beside(name): content for name, content in imported.files.items()}
    folder = folder_of(place.cassette_path)
    if folder.is_symlink():
        return refused(Reason.UNWRITABLE, f"{folder.name!r} beside its cassette is a link")
    aside: dict[str, bytes] = {}
    try:
        text = cassette_text(imported.sent, place.cassette, aside)
        files |= {folder / name: content for name, content in aside.items()}
        files[place.cassette_path] = text.encode()
        files[place.spec_path] = spec_text(imported.spec, schema=place.schema).encode()
        replace_files(files)
        take_away(list(unreferenced(place.cassette_path, aside)))
    except OSError as error:
        return refused(Reason.UNWRITABLE, system_reason(error))
    except CassetteError as error:
        return refused(Reason.UNWRITABLE, error.what)
    return None


def keep_schema(root: Path, *, force: bool) -> None:
    """Write the copy of the schema that the first lines of specs name, unless there is one.

    Raises:
        OSError: where the folder does not let us.
    """
    if force or not (root / SCHEMA).exists():
        text = json.dumps(spec_schema(check_schema()), ensure_ascii=False, indent=2)
        replace_file(root / SCHEMA, f"{text}\n".encode())
