"""Recordings whose spec or case was renamed: cassettes of nobody that fit a conversation which has none.

Nothing is run or imported: what the user says today is held against what was recorded.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath

from convrun.cassette.as_chat import Chats
from convrun.cassette.files import load
from convrun.cassette.kept.partial import partial_path
from convrun.cassette.stored.beside import SUFFIX, moving
from convrun.errors import CassetteError, ConvrunError, TemplateError
from convrun.frozen import frozen
from convrun.results import Finding
from convrun.run.binding.names import mention, used_templates, variables_named
from convrun.run.findings.orphans import orphans
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import Planned, plan
from convrun.run.playing.judging import template_names
from convrun.run.playing.surroundings import Surroundings, shown_variables
from convrun.run.project import Prepared, open_project
from convrun.settings import Settings
from convrun.spec.ids import cassette_file
from convrun.spec.model import Spec
from convrun.templates import Text, render_text
from convrun.values import Json, JsonObject


@frozen
class Renamed:
    """A cassette of nobody, below the root, that may be the recording of a conversation, and what makes it so."""

    cassette: str
    planned: Planned
    command: str

    @property
    def remark(self) -> str:
        """Return it in words."""
        return f"{self.cassette} may be the recording of {self.planned.id}: {self.command}"


@frozen
class _Said:
    """The texts of a conversation: the system prompt and those of the user; None where only a run can know.

    `body` is that of a recorded request.
    """

    system: str | None
    users: tuple[str | None, ...]
    body: JsonObject = field(default_factory=dict)


def told_as_renamed(prepared: Prepared, orphaned: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings of orphans; one that fits a conversation says so, and what moves it."""
    files = [one.where.file for one in orphaned if one.where]
    found = renamed(prepared.project.settings, prepared.plan.conversations, files, prepared.plan.conversations)
    moved = {
        one.cassette: f"it may be the recording of {one.planned.id}, which has none: {one.command}" for one in found
    }
    return tuple(replace(one, fix=moved.get(one.where.file, one.fix)) if one.where else one for one in orphaned)


def renamed_in(prepared: Prepared, options: RunOptions, environ: Mapping[str, str]) -> tuple[Renamed, ...]:
    """Return those that fit conversations of a selection, whatever else is selected; none where a spec has mistakes."""
    request, settings = prepared.project.request, prepared.project.settings
    chosen = [one.planned for one in prepared.conversations]
    if request is None or options.models or not any(map(_is_missing, chosen)):
        return ()
    try:
        whole = open_project([], cwd=settings.root, environ=environ, overrides=request.overrides)
    except ConvrunError:
        return ()
    made = plan(whole.specs, settings, RunOptions())
    if whole.errors or made.errors:
        return ()
    found = orphans(settings, made.conversations)
    orphaned = [*found.files, *(path for path, _ in found.undecided)]  # both may be moved
    return renamed(settings, chosen, orphaned, made.conversations)


def renamed(
    settings: Settings, conversations: Iterable[Planned], orphaned: Iterable[str], every: Iterable[Planned]
) -> tuple[Renamed, ...]:
    """Return which of the orphaned cassettes may be the recordings of which conversations: each of one at most.

    `every` are those of all specs: what one of them had when it had more samples is not another's.
    """
    missing = [(one, _planned_texts(one)) for one in conversations if _is_missing(one)]
    groups = {one.group for one in every if one.sample is not None} if missing else ()
    sampled = {f"{settings.cassettes}/{cassette_file(group, settings.specs, 2)}".rpartition("@")[0] for group in groups}
    fits = []
    for path in orphaned if missing else ():
        if path.rpartition("@")[0] in sampled and _number_in(path) > 1:
            continue
        recorded = _recorded_texts(settings.root / path, path)
        for place, (planned, today) in enumerate(missing):
            rank = _difference(today, recorded, planned.spec) if recorded is not None else None
            if rank is not None and recorded is not None and not _of_another_value(planned, today, recorded):
                fits.append(((rank, _number_in(path) != (planned.sample or 1)), path, place, planned))
    found: dict[str, Renamed] = {}
    taken: set[int] = set()
    for _, path, place, planned in sorted(fits, key=lambda fit: fit[:3]):
        if path not in found and place not in taken:
            taken.add(place)
            found[path] = Renamed(cassette=path, planned=planned, command=_command(settings.root, path, planned))
    return tuple(found.values())


def _number_in(path: str) -> int:
    """The number of a sample that the name of a cassette ends in; 1 where it ends in none."""
    number = PurePosixPath(path).stem.rpartition("@")[2]
    return int(number) if number.isdecimal() and number.isascii() else 1


def _is_missing(planned: Planned) -> bool:
    return not (os.path.lexists(planned.cassette) or os.path.lexists(partial_path(planned.cassette)) or planned.skip)


def _difference(today: _Said, recorded: _Said, spec: Spec) -> int | None:
    """How unlike the texts are, 0 where they are the same; None where a recording is another conversation's."""
    before = sum(message.role == "user" for message in spec.history)
    pairs = list(zip(today.users, recorded.users[before:], strict=False))
    if not pairs or all(text is None for text, _ in pairs) or pairs[0][0] not in (None, pairs[0][1]):
        return None
    first = sum(turn.skip is None for turn in spec.turns[: spec.borrowed])
    if first and (len(pairs) <= first or pairs[first][0] not in (None, pairs[first][1])):
        return None  # it branches off as this one does, and goes on otherwise
    same = all(text in (None, heard) for text, heard in pairs)
    same_system = today.system == recorded.system
    if not same and not (same_system and pairs[0][0] is not None):
        return None
    lengths = len(recorded.users) - before != len(today.users)
    return 4 * (not same) + 2 * (not same_system) + lengths


def _of_another_value(planned: Planned, today: _Said, recorded: _Said) -> bool:
    """Whether a recording is of another model, system prompt or options than a combination of a matrix has."""
    spec, model, body = planned.spec, planned.model, recorded.body
    axes = {axis.name for axis in spec.matrix}
    asked = str(body.get("model"))
    same_model = asked.startswith("script:") if model.script else f"/{model.name}".endswith(f"/{asked}")
    if "model" in axes and not same_model:
        return True
    if "system" in axes and today.system not in (None, recorded.system):
        return True
    own = {key for turn in spec.turns for key in turn.options}
    return "options" in axes and any(body.get(key) != value for key, value in spec.options.items() if key not in own)


def _recorded_texts(file: Path, shown_as: str) -> _Said | None:
    """What was said in a recording; None where it cannot be read, or is no chat."""
    try:
        interactions = load(file, shown_as, whole=False).interactions
    except CassetteError:
        return None
    chats = (one.request for one in reversed(Chats(interactions).interactions))
    chat = next((one for one in chats if one.messages), None)
    if chat is None:
        return None
    messages: Sequence[JsonObject] = chat.messages
    texts = [(message.get("role"), _text_of(message.get("content"))) for message in messages]
    system = texts[0][1] if texts[0][0] in ("system", "developer") else None
    users = tuple(text for role, text in texts if role == "user" and text)
    return _Said(system=system, users=users, body=chat.body if isinstance(chat.body, dict) else {})


def _text_of(content: Json) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _planned_texts(planned: Planned) -> _Said:
    """What is said in a conversation today, with placeholders of environment variables, as in a recording."""
    spec = planned.spec
    variables = shown_variables(variables_named(used_templates(spec)), {})
    surroundings = Surroundings(env=variables, freeze=spec.freeze)

    def rendered(text: Text, purpose: str, turn: int = 0) -> str | None:
        try:
            names = template_names(planned.vars, (), surroundings.for_messages(purpose, turn))
            return None if mention([text], "turns") else render_text(text, names)
        except TemplateError:
            return None

    system = rendered(spec.system, "system") if spec.system is not None else None
    known = takewhile(lambda turn: turn.simulate is None, spec.turns)  # what is said behind it, only a run can know
    turns = ((number, turn) for number, turn in enumerate(known, start=1) if not turn.skip)
    return _Said(system=system, users=tuple(rendered(turn.user, "turn", number) for number, turn in turns))


def _command(root: Path, old: str, planned: Planned) -> str:
    """The line that gives a cassette its name, with what lies beside it."""
    return " && ".join(_steps(root, old, planned, moving(root)))


def _steps(root: Path, old: str, planned: Planned, move: str) -> Iterator[str]:
    new = planned.cassette_shown
    if not planned.cassette.parent.is_dir():
        yield f"mkdir -p {shlex.quote(PurePosixPath(new).parent.as_posix())}"
    yield f"{move} {shlex.quote(old)} {shlex.quote(new)}"
    if (root / f"{old}{SUFFIX}").is_dir():
        yield f"{move} {shlex.quote(f'{old}{SUFFIX}')} {shlex.quote(f'{new}{SUFFIX}')}"
