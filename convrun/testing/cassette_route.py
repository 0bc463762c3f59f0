"""Where the requests of a block go: to its cassette, which is played, recorded, or both."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from convrun.backends.presets import PRESETS
from convrun.cassette.files import load
from convrun.cassette.playing import Player
from convrun.errors import CassetteError, ConversationError, StaleError, UnplayedError, did_you_mean
from convrun.redaction import Redactor
from convrun.run.planning.options import RecordMode
from convrun.settings import find_root
from convrun.settings import load as load_settings
from convrun.source import Where
from convrun.wire import Reply, Request, Transport

if TYPE_CHECKING:
    from convrun.backends.metering import Meter
    from convrun.cassette.interaction import ReceivedReply, SentRequest
    from convrun.cassette.kept.recording import Recorder


class CassetteRoute:
    """The way of a block's requests; implements `backends.rerouting.Route`. `file` is the path as shown to people."""

    def __init__(self, path: Path, mode: RecordMode, *, ignore: Iterable[str] = (), allow_unplayed: bool) -> None:
        self.file = _shown(path)
        self.mode = mode
        self.model_calls = 0
        if isinstance(ignore, str):
            raise CassetteError(
                f"'ignore' is the text {ignore!r}, not a list", where=Where(file=self.file), fix=f"ignore=[{ignore!r}]"
            )
        self._path = path.absolute()  # the block may change the folder
        self._ignore = tuple(ignore)
        self._allow_unplayed = allow_unplayed
        self._secrets = _preset_keys()  # a block does not say beforehand whose keys are used in it
        self._lock = Lock()
        self._stale: StaleError | None = None
        self._closed = False
        self._models = _Models()
        exists = _is_there(self._path, self.file)
        self._redactor = Redactor(self._secrets, patterns=_patterns(self._path))
        if mode is RecordMode.NONE and not exists:
            raise self._missing()
        records = mode in {RecordMode.NEW_EPISODES, RecordMode.ALL} or not exists
        self._recorder = self._recording() if records else None
        self._player = (
            None if records else Player(load(self._path, self.file), ignore=self._ignore, redactor=self._redactor)
        )

    def _recording(self) -> Recorder:
        from convrun.cassette.kept.known import read_known  # a replay does without
        from convrun.cassette.kept.recording import Recorder

        known = read_known(
            self._path,
            shown_as=self.file,
            mode=self.mode.value,
            ignore=self._ignore,
            redactor=self._redactor,
            goes_on=False,  # who was not content with the answers, and let the block fail, wants others
        )
        return Recorder(
            self._path,
            shown_as=self.file,
            live=lambda: self._models,
            known=known,
            price=_price,
            redactor=self._redactor,
            keep_refusals=True,  # where the block ends well, the program has dealt with them
        )

    def count_with(self, meter: Meter | None) -> None:
        """Have live calls counted by a meter, which may refuse them; None: by nothing."""
        self._models.meter = meter

    @property
    def live_calls(self) -> int:
        """How many requests went to a provider, or to an offline model, to be recorded."""
        return self._recorder.live_calls if self._recorder is not None else 0

    def send(self, request: Request, live: Transport, secrets: Mapping[str, str]) -> Reply:
        """Return the reply to a request, recorded or live. Threads wait for each other.

        Raises:
            StaleError: where it was not recorded, and nothing may be.
            ConversationError: once the block is over.
        """
        with self._lock:
            if self._closed:
                raise ConversationError(
                    f"a model is called behind the end of the block of {self.file!r}",
                    fix="read the block's responses, and wait for its threads, before it ends",
                )
            self._learn(secrets)
            self.model_calls += 1
            if self._recorder is not None:
                self._models.asked = live
                return self._recorder.send(request)
            return self._played(request)

    def learn(self, secrets: Mapping[str, str]) -> None:
        """Take these keys out of what is written or shown from now on."""
        with self._lock:
            self._learn(secrets)

    def _learn(self, secrets: Mapping[str, str]) -> None:
        if not secrets.items() <= self._secrets.items():
            self._secrets |= secrets
            self._redactor.learn(secrets)
            if self._recorder is not None:
                self._recorder.redact_anew()

    def _played(self, request: Request) -> Reply:
        assert self._player is not None  # without a recorder there is a recording
        reply = self._player.play(request)
        if reply is not None:
            return reply
        from convrun.testing.staleness import stale  # what explains a difference is loaded once there is one

        error = stale(self._player, request, self._redactor, ignore=self._ignore, call=self.model_calls)
        self._stale = self._stale or error
        raise error

    def abandon(self) -> None:
        """Close without writing: the block ended in an exception. The old cassette stays as it is.

        What was answered stays in the partial recording, and the next one goes on from there.
        """
        self._closed = True
        if self._recorder is not None:
            self._recorder.close()

    def finish(self) -> None:
        """Write what was recorded, and tell what was not right without anybody noticing.

        Raises:
            StaleError: where the block swallowed one.
            UnplayedError: where it asked for less than is recorded.
            CassetteError: where the cassette cannot be written.
        """
        self._closed = True
        if self._stale is not None:
            raise self._stale
        if self._recorder is not None:
            self._recorder.finish()
            if self._recorder.live_calls and not self._path.exists():
                raise CassetteError("no call was answered, so that nothing was recorded", where=Where(file=self.file))
        if not self._allow_unplayed:
            self._refuse_unplayed()

    def _refuse_unplayed(self) -> None:
        if self.model_calls == 0:
            raise UnplayedError(
                "no model was called in the block",
                where=Where(file=self.file),
                fix="read the responses in it: a response is sent when it is first read",
            )
        source = self._recorder if self._recorder is not None else self._player
        unplayed = source.unplayed if source is not None else ()
        if unplayed:
            count = (
                "1 recorded interaction was" if len(unplayed) == 1 else f"{len(unplayed)} recorded interactions were"
            )
            raise UnplayedError(
                f"{count} never played, the first is number {unplayed[0] + 1}",
                where=Where(file=self.file),
                fix='ask for them again, record anew with record="all", or let them be with allow_unplayed=True',
            )

    def _missing(self) -> CassetteError:
        folder = self._path.parent
        near = did_you_mean(self._path.name, [entry.name for entry in folder.iterdir()]) if folder.is_dir() else None
        return CassetteError(
            "there is no such cassette, and the record mode 'none' makes none",
            where=Where(file=self.file),
            fix=near or 'record it with record="once"',
        )


class _Models:
    """The models of a block as one transport; `asked` is that of the request under way."""

    asked: Transport
    meter: Meter | None = None

    def send(self, request: Request) -> Reply:
        """Send one request."""
        if self.meter is None:
            return self.asked.send(request)
        from convrun.backends.metering import Account, model_of  # a replay does without

        return Account(model_of(request), self.meter).metered(self.asked).send(request)


def _patterns(cassette: Path) -> tuple[str, ...]:
    """The setting `redact` of the project that a cassette is in."""
    return load_settings(find_root([cassette], Path.cwd()), os.environ, {}).redact


def _preset_keys() -> dict[str, str]:
    variables = {preset.key_variable for preset in PRESETS.values() if preset.key_variable}
    return {name: os.environ[name] for name in sorted(variables) if os.environ.get(name)}


def _is_there(path: Path, shown_as: str) -> bool:
    """Whether there is anything at a path, be it a link to nothing."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:  # a name that no file can have
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise CassetteError(f"there cannot be such a file: {reason}", where=Where(file=shown_as)) from error
    return True


def _shown(path: Path) -> str:
    """The path as it is named to people: from the present folder, if it is below."""
    absolute, here = path.absolute(), Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else path).as_posix()


def _price(sent: SentRequest, reply: ReceivedReply) -> float | None:
    """What a call cost: in a block any model may be asked."""
    from convrun.backends.metering import model_of  # a replay does without
    from convrun.backends.prices import recorded_cost_usd

    body = sent.body if isinstance(sent.body, dict) else {}
    base_url = sent.url.removesuffix(f"/{sent.endpoint}")
    asked = Request(endpoint=sent.endpoint, body=body, base_url=base_url, provider=sent.provider)
    return recorded_cost_usd(model_of(asked), reply.payloads or ())
