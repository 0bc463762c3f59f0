"""The player: a transport that answers from a recording and never from anywhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from convrun.cassette.canonical import History, list_key, listed, plain_arguments, plain_content, reader_of
from convrun.cassette.interaction import RESPONSES, Interaction, Recording, SentRequest
from convrun.cassette.matching import Ignored, Matcher
from convrun.cassette.nesting import deep_refused
from convrun.cassette.pointers import pointer_parts
from convrun.errors import CassetteError, StaleError
from convrun.redaction import Redactor
from convrun.source import Where
from convrun.values import Json, canonical
from convrun.wire import Reply, Request

if TYPE_CHECKING:
    from convrun.cassette.stale.staleness import Difference
    from convrun.cassette.tool_results import Attached, RecordedResults

ENDED = "recording ended"
_RECORD = "if the change is meant, record the conversation again with --record new_episodes"


class Player:
    """Answers a conversation's own requests from a recording, strictly; implements `wire.Transport`.

    `difference` is the first request that was not recorded, None while all were. From it on the rest is played in order
    as far as its shape (user texts, tool calls) fits.

    Raises:
        CassetteError: where `ignore` names all messages, so that any question would play any answer.
    """

    def __init__(self, recording: Recording, *, ignore: Iterable[str] = (), redactor: Redactor | None = None) -> None:
        _refuse_everything(ignore := tuple(ignore), recording.file)
        self.recording = recording = recording.own
        self.difference: Difference | None = None
        self.turns_before = 0  # of a recording that begins behind those of another
        self._redactor = Redactor() if redactor is None else redactor  # one that is empty yet may learn
        self._ignore = ignore
        self._matcher = Matcher(recording.interactions, ignore=self._ignore, redactor=self._redactor)
        self._ignored: dict[str, Ignored] = {}
        self._results: RecordedResults | None = None
        self._last: int | None = None
        self._taken: dict[str, int] = {}
        self._shapes = (_Shape(self._redactor), _Shape(self._redactor))  # asked for behind a difference only

    @property
    def ignored(self) -> tuple[Ignored, ...]:
        """The differences that `cassette.ignore` let pass, the first of each path."""
        return tuple(self._ignored.values())

    @property
    def unplayed(self) -> tuple[int, ...]:
        """The indexes of the interactions that were not played (yet), retries passed over."""
        return tuple(self._matcher.unplayed)

    @property
    def last(self) -> Interaction | None:
        """The interaction that was played last."""
        return None if self._last is None else self.recording.interactions[self._last]

    @property
    def played(self) -> tuple[Interaction, ...]:
        """The interactions up to the one that was played last."""
        return self.recording.interactions[: 0 if self._last is None else self._last + 1]

    def send(self, request: Request) -> Reply:
        """Return the recorded reply to a request.

        Raises:
            StaleError: where the recording does not hold the request, nor what could stand in for it.
            CassetteError: where the request is nested too deeply to be looked up.
        """
        reply = self.play(request) if self.difference is None else None
        return reply if reply is not None else self._stand_in(request)

    def play(self, request: Request) -> Reply | None:
        """Return the recorded reply to exactly this request; None, with the `difference`, where there is none.

        Raises:
            CassetteError: where the request is nested too deeply to be looked up.
        """
        sent = sent_request(request, self._redactor)
        with deep_refused("the request", self.recording.file):
            index = self._matcher.match(sent, error_wanted=request.error_wanted)
            if index is None:
                self.difference = self._explained(sent)
                return None
        for ignored in self._matcher.ignored(self.recording.interactions[index], sent) if self._ignore else ():
            self._ignored.setdefault(ignored.path, ignored)
        return self._reply(index)

    def _reply(self, index: int) -> Reply:
        self._last, self._taken = index, {}
        return recorded_reply(self.recording.interactions[index])

    def _stand_in(self, request: Request) -> Reply:
        """The next recorded reply behind the first difference, if it answers the same texts and calls."""
        index = self._matcher.next
        if index is not None and self._same_shape(index, request):
            self._matcher.play(index)
            return self._reply(index)
        difference = self.difference
        where = Where(file=self.recording.file)
        if difference is None or difference.interaction is None or index is None:
            raise StaleError(f"the recording ended after {self._played()}", where=where, fix=_RECORD)
        parts = ", ".join(dict.fromkeys(change.part for change in difference.changes))
        raise StaleError(f"the request is not the recorded one: {parts}", where=where, fix=_RECORD)

    def _same_shape(self, index: int, request: Request) -> bool:
        recorded, now = self._shapes
        with deep_refused("the request", self.recording.file):
            before = self.recording.interactions[index].request
            return recorded.of(before.endpoint, before.body) == now.of(request.endpoint, request.body)

    def _played(self) -> str:
        count = len(self.recording.interactions) - len(self.unplayed)
        return f"{count} model call{'' if count == 1 else 's'}"

    def _explained(self, sent: SentRequest) -> Difference:
        from convrun.cassette.as_chat import Chats
        from convrun.cassette.stale.breaks import breaks  # what explains a difference is loaded once there is one
        from convrun.cassette.stale.change import Change
        from convrun.cassette.stale.staleness import Difference, chat_changes, ended, in_place, reduced, removed_turn

        thorough = self._redactor.thorough
        chats = Chats(self.recording.interactions)
        sent = replace(sent, url=thorough.text(sent.url), body=thorough.value(sent.body))
        chat = chats.chat(reduced(sent, self._ignore))
        now = chat.request
        broken = breaks(chats.interactions, now, before=self.turns_before)
        index = self._matcher.next
        if index is None:
            return Difference(changes=in_place((ended(now, ENDED),), chat), breaks=broken)
        expected = self.recording.interactions[index].request
        expected = chats.chat(reduced(replace(expected, body=thorough.value(expected.body)), self._ignore)).request
        later = (item.request for item in chats.interactions[index + 1 :])
        found = in_place(removed_turn(chat_changes(expected, now, self._ignore), now, later), chat)
        return Difference(changes=found or (Change(path="", part="request"),), interaction=index, breaks=broken)

    def recorded_result(self, tool_call_id: str, name: str, arguments: Json) -> str | None:
        """Return the recorded result of a call that the last reply made; None where the recording has none.

        `arguments` are JSON text or the parsed value.
        """
        if self._last is None:
            return None
        return self._all_results().of_call(self._last, tool_call_id, name, arguments, self._taken)

    def recorded_attachments(self, tool_call_id: str) -> Attached | None:
        """Return what was sent behind the results of the last reply's calls, after one's `recorded_result`."""
        position = self._taken.get(tool_call_id)
        return None if self._last is None or position is None else self._all_results().attached(self._last, position)

    def results_by_call(self, name: str, arguments: Json) -> str | None:
        """Return the result of a call of this name and these arguments anywhere in the recording, one by one."""
        return self._all_results().anywhere(name, arguments)

    def _all_results(self) -> RecordedResults:
        if self._results is None:
            from convrun.cassette.tool_results import RecordedResults  # for tools that are replayed

            self._results = RecordedResults(self._chats())
        return self._results

    def _chats(self) -> tuple[Interaction, ...]:
        """The interactions, those of a Responses API as chats."""
        interactions = self.recording.interactions
        if all(item.request.endpoint != RESPONSES for item in interactions):
            return interactions
        from convrun.cassette.as_chat import Chats

        return Chats(interactions).interactions


def _refuse_everything(ignore: tuple[str, ...], file: str) -> None:
    for pointer in ignore:
        if pointer_parts(pointer) in ((), ("messages",), ("input",)):
            what = f"'cassette.ignore' names {pointer!r}: every request would be the recorded one"
            raise CassetteError(what, where=Where(file=file), fix="name a message, as /messages/0/content")


def recorded_reply(interaction: Interaction) -> Reply:
    """Return the reply of an interaction as a transport gives it."""
    recorded = interaction.reply
    return Reply(
        status=recorded.status,
        headers={"content-type": recorded.content_type, **recorded.headers},
        payloads=recorded.payloads,
        body=(recorded.body,) if recorded.payloads is None else (),
        elapsed_ms=interaction.elapsed_ms,
        cost_usd=interaction.cost_usd,
    )


def sent_request(request: Request, redactor: Redactor) -> SentRequest:
    """Return a request as a cassette knows it; its body is not redacted yet."""
    return SentRequest(
        url=redactor.text(request.url),
        provider=request.provider,
        headers=redactor.sent_headers(request.headers) if request.headers else {},
        body=request.body,
        behind=request.behind,
    )


class _Shape:
    """What a conversation is about, request by request: the user's texts and the tools called."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._history = History(self._add, self._restart)
        self._message = reader_of("")
        self._hash = sha256()

    def _restart(self) -> None:
        self._hash = sha256()

    def of(self, endpoint: str, body: Json) -> str:
        """Return the shape of a request that follows those before."""
        self._message = reader_of(endpoint)
        self._history.follow(listed(body, list_key(endpoint)))
        return self._hash.hexdigest()

    def _add(self, message: Json) -> None:
        message = self._message(self._redactor.thorough.value(message))
        if not isinstance(message, dict):
            return
        if message.get("role") == "user":
            self._hash.update(canonical(["user", plain_content(message.get("content"))]).encode())
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                named: list[Json] = ["call", function.get("name"), plain_arguments(function.get("arguments"))]
                self._hash.update(canonical(named).encode())
