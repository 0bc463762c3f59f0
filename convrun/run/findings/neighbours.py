"""Who else may have recordings where a project has its own: other projects, and code that computes their names."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from convrun.errors import SettingsError
from convrun.settings import Settings, load

SETTINGS_FILES = ("convrun.toml", "pyproject.toml")
_OPENERS = ("cassette", "use_cassette", "run_spec")
_NAMED_BY_HOOKS = frozenset({"vcr_cassette_dir", "vcr_cassette_name"})  # functions that pytest plugins ask for names


def not_ours_alone(settings: Settings) -> str | None:
    """Return why nothing of a cassettes folder is surely this project's: it is not inside of it, or holds it."""
    top, root = (os.path.realpath(place) for place in (settings.root / settings.cassettes, settings.root))
    if holds_root(settings):
        return "the cassettes folder is, or holds, the project itself"
    if os.path.commonpath([top, root]) != root:
        return "the cassettes folder is outside of the project: others may have recordings there"
    return None


def holds_root(settings: Settings) -> bool:
    """Return whether the cassettes folder is the project's folder, or one above it."""
    top, root = (os.path.realpath(place) for place in (settings.root / settings.cassettes, settings.root))
    return os.path.commonpath([top, root]) == top


def named_otherwise(settings: Settings) -> str | None:
    """Return why it is not known whose recordings are: an option or a variable names a folder, not the settings."""
    plain = load(settings.root, {}, {})
    for key, now, usual in (
        ("specs", settings.specs, plain.specs),
        ("cassettes", settings.cassettes, plain.cassettes),
    ):
        if os.path.normpath(now) != os.path.normpath(usual):
            return f"the {key} folder is {now!r} by an option or a variable, and {usual!r} by the settings"
    return None


class OtherProjects:
    """The projects in and around one, of which each has a cassettes folder."""

    def __init__(self, settings: Settings, inner: Iterable[Path]) -> None:
        self._root = settings.root
        self._folders = list(self._read([*settings.root.absolute().parents, *inner]))

    def owner(self, cassette: Path) -> str | None:
        """Return, in words, which of them may have a cassette; None where none may."""
        place = os.path.realpath(cassette)
        for project, folder in self._folders:
            shown = os.path.relpath(project, self._root)
            if folder is None:
                return f"the settings of the project in {shown!r} cannot be read, and it may have it"
            if os.path.commonpath([place, folder]) == folder:
                return f"the project in {shown!r} has its cassettes there"
        return None

    @staticmethod
    def _read(places: Iterable[Path]) -> Iterator[tuple[Path, str | None]]:
        for place in places:
            if not any(os.path.lexists(place / name) for name in SETTINGS_FILES):
                continue
            try:
                settings = load(place, {}, {})
            except SettingsError:
                yield place, None
            else:
                if settings.file is not None:
                    yield place, os.path.realpath(place / settings.cassettes)


def computes_names(code: str) -> bool:
    """Return whether code may open cassettes whose names do not stand in it. In doubt it may."""
    if "cassette" not in code and "run_spec" not in code:
        return False
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    names = {one: one for one in _OPENERS}
    imported = (alias for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names)
    names |= {one.asname: one.name for one in imported if one.name in _OPENERS and one.asname}
    plain = {id(node.func) for node in nodes if isinstance(node, ast.Call) and _names_its_file(node, names)}
    return any(_opener(node, names) and id(node) not in plain for node in nodes) or any(map(_hands_on, nodes))


def _opener(node: ast.AST, names: Mapping[str, str]) -> str | None:
    """What opens a cassette there, whatever the code calls it."""
    if isinstance(node, ast.Name):
        return names.get(node.id) if isinstance(node.ctx, ast.Load) else None
    return names.get(node.attr) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) else None


def _hands_on(node: ast.AST) -> bool:
    """Whether a name is computed otherwise: for an argument `cassette`, or by a function that is asked for names."""
    if isinstance(node, ast.keyword) and node.arg == "cassette":
        return not (_last_part(node.value) or (isinstance(node.value, ast.Constant) and not node.value.value))
    return isinstance(node, ast.FunctionDef) and node.name in _NAMED_BY_HOOKS


def _names_its_file(call: ast.Call, names: Mapping[str, str]) -> bool:
    """Whether a call that opens cassettes says which: a text that is run as a spec has those of its cases."""
    opener, given = _opener(call.func, names), {one.arg: one.value for one in call.keywords}
    part = _last_part(call.args[0] if call.args else given.get("spec" if opener == "run_spec" else "path"))
    if opener == "run_spec":
        without_root = not {"root", None} & given.keys()
        return without_root or (part is not None and "\n" not in part and part.endswith((".yaml", ".yml")))
    return part is not None


def _last_part(node: ast.AST | None) -> str | None:
    """The end of a path that stands in the code: `"a.yaml"`, `HERE / "a.yaml"`, `Path(HERE, "a.yaml")`; else None."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _last_part(node.right)
    return _last_part(node.args[-1]) if isinstance(node, ast.Call) and node.args else None
