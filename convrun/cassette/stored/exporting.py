"""A recording as stock vcrpy has it, for programs that know nothing of us: its YAML, whole requests, no key of ours."""

from __future__ import annotations

import yaml

from convrun.cassette.interaction import Recording
from convrun.cassette.kept.cleaning import Cleaning
from convrun.cassette.kept.surviving import Survivors
from convrun.cassette.stored.stock import OURS, stock_interaction
from convrun.errors import CassetteError
from convrun.redaction import Redactor
from convrun.source import Where
from convrun.values import Json

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # where libyaml is there, as vcrpy has it


def stock_text(recording: Recording, redactor: Redactor) -> str:
    """Return the text of a stock cassette, which vcrpy's own serializer reads.

    `redactor` takes out the secrets that a recording of another program may hold.

    Raises:
        CassetteError: where its YAML cannot hold the recording, or a secret cannot be taken out.
    """
    interactions: list[Json] = []
    cleaning, survivors = Cleaning(redactor), Survivors(redactor)
    for number, item in enumerate(recording.interactions, 1):
        clean = cleaning.interaction(item)
        if place := survivors.recorded(item):
            raise CassetteError(
                f"interaction {number} holds a secret where it cannot be taken out, as a number at {place}",
                where=Where(file=recording.file),
            )
        made = stock_interaction(clean, number)
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
