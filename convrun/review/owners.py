"""Which conversation of which spec a cassette belongs to, and so who judges it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath
from typing import TypeAlias

from convrun.cassette.interaction import Recording
from convrun.errors import ConvrunError, SpecErrors
from convrun.frozen import frozen
from convrun.review.judge import Judge, judge_of
from convrun.review.trees import RevisionTree, WorkingTree
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import Planned, plan
from convrun.run.project import spec_defaults
from convrun.spec.ids import cassette_file
from convrun.spec.loading import load_spec
from convrun.spec.model import Spec

Tree: TypeAlias = WorkingTree | RevisionTree


@frozen
class Owner:
    """Who judges a cassette; where nobody does, `why`. `orphan`: no spec has it."""

    judge: Judge | None = None
    why: str | None = None
    orphan: bool = False


NOBODY = Owner(why="the recording belongs to no spec", orphan=True)


class Owners:
    """Finds the owners of cassettes in a project; each spec is read once."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._specs: dict[str, Spec | str] = {}
        self._plans: dict[tuple[str, tuple[str, ...]], dict[str, Planned]] = {}
        self._of_folder: dict[str, list[str]] | None = None

    def of(self, path: str, recording: Recording) -> Owner:
        """Return the owner of the cassette at a path below the root; its model is taken from the recording."""
        folder, cassette = PurePosixPath(self.tree.settings.cassettes), PurePosixPath(path)
        if not cassette.is_relative_to(folder):
            return NOBODY
        stem = cassette.relative_to(folder).with_suffix("").as_posix()
        why = "no spec has this cassette"
        for file in self._candidates(stem):
            spec = self._spec(file)
            if isinstance(spec, str):
                why = spec
                continue
            planned = self._planned(spec, path, recording)
            if planned is not None:
                return Owner(judge=judge_of(planned, root=self.tree.root))
        return Owner(why=why, orphan=True)

    def _candidates(self, stem: str) -> Iterator[str]:
        """The files whose conversations have cassettes of this name: those of the specs folder, then others."""
        parts = stem.split("/")
        above = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]  # a branch is deeper below its spec
        if self._of_folder is None:
            self._of_folder = {}
            for file in self.tree.specs():
                self._of_folder.setdefault(self._stem(file), []).append(file)
        also = [f"{base}{suffix}" for base in above for suffix in (".yaml", ".yml")]
        found = [file for own in above for file in self._of_folder.get(own, ())]
        found += [file for file in also if self._stem(file) in above and self.tree.has(file)]
        yield from dict.fromkeys(found)

    def _stem(self, file: str) -> str:
        """What the paths of a spec's cassettes begin with, below their folder."""
        return cassette_file(file, self.tree.settings.specs).removesuffix(".yaml")

    def _spec(self, file: str) -> Spec | str:
        """The spec in a file; where it has mistakes, the first of them in words."""
        if file not in self._specs:
            self._specs[file] = self._read(file)
        return self._specs[file]

    def _read(self, file: str) -> Spec | str:
        path = self.tree.file(file)
        if path is None:
            return f"{file} cannot be read"
        try:
            return load_spec(path, self.tree.root, spec_defaults(self.tree.settings))
        except ConvrunError as error:
            first = error.errors[0] if isinstance(error, SpecErrors) else error
            return f"{self.tree.shown(file)} has mistakes: {first}"

    def _planned(self, spec: Spec, path: str, recording: Recording) -> Planned | None:
        """The conversation of a spec that has a cassette at a path: with its own model, else with the recorded one."""
        for models in ((), tuple(_models(recording))):
            planned = self._by_cassette(spec, models).get(normpath(path))
            if planned is not None:
                return planned
        return None

    def _by_cassette(self, spec: Spec, models: tuple[str, ...]) -> dict[str, Planned]:
        """The conversations of a spec by their cassettes, planned once; none where they cannot be."""
        key = (spec.file, models)
        if key not in self._plans:
            try:
                made = plan([(spec, None)], self.tree.settings, RunOptions(models=models)).conversations
            except ConvrunError:
                made = ()
            self._plans[key] = {normpath(one.cassette_shown): one for one in reversed(made)}
        return self._plans[key]


def _models(recording: Recording) -> Iterator[str]:
    """The names under which the recorded model may have been asked for with `-m`."""
    for one in recording.interactions[:1]:
        model = one.request.body.get("model") if isinstance(one.request.body, dict) else None
        if isinstance(model, str):
            yield model
            yield from [f"{one.request.provider}/{model}"] if one.request.provider else []
