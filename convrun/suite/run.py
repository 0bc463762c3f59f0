"""A whole run: all conversations, one after the other or several at once, until the end or an interruption."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from convrun.results import ConversationResult, Finding, RunResult
from convrun.run.planning.options import Rehearsal, RunOptions
from convrun.run.project import Prepared
from convrun.run.spending import metered, spent_by
from convrun.run.verdicts import exit_code
from convrun.suite.agenda import Agenda, OnStanding
from convrun.suite.jobs import jobs_for
from convrun.suite.playing import Play, bug, playing
from convrun.version import VERSION

_BUG = 70


def run_all(
    prepared: Prepared,
    options: RunOptions,
    *,
    environ: Mapping[str, str],
    command: str,
    on_result: Callable[[ConversationResult], None],
    on_standing: OnStanding | None = None,
    started: float | None = None,
) -> RunResult:
    """Run what was prepared and return the result; `on_result` hears of each conversation, in the order of the plan.

    An interruption ends the run and is in the result, with everything that was finished; so is a bug of ours. `started`
    is when the work began on the clock of `time.perf_counter`, so that reading the specs counts too. `on_standing`
    hears how far the run has come, from this thread.
    """
    environ, options = prepared.project.environ(environ), metered(options)
    began = time.perf_counter() if started is None else started
    moment = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    strict = options.strict or prepared.project.settings.strict
    agenda = Agenda(
        prepared.conversations,
        known=prepared.known,
        most_failed=options.most_failed,
        strict=strict,
        trunks_first=options.goes_live,
        on_result=on_result,
        on_standing=on_standing,
    )
    interrupted = False
    try:
        _work_off(agenda, prepared, options, environ)
    except KeyboardInterrupt:
        interrupted = True
        agenda.give_up()
    except BrokenPipeError:
        raise  # nobody reads any more
    except Exception as error:  # noqa: BLE001  # a bug of ours; what was finished is reported all the same
        agenda.bug = bug(error)
    results = agenda.results
    findings = () if interrupted or agenda.bug else tuple(_findings(prepared, options, results))
    code = exit_code(
        results,
        findings,
        strict=strict,
        stale_is_fatal=options.stale_is_fatal,
        interrupted=interrupted,
        elsewhere=prepared.plan.elsewhere > 0,
    )
    return RunResult(
        version=VERSION,
        started=moment,
        duration_s=time.perf_counter() - began,
        exit_code=code if agenda.bug is None else _BUG,
        conversations=tuple(results),
        findings=findings,
        interrupted=interrupted,
        bug=agenda.bug,
        command=command,
        planned=len(prepared.tests),
        spent=spent_by(options),
    )


def _findings(prepared: Prepared, options: RunOptions, results: Sequence[ConversationResult]) -> Iterator[Finding]:
    """What is found of the whole run; where something was left out, nobody knows what is used and who has what."""
    left_out = options.models or options.only is not None or prepared.plan.deselected or prepared.plan.elsewhere
    whole = not left_out and not any(one.not_begun for one in results)
    if whole and options.rehearsal is None:
        from convrun.run.findings.unused import unused_findings  # the run of a part does without

        yield from unused_findings(prepared, results)
    yield from _weak(results)
    yield from _orphaned(prepared) if whole else ()


def _weak(results: Iterable[ConversationResult]) -> tuple[Finding, ...]:
    """A finding for each check that says nothing."""
    singles = [single for one in results for single in one.singles]
    if not any(check.weak for one in singles for check in one.all_checks):
        return ()
    from convrun.run.findings.weak import weak_findings  # most runs have none

    return weak_findings(singles)


def _orphaned(prepared: Prepared) -> tuple[Finding, ...]:
    """A finding for each recording that no spec has."""
    from convrun.run.findings.orphans import orphan_findings  # the run of a part does without

    found = orphan_findings(prepared)
    if not found:
        return ()
    from convrun.run.findings.renamed import told_as_renamed

    return told_as_renamed(prepared, found)


def _work_off(agenda: Agenda, prepared: Prepared, options: RunOptions, environ: Mapping[str, str]) -> None:
    """In turn, in processes or in threads: whatever is asked for and pays."""
    play = playing(prepared.conversations, options, environ=environ)
    jobs = jobs_for(prepared, options)
    if jobs == 1 and not _apart(options):
        _in_turn(agenda, play, listening=options.goes_live)
    elif not options.goes_live:
        from convrun.suite.processes import in_processes  # a run in turn does without

        in_processes(agenda, play, _anew(prepared, options, environ), jobs)
    else:
        from convrun.suite.threads import in_threads  # so it does here

        in_threads(agenda, play, jobs)


def _in_turn(agenda: Agenda, play: Play, *, listening: bool) -> None:
    """One after the other, on this thread; who is `listening` hears of an interruption whatever it waits for."""
    if listening:
        from convrun.suite.hearing import interruptions_heard  # a replay waits for nobody

        with interruptions_heard():
            _in_turn(agenda, play, listening=False)
        return
    while (index := agenda.next()) is not None:
        agenda.show()
        agenda.done(index, play(index))


def _apart(options: RunOptions) -> bool:
    """Whether code runs in another process even where nothing runs at once.

    A rehearsal must leave nothing behind in the modules of tools: the recording begins as if there had been none.
    """
    if options.rehearsal is not Rehearsal.WITH_TOOLS and not options.apart:
        return False
    from convrun.suite.processes import can_fork  # a run does without

    return can_fork()


def _anew(prepared: Prepared, options: RunOptions, environ: Mapping[str, str]) -> Callable[[], Play] | None:
    """What prepares the same in a process of its own; None where only this one can."""
    request = prepared.project.request
    if request is None:
        return None
    from convrun.suite.worker import PreparedAnew

    ids = tuple(one.planned.id for one in prepared.conversations)
    alone = replace(options, heard=None, meter=None)  # nothing is live there, and who hears may be no value
    return PreparedAnew(request=request, options=alone, environ=dict(environ), ids=ids)
