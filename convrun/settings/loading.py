"""The settings of a project, from `[tool.convrun]`, convrun.toml and the environment; and where its root is."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from convrun.errors import SettingsError, UsageError, did_you_mean, system_reason
from convrun.frozen import frozen
from convrun.settings.kinds import KINDS, Jobs, checked, parsed, wrong_check
from convrun.source import Where, read_bytes

_LARGEST = 4_000_000  # bytes of a settings file
_PREFIX = "CONVRUN_"
_DEFAULTS = ("model", "options", "hooks", "each_turn")
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_NO_RECORD = "a committed file must not make a run cost money: give --record on the command line"


@frozen
class Defaults:
    """What every spec has if it says nothing else, as a spec's own keys; `text` is that of the `file` it stands in."""

    values: Mapping[str, object]
    file: str
    text: str


@frozen
class NamedCheck:
    """Who judges a kind of check: the import path of a function, and where the settings say so."""

    path: str
    where: Where


@frozen
class Settings:
    """What a project has settled, once for all its specs.

    `root` is the project's folder and `file` the settings file in it, if there is one. `specs`, `cassettes` and
    `pythonpath` are folders below the root. `base_urls` are the endpoints a key may go to beside its preset's host.
    With `block_network`, tools and hooks reach nothing beyond this machine on replay. `rpm` is how many requests a
    minute a provider gets at most: one number for all, or one by provider. `jobs` conversations run at once.
    `redact` are regular expressions of secrets beside those that are known. `judge` and `embeddings` are the models
    that checks ask which name none. `checks` judge kinds of the project's own. `max_attachment` is in bytes, None for
    the engine's own limit.
    """

    root: Path
    file: Path | None = None
    specs: str = "specs"
    cassettes: str = "cassettes"
    model: str | None = None
    strict: bool = False
    pythonpath: tuple[str, ...] = ()
    base_urls: tuple[str, ...] = ()
    block_network: bool = False
    tool_policy: str | None = None
    defaults: Defaults | None = None
    rpm: float | Mapping[str, float] | None = None
    jobs: Jobs = 1
    redact: tuple[str, ...] = ()
    judge: str | None = None
    embeddings: str | None = None
    checks: Mapping[str, NamedCheck] = field(default_factory=dict)
    max_attachment: int | None = None

    @property
    def asked(self) -> Mapping[str, str]:
        """The models that checks ask, by the kind of the check."""
        named = {"judge": self.judge, "means": self.embeddings}
        return {lane: name for lane, name in named.items() if name is not None}

    @property
    def addresses(self) -> tuple[str, ...]:
        """The endpoints that the settings name: `base_urls`, and that of the default model."""
        model = self.defaults.values.get("model") if self.defaults else None
        default = model.get("base_url") if isinstance(model, dict) else None
        return (*self.base_urls, default) if isinstance(default, str) else self.base_urls


def find_root(paths: Sequence[Path], cwd: Path) -> Path:
    """Return the nearest folder with settings at or above the first path (without paths: `cwd`), else `cwd`.

    Raises:
        UsageError: where the paths stand under two roots.
        SettingsError: for a settings file on the way that is not TOML.
    """
    roots = {path: _nearest(path) or _absolute(cwd) for path in paths or [cwd]}
    (first, root), *others = roots.items()
    for path, other in others:
        if other != root:
            raise UsageError(
                f"paths under two roots: {str(first)!r} under {str(root)!r}, {str(path)!r} under {str(other)!r}",
                fix="run them one root at a time",
            )
    return root


def load(root: Path, environ: Mapping[str, str], overrides: Mapping[str, str | bool | None]) -> Settings:
    """Return the settings of the project at `root`: overrides before the environment before the file.

    An override that is None was not given; an empty variable counts as not set.

    Raises:
        SettingsError: for unknown keys and for values of the wrong type, wherever they come from.
    """
    source = _Source.at(root)
    values = source.values() if source else {}
    from_environment = _from_environment(environ)
    if "model" in from_environment:  # it is nearer than the file's defaults
        values["defaults"] = _without_model(values.get("defaults"))
    values |= from_environment
    for key, given in overrides.items():
        if given is not None:
            values[key] = checked(key, parsed(key, given), f"--{key.replace('_', '-')}")
    settings = Settings(root=root, file=source.path if source else None, **values)
    _refuse_one_folder(settings, source)
    return settings


def _refuse_one_folder(settings: Settings, source: _Source | None) -> None:
    """Raise where specs and cassettes have one folder: a spec and its cassette would be one file."""
    specs, cassettes = (os.path.realpath(settings.root / folder) for folder in (settings.specs, settings.cassettes))
    if specs != cassettes:
        return
    key = next((key for key in ("cassettes", "specs") if source and key in source.table), None)
    raise SettingsError(
        f"'specs' and 'cassettes' are one folder, {settings.specs!r}: a cassette would be written over its spec",
        where=source.where(key) if source and key else None,
        fix="give each a folder of its own; one may be inside the other",
    )


def _nearest(path: Path) -> Path | None:
    place = _absolute(path)
    return next((folder for folder in (place, *place.parents) if _Source.at(folder)), None)


def _absolute(path: Path) -> Path:
    """Without `..`, symbolic links kept: what is found below the root must still begin with it."""
    return Path(os.path.abspath(path))


@frozen
class _Source:
    """The settings file of a folder: its text, and the table of it that is ours."""

    path: Path
    text: str
    table: Mapping[str, object]

    @classmethod
    def at(cls, folder: Path) -> _Source | None:
        """Read the settings file of this folder; None where there is none."""
        own = cls._read(folder / "convrun.toml")
        project = cls._read(folder / "pyproject.toml")
        if own and project:
            raise SettingsError(
                "the settings are in two files, convrun.toml and [tool.convrun] of pyproject.toml",
                where=Where(file=own.path.name),
                fix="keep one of them",
            )
        return own or project

    @classmethod
    def _read(cls, path: Path) -> _Source | None:
        """Only a pyproject.toml that speaks of convrun is parsed: a root is looked for on every start."""
        nested = path.name == "pyproject.toml"
        try:
            text = _text(path)
        except (OSError, ValueError) as error:
            # A pyproject.toml is somebody else's file as well: not ours to complain about.
            if nested or (isinstance(error, OSError) and _is_not_there(error, path)):
                return None
            raise _unreadable(error, path.name) from error
        if nested and "convrun" not in text:
            return None
        table = _toml(text, path.name)
        if nested:
            tools = table.get("tool")
            found = tools.get("convrun") if isinstance(tools, dict) else None
            return cls(path=path, text=text, table=found) if isinstance(found, dict) else None
        return cls(path=path, text=text, table=table)

    def values(self) -> dict[str, Any]:
        """The checked settings of the file."""
        for key in self.table:
            if key not in KINDS:
                raise SettingsError(f"unknown setting {key!r}", where=self.where(key), fix=self._fix(key))
        values: dict[str, Any] = {key: checked(key, value, self.where(key)) for key, value in self.table.items()}
        if "defaults" in values:
            values["defaults"] = self._defaults(values)
        if "checks" in values:
            values["checks"] = self._checks(values)
        return values

    def _checks(self, values: Mapping[str, Any]) -> dict[str, NamedCheck]:
        given = values["checks"].items()
        for kind, path in given:
            if (wrong := wrong_check(kind, path)) is not None:
                raise SettingsError(wrong[0], where=self._within("checks", kind), fix=wrong[1])
        return {kind: NamedCheck(path=path, where=self._within("checks", kind)) for kind, path in given}

    def _defaults(self, values: Mapping[str, Any]) -> Defaults:
        given = values["defaults"]
        for key in given:
            if key not in _DEFAULTS:
                fix = did_you_mean(key, _DEFAULTS) or f"known are {', '.join(_DEFAULTS)}"
                raise SettingsError(f"unknown default {key!r}", where=self.where(key), fix=fix)
        if "model" in given and "model" in values:
            what = "the model is named twice, as a setting and as a default"
            raise SettingsError(what, where=self.where("model"), fix="keep one of them")
        return Defaults(values=given, file=self.path.name, text=self.text)

    def where(self, key: str) -> Where:
        """The place where the key is written, as far as it can be found in the text."""
        name = rf"[\"']?{re.escape(key)}[\"']?"
        pattern = re.compile(rf"^\s*(?:tool\.convrun\.)?(?P<key>{name})\s*[.=]|^\s*\[+[^\]]*?(?P<table>{name})\s*[.\]]")
        for number, line in self._lines():
            if found := pattern.match(line):
                span = found.span("key" if found["key"] else "table")
                return Where(file=self.path.name, line=number, column=span[0] + 1, text=line, width=span[1] - span[0])
        return Where(file=self.path.name)

    def _within(self, table: str, key: str) -> Where:
        """The place of a key in one of our tables, or that of the table."""
        head = self.where(table)
        pattern = re.compile(rf"^\s*(?:[\w.]+\.)?[\"']?(?P<key>{re.escape(key)})[\"']?\s*=")
        for number, line in self._lines():
            if number >= (head.line or 0) and (found := pattern.match(line)):
                start, end = found.span("key")
                return Where(file=self.path.name, line=number, column=start + 1, text=line, width=end - start)
        return head

    def _lines(self) -> Iterator[tuple[int, str]]:
        """The numbered lines that may hold our keys: in pyproject.toml those of our tables."""
        inside = self.path.name != "pyproject.toml"
        for number, line in enumerate(self.text.splitlines(), start=1):
            if self.path.name == "pyproject.toml" and line.lstrip().startswith("["):
                inside = re.match(r"\s*\[+\s*tool\s*\.\s*[\"']?convrun\b", line) is not None
            if inside or "convrun" in line:
                yield number, line

    def _fix(self, key: str) -> str:
        if key == "record":
            return f"`record` is no setting: {_NO_RECORD}"
        if key == "tool" and self.path.name == "convrun.toml":
            return "in convrun.toml the keys stand at the top, without [tool.convrun]"
        return did_you_mean(key, KINDS) or f"known are {', '.join(KINDS)}"


def _text(path: Path) -> str:
    content = read_bytes(path, _LARGEST)
    if len(content) > _LARGEST:
        raise ValueError(f"larger than {_LARGEST:,} bytes")
    return content.decode("utf-8-sig").replace("\r\n", "\n")


def _is_not_there(error: OSError, path: Path) -> bool:
    """Whether there is no such file; where a link on the way is a circle there is none either."""
    return error.errno in _NOT_THERE or (error.errno == errno.ELOOP and not path.is_symlink())


def _unreadable(error: OSError | ValueError, name: str) -> SettingsError:
    """The mistake of a settings file of which there is no text."""
    if isinstance(error, UnicodeDecodeError):
        before = bytes(error.object[: error.start])
        where = Where(file=name, line=before.count(b"\n") + 1)
        return SettingsError(
            f"the settings are not UTF-8: byte 0x{error.object[error.start]:02x}",
            where=where,
            fix="save the file as UTF-8",
        )
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
        fix = "give yourself the right to read it"
    elif isinstance(error, OSError):
        fix = f"settings are a file of TOML: rename what is called {name}, or take it away"
    else:
        fix = "settings take a few lines: keep what is one of them"
    why = system_reason(error) if isinstance(error, OSError) else str(error)
    return SettingsError(f"the settings cannot be read: {why}", where=Where(file=name), fix=fix)


def _toml(text: str, name: str) -> dict[str, Any]:
    import tomllib  # only where there are settings

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        lines = text.splitlines() or [""]
        found = re.match(r"line (\d+), column (\d+)", place)
        line, column = (int(found[1]), int(found[2])) if found else (len(lines), len(lines[-1]) + 1)
        where = Where(file=name, line=line, column=column, text=[*lines, ""][line - 1])
        raise SettingsError(f"not TOML: {message[:1].lower()}{message[1:]}", where=where) from error
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
        raise SettingsError(f"not settings: {what}", where=Where(file=name)) from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """The checked settings of the `CONVRUN_…` variables."""
    values: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(_PREFIX) or not text:
            continue
        key = name.removeprefix(_PREFIX).lower()
        if key not in KINDS:
            near = did_you_mean(name, [_PREFIX + known.upper() for known in KINDS])
            fix = _NO_RECORD if key == "record" else near or "unset it: variables that begin with CONVRUN_ are settings"
            raise SettingsError(f"unknown environment variable {name!r}", fix=fix)
        if key in ("defaults", "checks"):
            raise SettingsError(f"{name} cannot be a variable", fix=f"write the {key} into the settings file")
        values[key] = checked(key, parsed(key, text), name)
    return values


def _without_model(defaults: Defaults | None) -> Defaults | None:
    if defaults is None:
        return None
    kept = {key: value for key, value in defaults.values.items() if key != "model"}
    return Defaults(values=kept, file=defaults.file, text=defaults.text)
