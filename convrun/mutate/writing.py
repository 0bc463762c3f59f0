"""A check as a person writes it: from plain values to YAML, and back as a spec has it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from convrun import document
from convrun.cassette.stored.emitting import emit
from convrun.document import Sequence
from convrun.errors import ConvrunError
from convrun.importing.spec_text import spoken
from convrun.spec.checks import checks
from convrun.spec.decoder import SpecFile
from convrun.spec.model import CheckSpec
from convrun.values import Json, JsonObject

_CONDITIONS = frozenset({"matches", "min", "max", "equals", "contains", "icontains", "not_contains", "one_of", "not"})
_NOWHERE = SpecFile(path=Path("check.yaml"), root=Path())


def written(value: Json, names: Mapping[str, Json], *, conditions: bool = False) -> Json:
    """Return a value as it is written where it is compared: texts literally, and what a var holds by its name.

    `names` are the vars that may stand in for values. With `conditions` a mapping may be read as some, and is written
    so that it is not.
    """
    for name, held in names.items():
        if type(held) is type(value) and held == value and value not in ("", None):
            return f"{{{{ {name} }}}}"
    if isinstance(value, str):
        return spoken(value)
    if isinstance(value, list):
        return [written(item, names, conditions=conditions) for item in value]
    if not isinstance(value, dict):
        return value
    made: JsonObject = {key: written(item, names, conditions=conditions) for key, item in value.items()}
    return {"equals": made} if conditions and value and _CONDITIONS.issuperset(value) else made


def yaml_of(check: JsonObject) -> str:
    """Return a check as an item of a list in YAML."""
    _, _, *lines = emit({"turns": [{"expect": [check]}]}, {}).splitlines()
    return "\n".join(line[2:] for line in lines)


@lru_cache(maxsize=1024)
def read_back(text: str) -> CheckSpec | None:
    """Return the check that `yaml_of` wrote, as a spec reads it; None where it is none, or another one."""
    try:
        node = document.load(f"{text}\n", "check.yaml").root
        found = checks(node, _NOWHERE) if isinstance(node, Sequence) else ()
    except ConvrunError:
        return None
    return found[0] if len(found) == 1 else None
