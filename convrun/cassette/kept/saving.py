"""A finished recording becomes a file: through a vcrpy cassette, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convrun.cassette.files import replace_cassette
from convrun.cassette.interaction import Interaction
from convrun.errors import CassetteError
from convrun.redaction import Redactor
from convrun.source import Where


def save(interactions: tuple[Interaction, ...], path: Path, *, shown_as: str, redactor: Redactor) -> None:
    """Replace the cassette at `path` by these interactions; nothing of the process is patched.

    Raises:
        CassetteError: where it cannot be written, or a secret is still in it; the old cassette is as it was.
    """
    import vcr
    from vcr.patch import PATCHER_NAMES
    from vcr.request import Request as StockRequest

    from convrun.cassette import serializer

    recorder = vcr.VCR(record_mode="all", serializer="convrun", record_on_exception=False, skip_patchers=PATCHER_NAMES)
    recorder.register_serializer("convrun", serializer)
    recorder.register_persister(_persister(path, shown_as, redactor))
    with recorder.use_cassette(str(path.absolute())) as cassette:
        for item in interactions:
            body = serializer.Carried(item)
            request = StockRequest(item.request.method, item.request.url, body, dict(item.request.headers))
            cassette.append(request, {"status": {"code": item.reply.status, "message": ""}, "headers": {}, "body": {}})


def _persister(path: Path, shown_as: str, redactor: Redactor) -> Any:
    from vcr.persisters.filesystem import CassetteNotFoundError
    from vcr.serialize import serialize

    from convrun.cassette.serializer import WithAttachments

    class Persister:
        """Finds no old cassette, as what is kept of it is appended again, and writes at once."""

        @staticmethod
        def load_cassette(*_: object, **__: object) -> None:
            raise CassetteNotFoundError

        @staticmethod
        def save_cassette(_path: object, cassette_dict: Any, **_: object) -> None:
            aside: dict[str, bytes] = {}
            text = serialize(cassette_dict, WithAttachments(aside))
            if redactor.is_in(text) or any(redactor.is_in(content.decode("latin-1")) for content in aside.values()):
                what = "a key value could not be taken out of the recording; nothing was written"
                raise CassetteError(what, where=Where(file=shown_as), fix="keep the key out of prompts and replies")
            replace_cassette(path, text, aside, shown_as=shown_as)

    return Persister
