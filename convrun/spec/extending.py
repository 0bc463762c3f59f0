"""The key `extends`, and the defaults of a project: what a spec takes over from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from convrun.document import Mapping, Node, Scalar, load, merged, settled
from convrun.errors import ConvrunError, SpecError, SpecErrors
from convrun.frozen import frozen
from convrun.spec import decoding
from convrun.spec.decoder import Mistakes, SpecFile, mapping, takes
from convrun.spec.named_files import file_text, named_file, shown

EXTENDS = "extends"
APPENDING = ("expect+", "each_turn+")
_WHOLE = frozenset({"system", "cases"})  # mappings that are one value: parts of two of them make no third
_MOST = 50  # files that one spec is made of


@frozen
class _Base:
    """A file that is extended, and where that is said."""

    path: Path
    node: Node


@takes(type="string", pattern=r"\S")
def _base(node: Node, file: SpecFile) -> _Base:
    path = named_file(node, file)
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise SpecError(f"{path.name!r} is no YAML file", where=node.where, fix="bases are .yaml or .yml files")
    return _Base(path=path, node=node)


bases = decoding.one_or_more(_base, of="bases")


def whole(root: Mapping, file: SpecFile, defaults: Mapping | None) -> Mapping:
    """Return a spec with what it extends, and below that the project's defaults, as if all of it stood in it.

    Raises:
        SpecErrors: where a base cannot be read, or extends itself.
    """
    reading = _Reading(file)
    found = reading.extended(root)
    if defaults is None and reading.files == 1:
        return found
    return settled(reading.over(defaults, found), APPENDING)


def alone(root: Mapping) -> Mapping:
    """Return what a spec says itself."""
    return settled(_without(root, EXTENDS), APPENDING)


class _Reading:
    """Reads the files of one spec."""

    def __init__(self, file: SpecFile) -> None:
        self.file = file
        self.files = 1

    def extended(self, root: Mapping, chain: tuple[Path, ...] = ()) -> Mapping:
        """A mapping over its bases, the later ones over the earlier; `chain` is how it was come to from the spec."""
        own = _without(root, EXTENDS)
        named = root.get(EXTENDS)
        mistakes = Mistakes()
        with mistakes:
            _refuse_both(own)
        below: Mapping | None = None
        for base in () if named is None else bases(named, self.file):
            with mistakes:
                below = self.over(below, self._read(base, chain))
        mistakes.stop()
        return own if below is None else self.over(below, own)

    def over(self, below: Mapping | None, above: Mapping) -> Mapping:
        """Write one over another; parts of a script and of another model make no third."""
        if below is None:
            return above
        models = (below.get("model"), above.get("model"))
        scripted = any(isinstance(one, Mapping) and one.get("script") is not None for one in models)
        return merged(below, above, whole=_WHOLE | {"model"} if scripted else _WHOLE, appending=APPENDING)

    def _read(self, base: _Base, chain: tuple[Path, ...]) -> Mapping:
        name = shown(base.path, self.file.root)
        self.files += 1
        chain = chain or (self.file.path.resolve(),)
        if base.path in chain:
            way = " -> ".join(shown(path, self.file.root) for path in (*chain[chain.index(base.path) :], base.path))
            raise SpecError(f"{name!r} extends itself: {way}", where=base.node.where, fix="take one step out")
        if self.files > _MOST:
            raise SpecError(f"more than {_MOST} bases", where=base.node.where, fix="extend fewer files")
        found: list[ConvrunError] = []
        read = load(file_text(base.path, base.node.where), name, found)
        if found:
            raise SpecErrors(found)
        if read.root is None:
            raise SpecError(f"{name!r} is empty", where=base.node.where, fix="write into it what is shared")
        return self.extended(mapping(read.root, "a spec"), (*chain, base.path))


def _without(root: Mapping, name: str) -> Mapping:
    kept = tuple((key, value) for key, value in root.entries if key.text != name)
    return replace(root, entries=kept) if len(kept) < len(root.entries) else root


def _refuse_both(own: Mapping) -> None:
    """Raise for a list that replaces and appends at once."""
    keys: dict[str, Scalar] = {key.text: key for key, _ in own.entries}
    for name in APPENDING:
        plain = name.removesuffix("+")
        if name in keys and plain in keys:
            fix = f"the other is in line {keys[plain].where.line}; put the checks under one of them"
            raise SpecError(f"{name!r} beside {plain!r}", where=keys[name].where, fix=fix)
