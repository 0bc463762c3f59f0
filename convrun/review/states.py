"""How recordings stand to what would be sent today, without running anything: fresh, stale, missing, orphaned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from functools import partial
from posixpath import normpath

from convrun.cassette.kept.known import FROM_SCRATCH
from convrun.cassette.kept.partial import partial_path, read_partial
from convrun.cassette.stored.beside import SUFFIX
from convrun.conversation.tools import Tool
from convrun.errors import ConvrunError, UsageError
from convrun.frozen import frozen
from convrun.results import ConversationResult
from convrun.review.quoting import Quoting
from convrun.review.repository import Repository
from convrun.review.unfinished import part_of, unfinished
from convrun.run.binding.bind import BoundConversation
from convrun.run.findings.orphans import orphans
from convrun.run.findings.renamed import Renamed, renamed_in
from convrun.run.planning.options import RecordMode, Rehearsal, RunOptions
from convrun.run.planning.plan import Planned, plan
from convrun.run.playing.conversation import run_conversation
from convrun.run.playing.rehearsing import makes_tools, on_paper
from convrun.run.project import Prepared
from convrun.settings import Settings
from convrun.transcript import RecordingState, RecordingStates, Renaming, State


def recording_states(
    prepared: Prepared, options: RunOptions, *, environ: Mapping[str, str], whole: bool
) -> RecordingStates:
    """Return how the recordings of these conversations stand; `whole`: they are of all specs of the specs folder.

    Only then it is known which cassettes are orphaned.
    """
    project = prepared.project
    environ, settings = project.environ(environ), project.settings
    quoting = quotes_of(prepared, options, environ=environ)
    commits = _Commits.of(settings)
    found = []
    for bound in prepared.conversations:
        result = rehearsed_on_paper(bound, options, environ=environ)
        state = state_of(bound, result, assumed=True)
        if state.state in {"stale", "missing", "partial"}:
            state = replace(state, quote=quoting.quote(bound, result))
        found.append(
            replace(state, committed=commits.day(bound.planned), unsaved=commits.unsaved_beside(bound.planned))
        )
    every = plan(project.specs, settings, RunOptions()).conversations if whole else ()
    parts = dict(unfinished(settings)) if whole else {}
    lost = orphans(settings, every, parts).files if whole else ()
    return RecordingStates(
        states=tuple(found),
        orphans=tuple(part_of(one) if one in parts else one for one in lost),
        renamed=_renamings(renamed_in(prepared, options, environ)),
        dated=commits.known,
    )


def _renamings(found: Iterable[Renamed]) -> tuple[Renaming, ...]:
    return tuple(Renaming(cassette=one.cassette, conversation=one.planned.id, command=one.command) for one in found)


def quotes_of(prepared: Prepared, options: RunOptions, *, environ: Mapping[str, str]) -> Quoting:
    """Return what quotes the conversations of a project."""
    settings = prepared.project.settings
    return Quoting(root=settings.root, siblings=partial(_siblings, settings, options), environ=environ)


def rehearsed_on_paper(
    bound: BoundConversation,
    options: RunOptions,
    *,
    mode: RecordMode = RecordMode.NEW_EPISODES,
    environ: Mapping[str, str],
) -> ConversationResult:
    """Return how far a conversation is known, with tools that answer as they did; no code of the project is called."""
    how = replace(options, record=mode, refresh=True, rehearsal=Rehearsal.ON_PAPER)
    return run_conversation(bound, how, environ=environ)


def broken_off(
    bound: BoundConversation, options: RunOptions, *, environ: Mapping[str, str]
) -> ConversationResult | None:
    """Return how far a recording from scratch that broke off goes on; None where none has left anything."""
    found = read_partial(partial_path(bound.planned.cassette))
    if found.mode != FROM_SCRATCH or not found.interactions:
        return None
    return rehearsed_on_paper(bound, options, mode=RecordMode.ALL, environ=environ)


def goes_on_from(
    bound: BoundConversation, result: ConversationResult | None, options: RunOptions, *, environ: Mapping[str, str]
) -> ConversationResult | None:
    """Return how a conversation stands that was judged by its cassette alone, with what one that broke off has left."""
    if result is None or not read_partial(partial_path(bound.planned.cassette)).interactions:
        return result
    return rehearsed_on_paper(bound, options, environ=environ)


def state_of(bound: BoundConversation, result: ConversationResult, *, assumed: bool = False) -> RecordingState:
    """Return how the recording of a rehearsed conversation stands; `assumed`: on paper."""
    planned = bound.planned
    partial_recording = read_partial(partial_path(planned.cassette))
    kept, scratch = len(partial_recording.interactions), partial_recording.mode == FROM_SCRATCH
    states: Mapping[str, State] = {"stale": "stale", "missing": "missing", "error": "error", "skipped": "skipped"}
    verdict = "stale" if result.stale is not None else result.verdict  # a check may fail beside a stale one
    state = "skipped" if planned.skip else states.get(verdict, "fresh")
    if state == "missing" and bound.offline:
        state = "offline"
    if kept and (state in {"stale", "missing"} or (state == "fresh" and not _without_partial(bound, scratch=scratch))):
        state = "partial"
    return RecordingState(
        id=planned.id,
        spec=planned.spec.file,
        cassette=planned.cassette_shown,
        state=state,
        kept=kept,
        scratch=scratch,
        stale=result.stale,
        problem=result.error,
        reason=planned.skip,
        longer=state == "fresh" and any(one.kind == "unplayed" for one in result.findings),
        vars=result.vars,
        assumed=tuple(dict.fromkeys(_assumed(bound, result))) if assumed and state == "fresh" else (),
    )


def _without_partial(bound: BoundConversation, *, scratch: bool) -> bool:
    """Whether the cassette alone answers all of a conversation, beside which one that broke off stands."""
    if scratch and (found := broken_off(bound, RunOptions(), environ={})) is not None and found.verdict == "unchecked":
        return False
    return run_conversation(on_paper(bound), RunOptions(), environ={}).verdict == "unchecked"


def _assumed(bound: BoundConversation, result: ConversationResult) -> Iterator[str]:
    """What would be called, and may answer otherwise than it did; a name may come twice."""
    spec = bound.spec
    called = {call.name for turn in result.turns for call in turn.tool_calls}
    for hook in (*spec.before_conversation, *((*spec.before_call, *spec.after_call) if called else ())):
        yield f"hook {getattr(hook, '__name__', repr(hook))!r}"
    for tool in spec.tools:
        if tool.policy == "live":
            named = called.intersection(tool.names)
            yield from (f"tool {name!r}" for name in tool.names if name in named)
        if makes_tools(tool) and not isinstance(tool.made, Tool):
            yield f"what {tool.spec.name or tool.made.__name__!r} offers at run time"


def _siblings(settings: Settings, options: RunOptions, planned: Planned) -> Sequence[Planned]:
    """All conversations of the spec of one, those with the models asked for first."""
    found: list[Planned] = []
    for models in dict.fromkeys((options.models, ())):
        with suppress(ConvrunError):  # said where it is selected
            found += plan([(planned.spec, None)], settings, RunOptions(models=models)).conversations
    return found


@frozen
class _Commits:
    """What git knows of the cassettes folder: the days of last commits, and what is not committed as it is now.

    Paths begin at the root. Unless it is `known`, there is no repository, or nothing in it.
    """

    days: Mapping[str, str] = field(default_factory=dict)
    unsaved: frozenset[str] = frozenset()
    known: bool = False

    @classmethod
    def of(cls, settings: Settings) -> _Commits:
        """Return what git knows of a project's cassettes."""
        try:
            repository = Repository(settings.root)
            days = repository.last_commits(settings.cassettes)
            return cls(days=days, unsaved=frozenset(repository.unsaved(settings.cassettes)), known=True)
        except UsageError:
            return cls()

    def day(self, planned: Planned) -> str | None:
        """Return the day of a cassette's last commit; None where that does not hold it, or not all it refers to."""
        path = normpath(planned.cassette_shown)
        return None if path in self.unsaved or self._beside(planned) else self.days.get(path)

    def unsaved_beside(self, planned: Planned) -> tuple[str, ...]:
        """Return the attachments that lack in the last commit, where that has the cassette as it is."""
        path = normpath(planned.cassette_shown)
        return self._beside(planned) if path in self.days and path not in self.unsaved else ()

    def _beside(self, planned: Planned) -> tuple[str, ...]:
        folder = f"{normpath(planned.cassette_shown)}{SUFFIX}/"
        files = sorted(path for path in self.unsaved if path.startswith(folder))
        if not files:
            return ()
        try:
            text = planned.cassette.read_text("utf-8", "replace")
        except OSError:
            return ()
        return tuple(path for path in files if path.removeprefix(folder) in text)  # only what it names is its own
