"""A recording as stock vcrpy has it, for programs that know nothing of us: its YAML, whole requests, no key of ours."""

from __future__ import annotations

import yaml

from convrun.cassette.interaction import Recording
from convrun.cassette.stock import OURS, stock_interaction
from convrun.errors import CassetteError
from convrun.source import Where
from convrun.values import Json

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # where libyaml is there, as vcrpy has it


def stock_text(recording: Recording) -> str:
    """Return the text of a stock cassette, which vcrpy's own serializer reads.

    Raises:
        CassetteError: where its YAML cannot hold the recording.
    """
    interactions: list[Json] = []
    for number, item in enumerate(recording.interactions, 1):
        made = stock_interaction(item, number)
        response = made["response"]
        interactions.append(
            {**made, "response": {key: value for key, value in response.items() if key != OURS}}
            if isinstance(response, dict)
            else made
        )
    try:
        text: str = yaml.dump({"interactions": interactions, "version": 1}, Dumper=_Dumper)
        return text
    except (yaml.YAMLError, UnicodeEncodeError, RecursionError) as error:
        what = f"stock YAML cannot hold it: {error}"
        raise CassetteError(what, where=Where(file=recording.file)) from error
