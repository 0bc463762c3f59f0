"""What is said of secrets that a recording does not hold: to whom they went live, and that checks do not see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from convrun.checks.call_pattern import show_call
from convrun.redaction import Redactor
from convrun.results import CheckResult, Finding
from convrun.run.playing.turn import PlayedTurn
from convrun.source import Where
from convrun.values import show, texts

_FIX = (
    "give the tool `policy: replay`, so that its recorded result is played; else, where that depends on the secret, "
    "the recording is stale, and recording it again changes nothing"
)


def secrets_given(
    played: Iterable[PlayedTurn], tools: Mapping[str, Where | None], redactor: Redactor
) -> Iterator[Finding]:
    """Yield the tools to which a live model gave a secret, each once a turn: on replay they get what stands for it.

    `tools` are those that a replay calls, with their places in the spec.
    """
    thorough = redactor.thorough
    for turn in played:
        told: set[str] = set()
        for call in turn.calls:
            if call.name not in tools or call.name in told or not thorough.found_in(texts(call.arguments)):
                continue
            told.add(call.name)
            shown = show_call(call.name, thorough.value(call.arguments))
            message = (
                f"tool {call.name!r} got a secret from the model in turn {turn.index}, and gets what stands for it on "
                f"replay: {shown}"
            )
            yield Finding(kind="secret", message=message, where=tools[call.name], fix=_FIX)


def hinted(check: CheckResult, redactor: Redactor) -> CheckResult:
    """Return a check; one that failed, and expects a secret, says that there is none in what it looked at."""
    thorough = redactor.thorough
    wanted = next((text for text in texts(check.expected) if thorough.found_in([text])), None)
    if check.verdict != "failed" or wanted is None:
        return check
    hint = f"secrets were replaced in that before it was judged: expect {show(thorough.text(wanted), 80)}"
    return replace(check, message=f"{check.message}; {hint}", comparison=())  # which may hold a piece of it
