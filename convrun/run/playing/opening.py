"""Which carrier a conversation gets: what plays its cassette, or what goes live; none where it has neither."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import PurePath

from convrun.cassette.files import load
from convrun.cassette.playing import Player
from convrun.errors import CassetteError
from convrun.redaction import Redactor
from convrun.run.binding.bind import BoundConversation
from convrun.run.planning.options import RecordMode, RunOptions
from convrun.run.planning.plan import Planned, Trunk
from convrun.run.playing.carrier import Carrier
from convrun.source import Where, is_below, is_circle


@contextmanager
def open_carrier(
    bound: BoundConversation, options: RunOptions, *, environ: Mapping[str, str], redactor: Redactor
) -> Iterator[Carrier | None]:
    """Yield what carries this conversation; None where its cassette is missing and nothing may go live.

    `redactor` takes its secrets out of what is kept.

    Raises:
        CassetteError: where the cassette cannot be read, or could not be written later.
    """
    with _own(bound, options, environ=environ, redactor=redactor) as carrier:
        if carrier is None or not bound.planned.trunks:
            yield carrier
            return
        for trunk in bound.planned.trunks:
            refuse_led_away(trunk)
        from convrun.run.playing.borrowing import borrow  # few specs have branches

        yield carrier if borrow(carrier, bound, options, environ=environ, redactor=redactor) else None


@contextmanager
def _own(
    bound: BoundConversation, options: RunOptions, *, environ: Mapping[str, str], redactor: Redactor
) -> Iterator[Carrier | None]:
    """What carries what the conversation's own cassette holds, or is to hold."""
    planned, mode = bound.planned, options.record
    exists = planned.cassette.exists() or planned.cassette.is_symlink()
    refuse_led_away(planned)
    if options.rehearsal is not None:
        from convrun.run.playing.going_live import rehearsed  # a replay does without

        with rehearsed(bound, options, redactor, environ, exists=exists) as carrier:
            yield carrier
    elif exists and mode in {RecordMode.NONE, RecordMode.ONCE}:
        yield _playing(bound, options, redactor, environ)
    elif bound.offline and not exists and not options.refresh and mode is not RecordMode.ALL:
        # An offline model needs no cassette; `record` and `all` write one.
        from convrun.run.playing.going_live import live, unkept_lanes

        carrier = Carrier(live(bound, options, environ))
        carrier.lanes = unkept_lanes(bound, options, redactor, environ)
        yield carrier
    elif mode is RecordMode.NONE:
        yield None
    else:
        from convrun.run.playing.going_live import recorded

        with recorded(bound, options, redactor, environ) as carrier:
            yield carrier


def refuse_led_away(planned: Planned | Trunk) -> None:
    """Make sure that no link leads out of the project: what is there is not shown, and nothing is written there.

    Raises:
        CassetteError: where one does.
    """
    below = PurePath(planned.cassette_shown)
    if below.is_absolute() or ".." in below.parts:
        return  # the user's own words
    folder = planned.cassette.parents[len(below.parts) - 1]
    if is_circle(planned.cassette):
        where = Where(file=planned.cassette_shown)
        raise CassetteError("a link that leads back to itself", where=where, fix="remove it, and record again")
    if not is_below(planned.cassette, folder):
        fix = "name the folder behind it, in the settings or with --cassettes"
        raise CassetteError("a link that leads out of the project", where=Where(file=planned.cassette_shown), fix=fix)


def _playing(bound: BoundConversation, options: RunOptions, redactor: Redactor, environ: Mapping[str, str]) -> Carrier:
    """What plays the cassette as it stands."""
    planned = bound.planned
    recording = load(planned.cassette, planned.cassette_shown)
    player = Player(recording, ignore=planned.spec.ignore, redactor=redactor)
    carrier = Carrier(player, player=player)
    if bound.asked or recording.lanes:
        from convrun.run.playing.lane_calls import lane_player  # few specs ask anybody else
        from convrun.run.playing.lanes import carried_lanes

        recorded = partial(lane_player, recording, redactor, to_record=options.refresh)
        carrier.lanes = carried_lanes(bound, options, recorded, environ=environ, redactor=redactor)
    return carrier
