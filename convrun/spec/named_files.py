"""Files that a spec names, `{file: prompts/crumpet.md}`: found below the project's root, read as text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from convrun.document import Node
from convrun.document.limits import DEPTH_LIMIT
from convrun.errors import ConvrunError, SpecError, did_you_mean
from convrun.source import Where, read_bytes
from convrun.spec import decoding
from convrun.spec.decoder import SpecFile
from convrun.values import show

LARGEST = 4_000_000  # bytes
NOT_FOR_SPECS = "such files hold keys and tokens: put what the spec needs into another one"
_KEPT = re.compile(r"(?i)\.git|\.env(rc|\..*)?|\.netrc|\.npmrc|\.pypirc")  # where keys and tokens usually lie
_TOO_DEEP = f"nested deeper than {DEPTH_LIMIT} levels"


def named_file(node: Node, file: SpecFile) -> Path:
    """Return the file that a text names, relative to the spec's own; it exists and lies below the root."""
    name = decoding.word(node, file)
    try:
        path = (file.folder_of(node) / name).resolve()
        if not path.is_relative_to(file.root):
            raise SpecError(
                f"{name!r} is outside of the project",
                where=node.where,
                fix="paths are relative to the spec's file and stay below the project's root",
            )
        if (kept := kept_back(path, file.root)) is not None:
            raise SpecError(kept, where=node.where, fix=NOT_FOR_SPECS)
        file.named.add(path)
        if path.is_file():
            return path
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    except (OSError, ValueError, RuntimeError) as error:  # the last for a circle of links
        raise SpecError(f"{show(name)} cannot be read: {_why(error)}", where=node.where) from None
    what = "is a folder" if path.is_dir() else "is not a regular file" if path.exists() else "does not exist"
    near = did_you_mean(path.name, [sibling for sibling in siblings if sibling != path.name])
    fix = near or f"paths begin at the folder of {node.source.file!r}"
    raise SpecError(f"{shown(path, file.root)!r} {what}", where=node.where, fix=fix)


def kept_back(path: Path, root: Path) -> str | None:
    """Return why no spec may name a file of the project, as `.env` or what lies in `.git`; None where it may.

    The path is one without links.
    """
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
    part = next((part for part in parts if _KEPT.fullmatch(part)), None)
    return None if part is None else f"{shown(path, root)!r} is not for specs"


def shown(path: Path, root: Path) -> str:
    """Return how a path is named to people: below the root, with `/`."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def file_text(path: Path, where: Where) -> str:
    r"""Return the text of a file: UTF-8, without a BOM, line ends as `\n`. What is wrong with it is said of `where`."""
    try:
        content = read_bytes(path, LARGEST)
    except OSError as error:
        raise SpecError(f"{path.name!r} cannot be read: {_why(error)}", where=where) from None
    if len(content) > LARGEST:
        raise SpecError(f"{path.name!r} is larger than {LARGEST:,} bytes", where=where)
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{path.name!r} is not UTF-8: line {line}", where=where, fix="save it as UTF-8") from None


def without_last_break(text: str) -> str:
    """Return the text without one final line break."""
    return text[:-1] if text.endswith("\n") else text


def json_value(path: Path, file: SpecFile, where: Where) -> Any:
    """Return what a JSON file holds; duplicate keys and numbers that JSON lacks are mistakes."""
    return parsed_json(file_text(path, where), Where(file=shown(path, file.root)))


def parsed_json(text: str, where: Where, *, parse_float: Callable[[str], float] | None = None) -> Any:
    """Return what a JSON text holds, which begins at `where`: a whole file, or one line of it.

    Raises:
        SpecError: where it is none, is nested too deeply, has duplicate keys or numbers that JSON lacks.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused, parse_float=parse_float or finite)
    except json.JSONDecodeError as error:
        line = text.split("\n")[error.lineno - 1]
        number = (where.line or 1) + error.lineno - 1
        place = Where(file=where.file, line=number, column=error.colno, text=line)
        raise SpecError(f"not valid JSON: {error.msg.lower()}", where=place) from None
    except ConvrunError as error:
        raise error.at(where) from None
    except RecursionError:
        raise SpecError(_TOO_DEEP, where=where) from None
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise SpecError("a number has too many digits", where=where) from None
    if _is_deep(value):
        raise SpecError(_TOO_DEEP, where=where)
    return value


def finite(digits: str) -> float:
    """Return the number that digits stand for.

    Raises:
        ConvrunError: for one that is too large; Python would make it infinite.
    """
    number = float(digits)
    if math.isinf(number):
        raise ConvrunError(f"{show(digits, 40)[1:-1]} is too large for a number", fix="quote it if it is text")
    return number


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [inner for one in level for inner in _within(one)]
    return any(isinstance(one, dict | list) for one in level)


def _within(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise SpecError(f"duplicate key {name!r}", fix="keep one of them")
        made[name] = value
    return made


def _refused(name: str) -> None:
    raise SpecError(f"{name} is no number that JSON has")


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
