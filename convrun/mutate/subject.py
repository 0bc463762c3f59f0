"""A recorded conversation, ready to be mutated; or why it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from convrun.cassette.files import load
from convrun.cassette.interaction import Recording
from convrun.errors import CassetteError
from convrun.frozen import frozen
from convrun.mutate.mutant import Mutant
from convrun.mutate.operators import material, mutants
from convrun.mutate.witness import Witness
from convrun.mutation import PassedOver
from convrun.redaction import Redactor
from convrun.results import Problem
from convrun.review.beginnings import turns_before, with_beginning
from convrun.review.judge import Judge, judge_of, judged, partners_of, views_of
from convrun.review.outdated import outdated_parts
from convrun.review.transcripts import transcript
from convrun.run.planning.plan import Planned, Trunk
from convrun.run.playing.opening import refuse_led_away
from convrun.spec.model import ModelFault
from convrun.transcript import Judgement, RecordedTurn, Unjudged

LONGEST = 2_000_000  # characters of a reply, each of whose changes is judged on all of it


@frozen
class Subject:
    """A conversation whose recording passes, or has nothing that could fail; `recorded` are its turns by their place.

    `unjudged` are the checks that cannot be asked.
    """

    planned: Planned
    judge: Judge
    witness: Witness
    recorded: dict[int, RecordedTurn]
    unjudged: tuple[Unjudged, ...]

    @property
    def places(self) -> list[int]:
        """The places of the turns that are mutated: those of known failures and of expected errors are not.

        Nor are those of a simulated user but for its last: to another reply it would have said something else.
        """
        first = self.planned.spec.borrowed  # what is before belongs to the trunk
        turns = ((place, self.judge.turns[place].bound.spec) for place in sorted(self.recorded) if place >= first)
        left = [(place, spec) for place, spec in turns if not spec.known_failure and not spec.expect_error]
        return [place for place, spec in left if spec.simulate is None or spec.simulate.max_turns == 1]

    def mutants(self, place: int) -> Iterator[Mutant]:
        """Yield the mutants of the turn at a place."""
        return mutants(material(self.witness.views, place, self.recorded[place]))


def subject_of(planned: Planned, *, root: Path, keys: Redactor) -> Subject | PassedOver:
    """Return a conversation with its recording, or why it is passed over; `root` is the project's folder.

    `keys` takes the secrets out.
    """
    if planned.skip:
        return _passed_over(planned, f"skipped: {planned.skip}")
    if any(isinstance(fault, ModelFault) for fault in planned.spec.faults):
        return _passed_over(planned, "its faults are in no recording: a run injects them")
    recording = _recording(planned)
    if isinstance(recording, PassedOver):
        return recording
    found = transcript(recording, single=True, redactor=keys)
    turns = found.conversations[0].turns if found.conversations else ()
    judge = judge_of(planned, root=root, asks=False).of(turns)
    planned = judge.planned
    outdated = outdated_parts(judge, turns)
    if outdated:
        return _passed_over(planned, f"its spec has changed since it was recorded: {', '.join(outdated)}")
    judgement = judged(judge, turns)
    if judgement.verdict not in {"passed", "unchecked"}:
        return _passed_over(planned, _why_not(judgement))
    views = views_of(judge, turns)
    longest = max((len(view.reply) for view in views), default=0)
    if longest > LONGEST:
        return _passed_over(planned, f"a reply has {longest:,} characters: changes are made in {LONGEST:,} at most")
    places = partners_of(judge, turns)
    whole = all(index in places or turn.bound.spec.skip for index, turn in enumerate(judge.turns))
    return Subject(
        planned=planned,
        judge=judge,
        witness=Witness(judge, views, whole=whole),
        recorded={index: turns[place] for index, place in places.items()},
        unjudged=judgement.every_unjudged,
    )


def _recording(planned: Planned) -> Recording | PassedOver:
    """What is recorded of a conversation, of a branch with the turns before it; or why that is not known."""
    try:
        refuse_led_away(planned)
        if not planned.cassette.exists():
            return _passed_over(planned, "it is not recorded")
        own = load(planned.cassette, planned.cassette_shown, whole=False)
        whole = with_beginning(planned, own, _of_trunk) if planned.trunks else own
    except CassetteError as error:
        problem = Problem(type="CassetteError", message=error.what, where=error.where, fix=error.fix)
        return PassedOver(
            id=planned.id, group=planned.group, why="its recording cannot be read", where=planned.where, problem=problem
        )
    if whole is own and turns_before(planned):
        return _passed_over(planned, "what it goes on from is not recorded, or otherwise than when it was recorded")
    return whole


def _of_trunk(trunk: Trunk) -> Recording | None:
    refuse_led_away(trunk)
    return load(trunk.cassette, trunk.cassette_shown, whole=False) if trunk.cassette.is_file() else None


def _passed_over(planned: Planned, why: str) -> PassedOver:
    return PassedOver(id=planned.id, group=planned.group, why=why, where=planned.where)


def _why_not(judgement: Judgement) -> str:
    """Why a recording that does not pass does not."""
    if judgement.verdict == "skipped":
        return "it is known to fail"
    problem = next((one.problem for one in judgement.turns.values() if one.problem), None)
    checks = [check for turn in judgement.turns.values() for check in turn.checks] + [*judgement.checks]
    failing = next((one for one in checks if one.verdict != "passed" and not one.info), None)
    why = problem.message if problem else f"{failing.kind}: {failing.message}" if failing else "a check fails"
    return f"its recording does not pass: {why}"
