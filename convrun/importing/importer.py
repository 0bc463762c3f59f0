"""From a recording to what is written: a spec and a cassette for each conversation, all proved; or why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from convrun.cassette.interaction import Recording
from convrun.errors import CassetteError, ConvrunError
from convrun.importing.checking import Detail, with_checks
from convrun.importing.exchanges import exchanges
from convrun.importing.judging import refusal
from convrun.importing.proving import Proof, cassette_text, proved, tried
from convrun.importing.reasons import Reason, Refusal
from convrun.importing.spec_text import spec_text
from convrun.importing.telling import Telling, tell
from convrun.importing.threads import Thread, threads
from convrun.redaction import Redactor
from convrun.values import Json
