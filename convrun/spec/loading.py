"""A spec file, read: from its path to a frozen Spec, with all its mistakes at once."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath

from convrun import document
from convrun.document import Node, load
from convrun.errors import ConvrunError, DocumentError, SpecError, SpecErrors
from convrun.frozen import frozen
from convrun.source import Where, is_below, is_circle
from convrun.spec import decoding
from convrun.spec.cases import cases, variables
from convrun.spec.checks import checks
from convrun.spec.decoder import Decoder, Key, Mistakes, Record, SpecFile, mapping, takes
from convrun.spec.extending import alone, bases, whole
from convrun.spec.faults import faults, misplaced
from convrun.spec.freezing import freeze
from convrun.spec.history import history
from convrun.spec.known_failures import known_failure, refuse_beside_skip
from convrun.spec.matrix import matrix, named_as_case_keys
from convrun.spec.model import CheckSpec, Pointer, Spec
from convrun.spec.models import model
from convrun.spec.named_files import file_text, shown
from convrun.spec.samples import samples
from convrun.spec.texts import template
from convrun.spec.tools import hooks, policy, tools
from convrun.spec.turns import options, past_limit, turns

_LISTED = 50  # mistakes of one file
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+")


@frozen
class Unfinished:
    """What could be read of a spec with mistakes, so that the others can be found too; `broken` keys are not whole."""

    spec: Spec
    broken: frozenset[str]


def load_spec(
    path: Path,
    root: Path,
    defaults: document.Mapping | None = None,
    *,
    text: str | None = None,
    named: set[Path] | None = None,
) -> Spec:
    """Return the spec in `path`, and what the files it names hold; `root` is the project's.

    `defaults` are what every spec of the project has if it says nothing else. A `text` stands in for what the file
    holds, which need not be there then. `named` takes the files that the spec is made of beside its own, also those
    that are not there, with links followed.

    Raises:
        SpecErrors: with every mistake of the file, in its order; its `rest` is an Unfinished if anything could be read.
    """
    file = SpecFile(path=path, root=root.resolve(), named=set() if named is None else named)
    below = path.absolute().is_relative_to(root.absolute())
    name = shown(path.absolute(), root.absolute()) if below else shown(path.resolve(), file.root)
    mistakes = Mistakes()
    read: Unfinished | None = None
    with mistakes:
        if text is None and is_circle(path):
            raise SpecError("a link that leads back to itself", where=Where(file=name), fix="put the file in its place")
        if text is None and not is_below(path, file.root):
            what = "a link that leads out of the project"
            raise SpecError(what, where=Where(file=name), fix="copy the file into the project")
        written = file_text(path, Where(file=name)) if text is None else text
        read = _spec(load(written, name, mistakes.found), file, defaults, mistakes)
    if mistakes.found or read is None:
        raise SpecErrors(list(_first(_in_order(mistakes.found))), rest=read)
    return read.spec


def _in_order(errors: Sequence[ConvrunError]) -> list[ConvrunError]:
    """By place; where YAML itself is wrong, nothing else is said of the same place."""
    broken = {_place(error) for error in errors if isinstance(error, DocumentError)}
    kept = [error for error in errors if isinstance(error, DocumentError) or _place(error) not in broken]
    return sorted(kept, key=_place)


def _first(errors: Sequence[ConvrunError]) -> Iterator[ConvrunError]:
    """The first mistakes of each file, and how many more there are."""
    for name, group in groupby(errors, key=lambda error: _place(error)[0]):
        found = list(group)
        yield from found[:_LISTED]
        more = len(found) - _LISTED
        if more > 0:
            what = f"and {more:,} more mistakes" if more > 1 else "and 1 more mistake"
            yield SpecError(what, where=Where(file=name))


def _place(error: ConvrunError) -> tuple[str, int, int]:
    where = error.where
    return (where.file, where.line or 0, where.column or 0) if where else ("", 0, 0)


def _refuse_cassette(own: document.Mapping, file: SpecFile, name: str) -> None:
    """Raise for a recording: its keys are not misspelt ones of a spec."""
    keys = {key.text: key for key, _ in own.entries}
    if "interactions" not in keys or "turns" in keys:
        return
    below = PurePosixPath(name).relative_to(PurePosixPath(name).parts[0])  # specs/a.yaml has cassettes/a.yaml
    near = [PurePosixPath("specs", one) for one in (below, PurePosixPath(f"{below.parent}.yaml"))]
    spec = next((str(one) for one in near if (file.root / one).is_file()), "the spec that it belongs to")
    fix = f"`convrun show {shlex.quote(name)}` prints it; run {spec}"
    raise SpecError("this is a cassette, no spec", where=keys["interactions"].where, fix=fix)


def _spec(
    read: document.Document, file: SpecFile, defaults: document.Mapping | None, mistakes: Mistakes
) -> Unfinished | None:
    """What can be read of a spec; None where there is not one turn."""
    name = read.source.file
    if read.root is None:
        raise SpecError("an empty spec", where=Where(file=name), fix="write `turns:` with what the user says")
    own = mapping(read.root, SPEC.of)
    _refuse_cassette(own, file, name)
    try:
        parts = SPEC.parts(whole(own, file, defaults), file)
    except SpecErrors as found:
        # What the spec itself says can be judged, but nothing that may stand in a base is missing.
        mistakes.found += [*found.errors, *SPEC.parts(alone(own), file, complete=False).mistakes.found]
        return None
    mistakes.found += parts.mistakes.found
    with mistakes:
        refuse_beside_skip(parts.values.get("skip"), parts.values.get("known_failure"))
    if "turns" not in parts.values:
        return None
    values = {_ATTRIBUTES.get(key, key): value for key, value in parts.values.items()}
    values.setdefault("name", file.path.stem)
    where = Where(file=name, line=read.where.line, column=read.where.column, text=read.where.text)
    spec = Spec(**values, file=name, where=where)
    mistakes.found += past_limit(spec) if "chain_limit" not in parts.broken else ()
    mistakes.found += named_as_case_keys(spec)
    mistakes.found += misplaced(spec) if "turns" not in parts.broken else ()
    return Unfinished(spec=spec, broken=parts.broken)


@takes(type="string", pattern="^/")
def _pointer(node: Node, file: SpecFile) -> Pointer:
    found = decoding.text(node, file)
    if not _POINTER.fullmatch(found):
        fix = (
            f"write '/{found}'"
            if found and "~" not in found and found[0] not in "/$"
            else "write it as /metadata/run_id"
        )
        raise SpecError(f"{found!r} is no JSON pointer", where=node.where, fix=fix)
    return Pointer(text=found, where=node.where)


@takes(checks.shape)
def _appended(node: Node, _: SpecFile) -> tuple[CheckSpec, ...]:
    """Checks behind those of a base; where there is one, they are already there."""
    what = "there is nothing to append to: the spec extends no other"
    raise SpecError(what, where=node.where, fix="write the key without the +")


def _cassette(node: Node, file: SpecFile) -> tuple[Pointer, ...]:
    ignored: tuple[Pointer, ...] = _CASSETTE.values(node, file).get("ignore", ())
    return ignored


_pointers = decoding.listed(_pointer, of="JSON pointers")
_CASSETTE = Record(
    of="cassette",
    keys={"ignore": Key(_pointers, "JSON pointers into the request body that are left out of the comparison.")},
)
_ABROAD = dict.fromkeys(("messages", "prompts", "steps", "conversation"), "turns") | {
    "prompt": "system",
    "functions": "tools",
    "variables": "vars",
    "checks": "expect",
    "assert": "expect",
    "tests": "cases",
}
_ELSEWHERE = dict.fromkeys(
    ("attachments", "branches", "chain", "simulate", "user"), "it belongs to a turn: write it below `turns:`"
) | {key: f"it belongs to the model: write `model: {{name: …, {key}: …}}`" for key in ("api", "base_url", "provider")}
_ATTRIBUTES = {"cassette": "ignored"}
SPEC = Record(
    of="a spec",
    abroad=_ABROAD,
    elsewhere=_ELSEWHERE,
    keys={
        "name": Key(decoding.word, "What the spec is called in lists; default: the file's name without its suffix."),
        "description": Key(decoding.free_text, "A text for people."),
        "tags": Key(decoding.listed(decoding.word, of="tags"), "Words that `convrun run --tag` selects by."),
        "model": Key(model, "Who answers: a name, a mapping or a script; default: the setting `model`."),
        "system": Key(template, "The system prompt."),
        "vars": Key(variables, "Values for templates."),
        "options": Key(options, "Go to the provider as they are: temperature, seed and the like."),
        "tools": Key(tools, "What the model may call."),
        "hooks": Key(hooks, "Functions that watch the conversation; they fire whatever a tool's policy is."),
        "history": Key(history, "What was said before the first turn."),
        "chain_limit": Key(decoding.whole_number(1), "Model calls in one turn, 10 by default; wanting more fails it."),
        "tool_timeout": Key(decoding.duration, "How long a tool may take; 60s by default."),
        "tool_policy": Key(policy, "The policy of the tools that name none."),
        "extends": Key(bases, "Files that this one is written over: mappings merge, all else replaces."),
        "turns": Key(
            turns, "What the user says, and what must hold; needed, here or in a base.", required=True, inherited=True
        ),
        "each_turn": Key(checks, "Checks that every turn has beside its own, but those with expect_error."),
        "expect": Key(checks, "Checks of the whole conversation, judged when every turn ran."),
        "each_turn+": Key(_appended, "Checks behind the `each_turn` of the bases."),
        "expect+": Key(_appended, "Checks behind the `expect` of the bases."),
        "cassette": Key(Decoder(_cassette, _CASSETTE), "How the recording is compared."),
        "skip": Key(decoding.reason, "Why the spec is not run."),
        "known_failure": Key(known_failure, "Why the spec fails; it is shown as skipped, and fails once it passes."),
        "cases": Key(cases, "Rows of values for templates, one conversation each."),
        "matrix": Key(
            matrix, "Lists by `model`, `system`, `options` or the name of a var: a conversation for each combination."
        ),
        "samples": Key(samples, "Several independent conversations that are one test, and how many of them must pass."),
        "faults": Key(faults, "What goes wrong, with which model call or call of a tool."),
        "freeze": Key(freeze, "What now() and uuid() in templates give: the same in every run."),
    },
)
