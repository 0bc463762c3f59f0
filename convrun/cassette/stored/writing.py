"""From a recording to the text of a cassette."""

from __future__ import annotations

from functools import partial

from convrun.cassette.interaction import Interaction, Recording, lanes_last
from convrun.cassette.stored.attachments import from_memory, put_aside
from convrun.cassette.stored.emitting import emit, escaped
from convrun.cassette.stored.format import VERSION, States, chained_digest, interaction_node, read_ours
from convrun.errors import CassetteError
from convrun.source import Where
from convrun.values import Json, JsonObject

_LINES = {
    0: frozenset({"timings", "costs", "digests"}),
    4: frozenset({"usage", "deltas"}),
}  # by indent; 4 is a response's


def write(recording: Recording, aside: dict[str, bytes] | None = None) -> str:
    """Return the text of the cassette; it was read back and found equal.

    Attachments go to `aside`, by name, to be written beside it; without, they stay in the text.

    Raises:
        CassetteError: where the text cannot hold the recording.
    """
    interactions = lanes_last(recording.interactions)
    document = _document(interactions, aside)
    source = partial(from_memory, aside or {})
    for cautious in (False, True):
        text = emit(document, _LINES, cautious=cautious)
        try:
            again = read_ours(text, recording.file, source).interactions
        except CassetteError:
            continue
        if all(map(_same, again, interactions)):
            return text
    where = Where(file=recording.file)
    raise CassetteError("the recording cannot be written so that it reads back the same", where=where)


def _same(read_back: Interaction, written: Interaction) -> bool:
    """Whether an interaction came back; the digests vouch for the stored form, and chunks may be cut otherwise."""
    same_reply = read_back.reply == written.reply or (read_back.reply.stream and written.reply.stream)
    same_beside = read_back.cost_usd == written.cost_usd and read_back.lane == written.lane
    return read_back.request == written.request and same_reply and same_beside


def _document(interactions: tuple[Interaction, ...], aside: dict[str, bytes] | None) -> JsonObject:
    states = States()
    nodes: list[Json] = []
    digests: list[Json] = []
    previous = ""
    for interaction in interactions:
        node = escaped(interaction_node(interaction, states))
        node = node if aside is None else put_aside(node, aside)
        nodes.append(node)
        previous = chained_digest(node, previous)
        digests.append(previous)
    timings: list[Json] = [_timing(interaction) for interaction in interactions]
    costs = {"costs": _costs(interactions)} if any(one.cost_usd is not None for one in interactions) else {}
    return {"version": VERSION, "interactions": nodes, "timings": timings, **costs, "digests": digests}


def _costs(interactions: tuple[Interaction, ...]) -> Json:
    """What each interaction cost; whole dollars, nothing above all, are written as such."""
    found = (interaction.cost_usd for interaction in interactions)
    return [int(cost) if cost is not None and cost.is_integer() else cost for cost in found]


def _timing(interaction: Interaction) -> Json:
    """Milliseconds until the reply was there; of a stream also until its first delta, which stands first."""
    return interaction.elapsed_ms if interaction.first_ms is None else [interaction.first_ms, interaction.elapsed_ms]
