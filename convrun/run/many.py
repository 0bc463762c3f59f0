"""A whole run: one conversation after the other, until the end, the first failure or an interruption."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from traceback import format_exception

from convrun.errors import named
from convrun.results import ConversationResult, Problem, RunResult
from convrun.run.conversation import blank_result, run_conversation
from convrun.run.options import RunOptions
from convrun.run.project import Prepared
from convrun.run.secrets import redactor_for, without_secrets
from convrun.run.verdicts import exit_code
from convrun.version import VERSION

_BUG = 70
_NOT_BEGUN = "not begun: stopped at the first that did not pass (-x)"
_STOPPING = frozenset({"failed", "error", "stale", "missing"})


def run_all(
    prepared: Prepared,
    options: RunOptions,
    *,
    environ: Mapping[str, str],
    command: str,
    on_result: Callable[[ConversationResult], None],
    started: float | None = None,
) -> RunResult:
    """Run what was prepared and return the result; `on_result` hears of each conversation as it ends.

    An interruption ends the run and is in the result, with everything that was finished; so is a bug of ours. `started`
    is when the work began on the clock of `time.perf_counter`, so that reading the specs counts too.
    """
    environ = prepared.project.environ(environ)
    began = time.perf_counter() if started is None else started
    moment = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    results: list[ConversationResult] = []
    interrupted = False
    bug: Problem | None = None
    try:
        for conversation in prepared.conversations:
            if options.stop_at_first and any(result.verdict in _STOPPING for result in results):
                result = replace(blank_result(conversation), reason=_NOT_BEGUN)
            else:
                result = run_conversation(conversation, options, environ=environ)
            results.append(result)
            on_result(result)
    except KeyboardInterrupt:
        interrupted = True
    except BrokenPipeError:
        raise  # nobody reads any more
    except Exception as error:  # noqa: BLE001  # a bug of ours; what was finished is reported all the same
        bug = Problem(type=type(error).__name__, message=named(error), details="".join(format_exception(error)))
        bug = without_secrets(bug, redactor_for(conversation, environ))
    strict = options.strict or prepared.project.settings.strict
    code = exit_code(results, (), strict=strict, stale_is_fatal=options.stale_is_fatal, interrupted=interrupted)
    code = _BUG if bug is not None else code
    return RunResult(
        version=VERSION,
        started=moment,
        duration_s=time.perf_counter() - began,
        exit_code=code,
        conversations=tuple(results),
        interrupted=interrupted,
        bug=bug,
        command=command,
    )
