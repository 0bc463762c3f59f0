"""The defaults of a project, judged by themselves: a mistake is one although every spec says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from convrun import document
from convrun.errors import ConvrunError
from convrun.spec.decoder import Mistakes, SpecFile
from convrun.spec.loading import SPEC
from convrun.spec.models import part_errors


def default_errors(defaults: document.Mapping, file: Path, root: Path) -> Sequence[ConvrunError]:
    """Return the mistakes in the defaults, which stand in the settings `file`; a part of a model is none."""
    spec_file = SpecFile(path=file, root=root.resolve())
    mistakes = Mistakes()
    for key, value in defaults.entries:
        with mistakes:
            if key.text == "model" and isinstance(value, document.Mapping):
                mistakes.found += part_errors(value, spec_file)
            elif key.text in SPEC.keys:
                SPEC.keys[key.text].decode(value, spec_file)
    return mistakes.found
