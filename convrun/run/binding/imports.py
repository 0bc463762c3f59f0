"""Import paths become objects: the only place where convrun imports a user's modules."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

from convrun.errors import SpecError, did_you_mean, named
from convrun.spec.model import ImportPath


def put_first(folders: Iterable[Path]) -> None:
    """Put folders first on the import path, in this order; one that is there already is moved to the front."""
    for folder in reversed([str(folder) for folder in folders]):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)


def imported(path: ImportPath) -> object:
    """Return the object that `package.module:attribute` names.

    Raises:
        SpecError: where module or attribute do not exist, or importing raises; the user's exception is the cause.
    """
    module_name, _, attributes = path.text.partition(":")
    found: object = _module(module_name, path)
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError as error:
            names = [name for name in dir(found) if not name.startswith("_")]
            raise SpecError(
                f"{module_name!r} has no {attribute!r}",
                where=path.where,
                fix=did_you_mean(attribute, names) or "name a function or class that the module defines",
            ) from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may define how its attributes are found
            what = f"looking up {attribute!r} in {module_name!r} raised {named(error)}"
            raise SpecError(what, where=path.where, fix="mend the module") from error
    return found


def _module(name: str, path: ImportPath) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        fix = "import paths start at the project's root and the settings' `pythonpath`"
        if name != missing and not name.startswith(f"{missing}."):
            fix = f"{name!r} imports it; install it, or correct the import"
        raise SpecError(f"no module named {missing!r}", where=path.where, fix=fix) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the module is the user's: whatever it raises is a mistake to report
        raise SpecError(
            f"importing {name!r} raised {named(error)}{_raised_at(error)}",
            where=path.where,
            fix="mend the module; `python -c 'import " + name + "'` shows the same",
        ) from error


def _raised_at(error: BaseException) -> str:
    """` (tools.py, line 3)`: where in the user's file it was raised."""
    if isinstance(error, SyntaxError):
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
