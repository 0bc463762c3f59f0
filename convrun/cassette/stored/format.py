"""From the text of a cassette to a recording."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

from convrun.cassette.beginning import OURS
from convrun.cassette.interaction import RECORD_ANEW, Interaction, Recording, dollars, lanes_last, milliseconds
from convrun.cassette.stored import reply_nodes, request_nodes
from convrun.cassette.stored.json_text import ATTACHMENT, JSON_TEXT, unescaped
from convrun.cassette.stored.reply_nodes import ReplyState, full_reply, reply_node
from convrun.cassette.stored.request_nodes import RequestState, full_request, request_node
from convrun.document import read_values
from convrun.errors import CassetteError, ConvrunError, did_you_mean
from convrun.source import Where
from convrun.values import Json, JsonObject

if TYPE_CHECKING:
    from convrun.cassette.stored.attachments import Source

VERSION = "convrun/1"
_KEYS = ("version", "interactions", "timings", "digests", "costs")
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)  # texts are indented: only a merge writes this in column 1
_MEND = f"take one side of the file as it was, or {RECORD_ANEW}"
_MIXED = f"it was edited, or a merge made a mix of two recordings: {_MEND}"

Attachments: TypeAlias = "Callable[[], Source]"  # what makes their source, where there are some


def chained_digest(node: Json, previous: str) -> str:
    """Return 12 hex digits over a stored interaction and the digest before: none is lost or moved unseen.

    Raises:
        CassetteError: where the interaction is no JSON.
    """
    try:
        text = _encode(node)
    except (TypeError, ValueError) as error:
        raise CassetteError(f"an interaction holds what JSON does not have: {error}", fix=RECORD_ANEW) from error
    return sha256(f"{previous}{text}".encode()).hexdigest()[:12]


def read(text: str, file: str, attachments: Attachments | None = None) -> Recording:
    """Return the recording in a cassette's text: ours, or a stock vcrpy file in YAML or JSON.

    `attachments` makes what reads those that lie beside it; without, one that has some is an error.

    Raises:
        CassetteError: where it is neither, or is damaged.
    """
    conflict = _CONFLICT.search(text) if "<<<<<<<" in text or ">>>>>>>" in text else None
    if conflict is not None:
        line = text.count("\n", 0, conflict.start()) + 1
        raise CassetteError(
            f"the file holds the conflict marker {conflict[0].strip()!r} of a merge",
            where=Where(file=file, line=line),
            fix=_MEND,
        )
    try:
        if OURS.match(text):
            return read_ours(text, file, attachments)
        from convrun.cassette.stored.stock import read_stock  # most files are ours

        return Recording(interactions=read_stock(text, file), file=file)
    except CassetteError as error:
        error.fix = error.fix or _MEND
        raise error.at(Where(file=file)) from error.__cause__


def read_ours(text: str, file: str, attachments: Attachments | None = None) -> Recording:
    """Return the recording in a text of our own format.

    Raises:
        CassetteError: where it is damaged.
    """
    try:
        document = read_values(text, file)
    except ConvrunError as error:
        raise CassetteError(
            f"not a whole cassette: {error.what}", where=error.where or Where(file=file), fix=_MIXED
        ) from error
    if not isinstance(document, dict):
        raise CassetteError("not a cassette: a mapping is wanted", fix=_MEND)
    if document.get("version") != VERSION:
        raise CassetteError(
            f"version {document.get('version')!r} is not known",
            fix=f"this convrun reads {VERSION!r}; a newer one may read it",
        )
    _refuse_unknown(document, _KEYS, "the cassette")
    nodes, timings, digests, costs = (document.get(key) for key in _KEYS[1:])
    if not isinstance(nodes, list) or not isinstance(timings, list) or not isinstance(digests, list):
        raise CassetteError("the file is not whole: 'interactions', 'timings' and 'digests' are lists", fix=_MEND)
    if not len(nodes) == len(timings) == len(digests):
        raise CassetteError(
            f"{len(nodes)} interactions, {len(timings)} timings, {len(digests)} digests: it was cut or badly merged",
            fix=_MIXED,
        )
    if costs is None and "costs" not in document:
        costs = [None] * len(nodes)
    if not isinstance(costs, list) or len(costs) != len(nodes):
        what = f"the costs of {len(nodes)} interactions are a list of as many: it was cut or badly merged"
        raise CassetteError(what, fix=_MIXED)
    _check_digests(nodes, digests)
    full: Callable[[Json], Json] | None = None
    if ATTACHMENT in text:
        full = partial(unescaped, attached=_attached(attachments))
    elif JSON_TEXT in text:
        full = unescaped
    return Recording(interactions=_interactions(nodes, timings, costs, full), file=file)


def _attached(attachments: Attachments | None) -> Callable[[JsonObject], str]:
    """What reads the reference to an attachment."""
    from convrun.cassette.stored.attachments import not_beside, reference_of  # most cassettes have none

    source = attachments() if attachments is not None else not_beside
    return lambda node: source(reference_of(node))


def _check_digests(nodes: list[Json], digests: list[Json]) -> None:
    previous = ""
    for number, (node, digest) in enumerate(zip(nodes, digests, strict=True), 1):
        previous = chained_digest(node, previous)
        if previous != digest:
            raise CassetteError(
                f"interaction {number} is not what was recorded: its digest is {previous}, the file says {digest}",
                fix=_MIXED,
            )


def _interactions(
    nodes: list[Json], timings: list[Json], costs: list[Json], full: Callable[[Json], Json] | None
) -> tuple[Interaction, ...]:
    states = States()
    found: list[Interaction] = []
    for number, (node, timing, cost) in enumerate(zip(nodes, timings, costs, strict=True), 1):
        try:
            found.append(full_interaction(node if full is None else full(node), timing, cost, states))
        except CassetteError as error:
            lane = node.get("lane") if isinstance(node, dict) else None
            which, fix = f"interaction {number}", _MEND
            if isinstance(lane, str) and lane and all(item.lane != lane for item in found):
                which += f", the first of lane {lane!r}"
                fix = f"an interaction before it may have had this lane, and has another now: {_MEND}"
            raise CassetteError(f"{which}: {error.what}", fix=error.fix or fix) from error
    return lanes_last(found)


class States:
    """What the next interaction is a difference to: the one before it in its lane."""

    def __init__(self) -> None:
        self._of: dict[str | None, tuple[RequestState, ReplyState]] = {}

    def of(self, lane: str | None) -> tuple[RequestState, ReplyState]:
        """Return those of a lane; None is the conversation's own."""
        return self._of.setdefault(lane, (RequestState(), ReplyState()))


def interaction_node(item: Interaction, states: States) -> JsonObject:
    """Return the stored form of an interaction; the states move on."""
    asked, answered = states.of(item.lane)
    request = request_node(item.request, asked)
    node: JsonObject = {"request": request, "response": reply_node(item.reply, answered)}
    _replied(asked, answered, "body" in request)
    return node if item.lane is None else {"lane": item.lane, **node}


def _replied(asked: RequestState, answered: ReplyState, unusual: bool) -> None:
    """Move on to what a request behind this reply is a difference to; to an `unusual` one none is."""
    asked.reply = None if unusual else answered.message
    if answered.response is not None or asked.items is not None:
        asked.of_items().replied(None if unusual else answered.response)


def full_interaction(node: Json, timing: Json, cost: Json, states: States) -> Interaction:
    """Return an interaction of its stored form; the states move on.

    Raises:
        CassetteError: where the node is none.
    """
    request_part, response = (node.get("request"), node.get("response")) if isinstance(node, dict) else (None, None)
    if not isinstance(node, dict) or not isinstance(request_part, dict) or not isinstance(response, dict):
        raise CassetteError("an interaction has a 'request' and a 'response'")
    _refuse_unknown(node, ("lane", "request", "response"), "the interaction")
    _refuse_unknown(request_part, request_nodes.KEYS, "its request")
    _refuse_unknown(response, reply_nodes.KEYS, "its response")
    lane = node.get("lane")
    if lane is not None and (not isinstance(lane, str) or not lane):
        raise CassetteError(f"'lane' is a name, not {lane!r}")
    asked, answered = states.of(lane)
    request = full_request(request_part, asked)
    reply = full_reply(response, answered)
    _replied(asked, answered, "body" in request_part)
    first, elapsed = timing if isinstance(timing, list) and len(timing) == 2 else (None, timing)
    if isinstance(first, int) and isinstance(elapsed, int) and first > elapsed:
        raise CassetteError(f"[{first}, {elapsed}] among the timings: the first piece came after the last")
    try:
        return Interaction(
            request=request,
            reply=reply,
            elapsed_ms=milliseconds(elapsed),
            first_ms=milliseconds(first),
            cost_usd=dollars(cost),
            lane=lane,
        )
    except ValueError as error:
        raise CassetteError(str(error)) from error


def _refuse_unknown(node: JsonObject, known: tuple[str, ...] | frozenset[str], place: str) -> None:
    for key in node:
        if key not in known:
            raise CassetteError(
                f"unknown key {key!r} in {place}",
                fix=did_you_mean(key, known) or f"known are {', '.join(sorted(known))}",
            )
