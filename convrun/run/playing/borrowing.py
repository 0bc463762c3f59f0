"""What a branch borrows: the turns before it, which are played from the cassettes of its trunks, and only played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from convrun.cassette.files import load
from convrun.cassette.playing import Player
from convrun.redaction import Redactor
from convrun.run.binding.bind import BoundConversation
from convrun.run.planning.options import RecordMode, RunOptions
from convrun.run.planning.plan import Planned, Trunk
from convrun.run.playing.carrier import Carrier, Lent


def borrow(
    carrier: Carrier, bound: BoundConversation, options: RunOptions, *, environ: Mapping[str, str], redactor: Redactor
) -> bool:
    """Let the carrier of a branch play the turns of its trunks; return whether their recordings are there.

    Raises:
        CassetteError: where one of them cannot be read.
    """
    planned = bound.planned
    lent: list[Lent] = []
    for trunk in needed(planned):
        if trunk.cassette.is_file():
            recording = load(trunk.cassette, trunk.cassette_shown)
            player = Player(recording, ignore=planned.spec.ignore, redactor=redactor)
            lent.append(Lent(until=trunk.turns, transport=player, player=player))
        elif not _answers_itself(bound, options):
            return False
        else:
            from convrun.run.playing.going_live import live

            lent.append(Lent(until=trunk.turns, transport=live(bound, options, environ)))
    carrier.borrow(lent, turns=planned.spec.borrowed)
    return True


def needed(planned: Planned) -> Sequence[Trunk]:
    """Return the trunks of a branch in which something was said: where all turns were passed over nothing is."""
    return [trunk for trunk, said in _said(planned) if said]


def _said(planned: Planned) -> Iterator[tuple[Trunk, bool]]:
    begin = 0
    for trunk in planned.trunks:
        yield trunk, any(turn.skip is None for turn in planned.spec.turns[begin : trunk.turns])
        begin = trunk.turns


def _answers_itself(bound: BoundConversation, options: RunOptions) -> bool:
    """Whether an offline model may answer without a recording."""
    recording = options.refresh or options.rehearsal is not None or options.record is RecordMode.ALL
    return bound.offline and not recording


def lacking(planned: Planned) -> str | None:
    """Return why a branch cannot be played, in words, where the recording of a trunk is missing."""
    trunk = next((one for one in needed(planned) if not one.cassette.is_file()), None)
    if trunk is None:
        return None
    return f"no {trunk.cassette_shown}, which holds its beginning"
