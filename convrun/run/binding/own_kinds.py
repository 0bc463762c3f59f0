"""Who judges a kind of check that is not convrun's: the settings say it, or an installed package."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from convrun.checks.catalogue.combined import BECAUSE
from convrun.checks.code import Code
from convrun.checks.registry import KINDS
from convrun.errors import SettingsError, SpecError, did_you_mean
from convrun.frozen import frozen
from convrun.run.binding.imports import imported
from convrun.settings import Settings
from convrun.source import Where
from convrun.spec.model import ImportPath

GROUP = "convrun.checks"  # of entry points


@frozen
class Provider:
    """Who judges a kind: the import path, and who says so: the settings, `where`, or a package."""

    path: str
    package: str | None = None
    where: Where | None = None


class OwnKinds:
    """The kinds that a project's settings and the installed packages name; the packages are asked when one is met."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._installed: dict[str, list[Provider]] | None = None

    def names(self) -> list[str]:
        """Return the names of all kinds, but for those that cannot be used."""
        return sorted(kind for kind in {*self._settings.checks, *self._packages()} if kind not in KINDS)

    def provider(self, kind: str) -> Provider | None:
        """Return who judges a kind; None where nobody does. The settings come before the packages.

        Raises:
            SpecError: where two packages do, or one by what is no name.
        """
        named = self._settings.checks.get(kind)
        if named is not None:
            return Provider(path=named.path, where=named.where)
        found = self._packages().get(kind, [])
        if found and (wrong := _wrong_name(kind)) is not None:
            raise SpecError(f"{wrong[0]}, and the package {found[0].package!r} has one of this name", fix=wrong[1])
        if len(found) < 2:
            return found[0] if found else None
        packages = ", ".join(repr(one.package) for one in found)
        fix = f'say in the settings whose is meant: [tool.convrun.checks] {kind} = "{found[0].path}"'
        raise SpecError(f"the check {kind!r} is in several packages: {packages}", fix=fix)

    def fix(self, kind: str, otherwise: str | None) -> str | None:
        """Return how to mend a check whose kind nobody judges; `otherwise` is what would help without these kinds."""
        from convrun.checks.own import REGISTERED  # of a mistake

        if kind in REGISTERED:
            return f'name it in the settings: [tool.convrun.checks] {kind} = "{REGISTERED[kind].path}"'
        names = self.names()
        near = did_you_mean(kind, names)
        if near or not names or not (otherwise or "").startswith("known are"):
            return near or otherwise
        return f"{otherwise}, and {', '.join(names)}"

    def _packages(self) -> dict[str, list[Provider]]:
        if self._installed is None:
            self._installed = {}
            for kind, provider in _installed(import_folders(self._settings)):
                self._installed.setdefault(kind, []).append(provider)
        return self._installed


def _installed(folders: Iterable[str]) -> Iterator[tuple[str, Provider]]:
    """Each kind of the packages in these folders; of a package that is there twice the first one counts."""
    from importlib.metadata import distributions  # it looks at all that is installed

    seen: set[str] = set()
    for package in distributions(path=[*folders]):
        try:
            entries = package.entry_points.select(group=GROUP)
        except (OSError, TypeError, ValueError):  # somebody else's file is no file of entry points
            continue
        name = (package.metadata["Name"] or "?") if entries else ""  # reading it takes long
        if entries and name not in seen:
            seen.add(name)
            for entry in entries:
                path = entry.value.partition("[")[0].strip()  # what stands in brackets are extras
                yield entry.name, Provider(path=path, package=name)


def _wrong_name(kind: str) -> tuple[str, str] | None:
    from convrun.checks.own import wrong_name  # few projects have kinds of their own

    return wrong_name(kind)


def import_folders(settings: Settings) -> list[str]:
    """Return where modules are looked for once a project's code is imported."""
    own = [settings.root, *(settings.root / folder for folder in settings.pythonpath)]
    return list(dict.fromkeys([*map(str, own), *sys.path]))


def imported_judge(kind: str, provider: Provider, where: Where | None) -> Code:
    """Return the function that judges a kind; `where` is the place of the check.

    Raises:
        SpecError: where there is none.
    """
    place = provider.where or where or Where(file="?")
    if ":" not in provider.path:
        raise SpecError(f"{_said(kind, provider)} is {provider.path!r}, no import path", where=place, fix=_FIX)
    try:
        return Code(path=provider.path, target=imported(ImportPath(text=provider.path, where=place)))
    except SpecError as error:
        error.what = f"{_said(kind, provider)}: {error.what}"
        raise


_FIX = "it is written as package.module:function"


def _said(kind: str, provider: Provider) -> str:
    return f"the check {kind!r} of {f'the package {provider.package!r}' if provider.package else 'the settings'}"


def settings_errors(settings: Settings) -> Iterator[SettingsError]:
    """Yield a mistake for each kind in the settings that convrun has itself: it would never be asked."""
    for kind, named in settings.checks.items():
        if kind in KINDS or kind == BECAUSE:
            what = f"the check {kind!r} is one of convrun's own"
            yield SettingsError(what, where=named.where, fix="give yours another name")
