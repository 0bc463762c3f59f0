"""Lays the files of a first project into a folder: adds what is missing, overwrites nothing, says what it did."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from convrun.atomic import create_file, replace_file
from convrun.errors import ScaffoldError, UsageError, system_reason
from convrun.frozen import frozen
from convrun.scaffold.files import ProjectFile, project_files
from convrun.settings import Settings, find_root, load
from convrun.source import Where, read_bytes

Outcome: TypeAlias = Literal["created", "added to", "unchanged", "kept", "left out"]

_LARGEST = 4_000_000  # bytes of a file that is compared with ours
_OURS = ("strict", "block_network")  # what a first project switches on


@frozen
class Laid:
    """What became of one file, and why, where that does not go without saying.

    `kept` is a file with other content than ours, `unchanged` one with the same; `left out` is not there.
    """

    path: str
    outcome: Outcome
    note: str | None = None
    example: bool = False


def folder_settings(folder: Path) -> Settings:
    """Return the settings of the project in this folder, which may be none yet, and not exist.

    Raises:
        UsageError: for what is no folder, and a folder inside another project.
        SettingsError: where it has settings that are wrong.
    """
    folder = Path(os.path.abspath(folder))  # links are kept: what a person typed is shown
    _require_folders(folder, str(folder))
    root = find_root([folder], folder)
    if root != folder:
        raise UsageError(
            f"{str(folder)!r} is inside the convrun project {str(root)!r}",
            fix=f"run `convrun init {root}`, or make the folder a project of its own: put an empty convrun.toml there",
        )
    return load(root, {}, {})  # without the environment: what is laid is for everybody who has the project


def lay(settings: Settings, *, plain: bool) -> Iterator[Laid]:
    """Lay file by file, each at once or not at all, and yield what became of it; `plain` is without Python.

    Raises:
        UsageError: before anything is written, where a file would come to lie outside of the project.
        ScaffoldError: for a file that cannot be written; those yielded before are there.
    """
    wanted = project_files(settings, plain=plain)
    obstacle = _obstacle(settings, [file for file in wanted if file.kind == "example"])
    for file in wanted:
        if file.kind != "example" or obstacle is None:
            _require_inside(settings.root, file.path)
    for file in wanted:
        if file.kind == "settings" and settings.file:
            yield _settings_laid(settings, settings.file, file)
        elif file.kind == "lines":
            yield _lines_laid(settings.root, file)
        else:
            yield _file_laid(settings.root, file, obstacle)


def _require_folders(path: Path, shown: str) -> None:
    for place in (path, *path.parents):
        if os.path.isdir(place):  # of a name that is too long it says no; a Path raises
            return
        if os.path.lexists(place):
            what = f"{str(place)!r} is no folder" if place != path else f"{shown!r} is no folder"
            raise UsageError(what, fix="name a folder, or one that is to be made")


def _require_inside(root: Path, path: str) -> None:
    """A link among the folders of a project must not lead what is written out of it."""
    parent = (root / path).parent
    _require_folders(parent, str(parent))
    real = os.path.realpath(parent)
    if not Path(real).is_relative_to(os.path.realpath(root)):
        what = f"{path!r} would lie outside of the project: a link leads to {real!r}"
        raise UsageError(what, fix="make it a folder, or name another in the settings")


def _obstacle(settings: Settings, example: Sequence[ProjectFile]) -> str | None:
    """Why the example is not added here, as far as it is not there; None where nothing speaks against it."""
    if os.path.isabs(settings.cassettes) or os.path.normpath(settings.cassettes).startswith(".."):
        return "the cassettes of this project lie outside of it"
    if settings.defaults is not None:
        return "the settings have defaults, and the recording of the example was made without"
    there = [file for file in example if os.path.lexists(settings.root / file.path)]
    for file in there:
        if not _same(settings.root / file.path, file.text):
            return f"{file.path} is another one than the example's"
    for file in example:
        module = Path(file.path)
        if module.suffix == ".py" and (taken := _taken(settings, module, file.text)):
            return f"{taken} has the name of the example's module"
    if not there and _has_specs(settings.root / settings.specs):
        return "there are specs already"
    return None


def _taken(settings: Settings, module: Path, text: str) -> str | None:
    """What else would be imported under the name of a module of ours."""
    for folder in (".", *settings.pythonpath):
        for name in (module.stem, module.name):
            place = settings.root / folder / name
            if os.path.lexists(place) and not _same(place, text):
                return (Path(folder) / name).as_posix()
    return None


def _has_specs(folder: Path) -> bool:
    return any(
        name.endswith((".yaml", ".yml")) and not name.startswith(("_", "."))
        for _, _, names in os.walk(folder)
        for name in names
    )


def _same(path: Path, text: str) -> bool:
    """Whether a file has this text; git may have checked it out with other ends of lines."""
    try:
        return read_bytes(path, _LARGEST).replace(b"\r\n", b"\n") == text.encode()
    except OSError:
        return False


def _settings_laid(settings: Settings, path: Path, file: ProjectFile) -> Laid:
    if _same(path, file.text):
        return Laid(path=path.name, outcome="unchanged")
    off = [key for key in _OURS if not getattr(settings, key)]
    note = f"without {' and '.join(f'{key} = true' for key in off)}" if off else None
    return Laid(path=path.name, outcome="kept", note=note)


def _file_laid(root: Path, file: ProjectFile, obstacle: str | None) -> Laid:
    target, example = root / file.path, file.kind == "example"
    if os.path.lexists(target):
        if _same(target, file.text):
            return Laid(path=file.path, outcome="unchanged", example=example)
        note = f"`convrun schema > {file.path}` brings it up to date" if file.kind == "schema" else None
        return Laid(path=file.path, outcome="kept", note=note, example=example)
    if example and obstacle:
        return Laid(path=file.path, outcome="left out", note=obstacle, example=True)
    if file.kind == "workflow" and (top := _repository(root)) not in (None, root):
        note = f"GitHub reads workflows at the top of the repository only, {str(top)!r}"
        return Laid(path=file.path, outcome="left out", note=note)
    _write(root, file.path, file.text.encode())
    return Laid(path=file.path, outcome="created", example=example)


def _repository(folder: Path) -> Path | None:
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)


def _lines_laid(root: Path, file: ProjectFile) -> Laid:
    """Add the lines that a file of others lacks at its end; what is there stays as it is."""
    target = root / file.path
    if not os.path.lexists(target):
        _write(root, file.path, file.text.encode())
        return Laid(path=file.path, outcome="created")
    ours = file.text.splitlines()
    rules = [line for line in ours if not line.startswith("#")]
    try:
        before = read_bytes(target, _LARGEST)
    except OSError as error:
        why = system_reason(error)
        return Laid(path=file.path, outcome="kept", note=f"{why}; it is to have {', '.join(rules)}")
    there = {line.strip() for line in before.splitlines()}
    missing = [line for line in rules if line.encode() not in there]
    if not missing:
        return Laid(path=file.path, outcome="unchanged")
    if target.is_symlink() or len(before) > _LARGEST:
        why = "a symbolic link" if target.is_symlink() else f"larger than {_LARGEST:,} bytes"
        return Laid(path=file.path, outcome="kept", note=f"{why}; it lacks {', '.join(missing)}")
    end = "\r\n" if b"\r\n" in before else "\n"
    added = "".join(f"{line}{end}" for line in (ours if missing == rules else missing))
    gap = end if before and not before.endswith(b"\n") else ""
    _write(root, file.path, before + f"{gap}{added}".encode(), replace=True)
    return Laid(path=file.path, outcome="added to", note=", ".join(missing))


def _write(root: Path, path: str, content: bytes, *, replace: bool = False) -> None:
    """Put a file in its place, whole or not at all; without `replace` nothing that is there gives way."""
    try:
        (replace_file if replace else create_file)(root / path, content)
    except OSError as error:
        what = f"cannot be written: {system_reason(error)}"
        fix = "make it possible, and run `convrun init` again: it adds what is missing"
        raise ScaffoldError(what, where=Where(file=path), fix=fix) from error
