"""The files of a first project, as text, for the settings of the project they go to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from convrun.frozen import frozen
from convrun.schemas import spec_schema
from convrun.settings import Settings

SCHEMA = "spec.schema.json"  # beside the settings
WORKFLOW = ".github/workflows/convrun.yml"
_HIDDEN = "dot-"  # git and others would take a name with a dot as meant for this package
_MARK = "# yaml-language-server: $schema="

Kind: TypeAlias = Literal["settings", "example", "lines", "workflow", "schema"]


@frozen
class ProjectFile:
    """One file: its path below the root (with `/`), its text, and what it is there for.

    Of the kind `lines` are files that others write as well: what they lack is added to them.
    """

    path: str
    text: str
    kind: Kind


def project_files(settings: Settings, *, plain: bool) -> list[ProjectFile]:
    """Return the files in the order in which they are read; `plain` ones are without Python."""
    own = dict(_read(files("convrun.scaffold").joinpath("plain" if plain else "python")))
    shared = dict(_read(files("convrun.scaffold").joinpath("project")))
    ignored = shared[".gitignore"] + own.pop(".gitignore", "")
    found = [
        *(_example(path, text, settings) for path, text in sorted(own.items(), key=_importance)),
        ProjectFile(path="convrun.toml", text=shared["convrun.toml"], kind="settings"),
        ProjectFile(path=SCHEMA, text=f"{json.dumps(spec_schema(), ensure_ascii=False, indent=2)}\n", kind="schema"),
        ProjectFile(path=".gitignore", text=ignored, kind="lines"),
        ProjectFile(path=WORKFLOW, text=shared[WORKFLOW], kind="workflow"),
    ]
    attributes = shared[".gitattributes"].replace("cassettes/", f"{settings.cassettes.rstrip('/')}/")
    return [*found, ProjectFile(path=".gitattributes", text=attributes, kind="lines")]


def _read(folder: Traversable, above: str = "") -> Iterator[tuple[str, str]]:
    """The files below a folder of ours, with the paths that they get."""
    for entry in folder.iterdir():
        name = entry.name
        path = above + (f".{name.removeprefix(_HIDDEN)}" if name.startswith(_HIDDEN) else name)
        if name == "__pycache__":  # an installer compiles what it finds
            continue
        if entry.is_dir():
            yield from _read(entry, f"{path}/")
        else:
            yield path, entry.read_text(encoding="utf-8").replace("\r\n", "\n")


def _importance(entry: tuple[str, str]) -> tuple[int, str]:
    """The spec first, then its tools, then the cassette."""
    first = entry[0].partition("/")[0]
    return {"specs": 0, "cassettes": 2}.get(first, 1), entry[0]


def _example(path: str, text: str, settings: Settings) -> ProjectFile:
    """A file of the example, in the project's own folders; a spec names the schema from there."""
    first, _, rest = path.partition("/")
    folder = {"specs": settings.specs, "cassettes": settings.cassettes}.get(first)
    if folder is not None:
        path = (PurePosixPath(folder) / rest).as_posix()
    if text.startswith(_MARK):
        schema = PurePosixPath(os.path.relpath(SCHEMA, PurePosixPath(path).parent)).as_posix()
        text = f"{_MARK}{schema.replace(os.sep, '/')}\n{text.partition(chr(10))[2]}"
    return ProjectFile(path=path, text=text, kind="example")
