"""The carrier of a conversation that goes live and is recorded, or is rehearsed as if it were.

A replay does without this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convrun.backends.metering import Account, Meter
from convrun.backends.resolving import live_transport
from convrun.cassette.kept.known import Known, from_turn_mode, read_known
from convrun.redaction import Redactor
from convrun.run.binding.bind import BoundConversation
from convrun.run.binding.bound_models import script_lines
from convrun.run.binding.variable_rules import variable_errors
from convrun.run.planning.options import Rehearsal, RunOptions
from convrun.run.playing.carrier import Carrier
from convrun.run.playing.lane_answers import gives_answer
from convrun.run.playing.rehearsing import Refusing, refuse
from convrun.spec.model import ToolDeclaration
from convrun.wire import Transport

if TYPE_CHECKING:
    from convrun.cassette.interaction import ReceivedReply, SentRequest
    from convrun.cassette.kept.exchange import Price
    from convrun.cassette.kept.recording import Recorder
    from convrun.run.playing.lanes import CarriedLanes


def live(bound: BoundConversation, options: RunOptions, environ: Mapping[str, str]) -> Transport:
    """Return what answers for real. What a replay did without is needed now.

    Raises:
        SettingsError: where a variable of the environment is not as a live call needs it.
    """
    model = bound.planned.model
    errors = variable_errors(bound.planned.spec, environ, bound.model, bound.trusted) if not bound.model.offline else ()
    for error in errors:
        raise error
    return live_transport(
        bound.model,
        script=script_lines(model.script) or (),
        history_replies=sum(message.role == "assistant" for message in bound.planned.spec.history),
        timeout=model.timeout,
        max_retries=model.max_retries,
        rpm=bound.rpm,
        heard=options.heard,
        environ=environ,
        trusted_base_urls=bound.trusted,
    )


@contextmanager
def recorded(
    bound: BoundConversation, options: RunOptions, redactor: Redactor, environ: Mapping[str, str]
) -> Iterator[Carrier]:
    """Yield what plays what is known of the conversation, goes live with the rest, and keeps it."""
    account = Account(bound.model, options.meter or Meter(), environ=environ)

    def counted() -> Transport:
        return account.metered(live(bound, options, environ))

    def price(_: SentRequest, reply: ReceivedReply) -> float | None:
        from convrun.backends.prices import recorded_cost_usd  # the account has them already

        return recorded_cost_usd(bound.model, reply.payloads or (), environ=environ)

    with _recorder(bound, _known(bound, options, redactor), counted, redactor, price=price) as recorder:
        carrier = Carrier(
            recorder,
            player=recorder.known,
            recorder=recorder,
            offline=bound.model.offline is not None,
            account=account,
            from_turn=options.from_turn,
        )
        carrier.lanes = _lanes(bound, options, recorder.known, redactor, environ, recorder)
        yield carrier


@contextmanager
def rehearsed(
    bound: BoundConversation, options: RunOptions, redactor: Redactor, environ: Mapping[str, str], *, exists: bool
) -> Iterator[Carrier | None]:
    """Yield what answers from what is known only; None where nothing is. `exists`: there is a cassette.

    With tools it keeps what a recording that broke off has all of.
    """
    known = _known(bound, options, redactor)
    lanes = _lanes(bound, options, known, redactor, environ)
    if not exists and not known.plays:
        yield None
    elif options.rehearsal is Rehearsal.ON_PAPER:
        carrier = Carrier(Refusing(known), player=known, rehearsal=known, from_turn=options.from_turn)
        carrier.lanes = lanes
        yield carrier
    else:
        with _recorder(bound, known, refuse, redactor) as recorder:
            carrier = Carrier(recorder, player=known, recorder=recorder, rehearsal=known, from_turn=options.from_turn)
            carrier.lanes = lanes
            yield carrier


def _known(bound: BoundConversation, options: RunOptions, redactor: Redactor) -> Known:
    """What is known of the conversation before it is recorded."""
    planned = bound.planned
    known = read_known(
        planned.cassette,
        shown_as=planned.cassette_shown,
        mode=options.record.value if options.from_turn is None else from_turn_mode(options.from_turn),
        ignore=planned.spec.ignore,
        redactor=redactor,
        results=_needs_results(bound),
        usable=gives_answer if bound.asked else None,
    )
    if known.note and options.heard is not None and options.rehearsal is None:
        options.heard(known.note)
    return known


def _needs_results(bound: BoundConversation) -> bool:
    """Whether a tool without code can only answer from the old recording."""
    return any(isinstance(tool.spec, ToolDeclaration) and tool.recorded for tool in bound.spec.tools)


def _recorder(
    bound: BoundConversation,
    known: Known,
    asked: Callable[[], Transport],
    redactor: Redactor,
    price: Price | None = None,
) -> Recorder:
    """What records the conversation: it goes on from what is known of it, and what is not is asked."""
    from convrun.cassette.kept.recording import Recorder  # an offline model and a rehearsal on paper do without

    return Recorder(
        bound.planned.cassette,
        shown_as=bound.planned.cassette_shown,
        live=asked,
        known=known,
        price=price,
        redactor=redactor,
        free=bound.model.offline is not None,
    )


def unkept_lanes(
    bound: BoundConversation, options: RunOptions, redactor: Redactor, environ: Mapping[str, str]
) -> CarriedLanes | None:
    """Return what asks a model of our own that plays the user, and keeps nothing; None where there is none."""
    if not bound.asked:
        return None
    from convrun.cassette.lanes import LanePlayer
    from convrun.run.playing.lanes import carried_lanes  # few specs have one

    nothing = LanePlayer(redactor=redactor)
    return carried_lanes(bound, options, lambda: nothing, environ=environ, redactor=redactor, unkept=True)


def _lanes(
    bound: BoundConversation,
    options: RunOptions,
    known: Known,
    redactor: Redactor,
    environ: Mapping[str, str],
    recorder: Recorder | None = None,
) -> CarriedLanes | None:
    """What answers checks that ask models; None where there is none."""
    if not (bound.asked or known.has_lanes):
        return None
    from convrun.run.playing.lanes import carried_lanes  # few specs ask anybody else

    return carried_lanes(bound, options, lambda: known.lanes, environ=environ, redactor=redactor, recorder=recorder)
