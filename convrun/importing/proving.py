"""A spec proved against the recording that it was made from: what convrun itself sends, and what it says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from convrun.backends.identity import ModelIdentity
from convrun.backends.prices import recorded_cost_usd
from convrun.cassette.interaction import Interaction, Recording, SentRequest
from convrun.cassette.playing import Player, sent_request
from convrun.cassette.stale.change import Change
from convrun.cassette.stale.staleness import changes
from convrun.cassette.stored.writing import write
from convrun.errors import SpecErrors, StaleError
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.results import ConversationResult
from convrun.run.binding.bind import BoundConversation, bind
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import plan
from convrun.run.playing.carrier import Carrier
from convrun.run.playing.conversation import play_conversation, run_conversation
from convrun.settings import Settings
from convrun.spec.loading import load_spec
from convrun.wire import Reply, Request

_OPTIONS = RunOptions(strict=True)
_SPEC = "specs/imported.yaml"
_ENDED = "the recording ends where the results of the last calls would be sent"


@frozen
class Proof:
    """A run of the spec: its result, what convrun sent with the replies to it, and where that differs, if it does.

    `difference` is a JSON pointer into the recorded request, or words where there is none.
    """

    result: ConversationResult
    sent: tuple[Interaction, ...]
    difference: str | None = None


def tried(text: str, files: Mapping[str, bytes], recording: Recording) -> Proof:
    """Run a spec over the recorded interactions, strictly.

    Raises:
        ConvrunError: where the text is no spec.
    """
    with _project(text, files) as bound:
        player = Player(recording)
        overheard = _Overheard(player, bound.model)
        result = play_conversation(bound, _OPTIONS, Carrier(overheard, player=player), environ={})
    difference = overheard.difference or _reason(result, player)
    return Proof(result=result, sent=tuple(overheard.sent), difference=difference)


def _reason(result: ConversationResult, player: Player) -> str | None:
    """Why a run that met no strange request is not the recorded one."""
    if result.stale is not None:
        return _ENDED
    if result.error is not None:
        return result.error.message
    if result.verdict not in {"passed", "unchecked"} or player.unplayed:
        return f"`/messages` of request {len(player.recording.interactions) - len(player.unplayed) + 1}"
    return None


def proved(text: str, files: Mapping[str, bytes], cassette: str) -> bool:
    """Return whether `convrun run --strict` passes with these files, in a project without settings.

    Raises:
        ConvrunError: where the text is no spec.
    """
    with _project(text, files) as bound:
        bound.planned.cassette.parent.mkdir(parents=True)
        bound.planned.cassette.write_bytes(cassette.encode())
        result = run_conversation(bound, _OPTIONS, environ={})
    return result.verdict == "passed" and not result.findings


def cassette_text(sent: tuple[Interaction, ...], shown_as: str, aside: dict[str, bytes] | None = None) -> str:
    """Return the text of the cassette that holds what convrun sent; attachments go to `aside`, where it is given.

    Raises:
        CassetteError: where it cannot be held.
    """
    return write(Recording(interactions=sent, file=shown_as), aside)


@contextmanager
def _project(text: str, files: Mapping[str, bytes]) -> Iterator[BoundConversation]:
    """A project of one spec, read and bound; nothing in it names code."""
    with TemporaryDirectory(prefix="convrun-", ignore_cleanup_errors=True) as made:
        root = Path(made).resolve()
        spec = root / _SPEC
        for path, content in {spec.name: text.encode(), **files}.items():
            target = spec.parent / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        settings = Settings(root=root)
        planned = plan([(load_spec(spec, root), None)], settings, _OPTIONS)
        bound, errors = bind(planned, settings, _OPTIONS, environ={})
        if planned.errors or errors:
            raise SpecErrors([*planned.errors, *errors])
        yield bound[0]


class _Overheard:
    """Plays a recording strictly and notes what was sent; implements `wire.Transport`."""

    def __init__(self, player: Player, model: ModelIdentity) -> None:
        self._model = model
        self.sent: list[Interaction] = []
        self.difference: str | None = None
        self._player = player

    def send(self, request: Request) -> Reply:
        """Return the recorded reply to exactly this request.

        Raises:
            StaleError: where it was not recorded.
        """
        asked = sent_request(request, Redactor())
        reply = self._player.play(request)
        if reply is None or self._player.last is None:
            self.difference = self._explained(asked)
            raise StaleError(self.difference)
        self.sent.append(replace(self._player.last, request=asked, cost_usd=self._cost(self._player.last)))
        return reply

    def _cost(self, recorded: Interaction) -> float | None:
        """What a call cost: as recorded, else by the prices of today."""
        reply = recorded.reply
        if recorded.cost_usd is not None or reply.status >= 400:
            return recorded.cost_usd
        return recorded_cost_usd(self._model, reply.payloads or (), environ={})

    def _explained(self, asked: SentRequest) -> str:
        found = self._player.difference
        if found is None or found.interaction is None:
            return _ENDED
        recorded = self._player.recording.interactions[found.interaction].request
        different = changes(replace(asked, provider=None, headers={}), recorded)  # the recording knows of neither
        return f"`{_pointer(different[0])}`" if different else "`/`"


def _pointer(change: Change) -> str:
    """Where the recorded request (the `now` of the change) has what convrun does not send."""
    sent, recorded = change.recorded, change.now
    if not isinstance(sent, dict) or not isinstance(recorded, dict):
        return change.path
    more = next((key for key in recorded if key not in sent), None)
    return change.path if more is None else f"{change.path}/{more}"
