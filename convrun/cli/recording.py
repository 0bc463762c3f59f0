"""What `convrun record` does once everything is prepared: rehearse, quote, ask, record."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from convrun.cassette.stored.attachments import NAME
from convrun.cassette.stored.beside import SUFFIX, folder_of
from convrun.cli.asking import Asking
from convrun.cli.screen import Screen
from convrun.errors import SpecErrors
from convrun.frozen import frozen
from convrun.report.quote import compared_line, question, quote_lines
from convrun.report.style import Line
from convrun.results import ConversationResult, RunResult
from convrun.review.outlook import outlooks
from convrun.review.states import goes_on_from
from convrun.run.binding.bind import BoundConversation, live_errors
from convrun.run.findings.renamed import renamed_in
from convrun.run.planning.options import RecordMode, RunOptions
from convrun.run.project import Prepared
from convrun.run.spending import unpriced_live
from convrun.suite.refreshing import Only, Rehearsed, Run, recorded, rehearsed, together
from convrun.transcript import Quote, RecordingState, total_quote

_MOST = 3  # new files that are named


@frozen
class Recording:
    """How `record` goes about it: what `only` is recorded, whether somebody is asked, what is said."""

    asking: Asking
    only: Only | None = None
    quiet: bool = False

    def conduct(
        self,
        prepared: Prepared,
        options: RunOptions,
        run: Run,
        screen: Screen,
        show: Callable[[ConversationResult], None],
    ) -> RunResult:
        """Return the result of all that is selected; `show` hears of each conversation once it is over.

        Raises:
            SpecErrors: where a key is not set that the recording needs, or a price not known that its limit needs.
        """
        found = self._found(prepared, options, run, show)
        if found.result.interrupted or found.result.bug is not None or not found.waiting:
            return found.result
        environ = prepared.project.environ(os.environ)
        judged = frozenset() if options.record is RecordMode.ALL else found.only_judged
        errors = live_errors(found.waiting, environ=environ, judged=judged)
        errors += unpriced_live(found.waiting, options, environ=environ, judged=judged)
        if errors:
            raise SpecErrors(errors, left="nothing was recorded")
        if self.only == "failed":
            options = replace(options, record=RecordMode.ALL)
        scratch = options.record is RecordMode.ALL
        pairs = [(one, None if scratch else found.of(one)) for one in found.waiting]
        if self.only is not None:  # they were judged without what is played before they go live
            pairs = [(one, goes_on_from(one, result, options, environ=environ)) for one, result in pairs]
        states = outlooks(prepared, options, pairs, environ=environ)
        quote = total_quote(one.quote for one in states)
        live = any(not one.offline for one in found.waiting)
        if live and not self.quiet:
            limit = options.meter.limit if options.meter is not None else None
            moved = renamed_in(replace(prepared, conversations=found.waiting), options, environ)
            screen.tell([Line(one.remark, "stale") for one in moved])
            screen.tell(quote_lines(states, limit=limit))
        if live and self.asking.possible and not self.asking.agreed(question(states)):
            return self._declined(prepared, options, found, screen, show)
        before = _attachments(found.waiting)
        result = recorded(prepared, options, run, found, show)
        if not self.quiet:
            screen.tell(_new_files(before, _attachments(found.waiting)))
        if live and not self.quiet and not result.interrupted:
            screen.tell(_compared(quote, states, result.conversations))
        return result

    def _found(
        self, prepared: Prepared, options: RunOptions, run: Run, show: Callable[[ConversationResult], None]
    ) -> Rehearsed:
        """What there is to record; where everything is, nothing needs a rehearsal."""
        if options.record is not RecordMode.ALL:
            return rehearsed(prepared, options, run, only=self.only, on_done=show)
        skipped = tuple(one for one in prepared.conversations if one.planned.skip)
        waiting = tuple(one for one in prepared.conversations if not one.planned.skip)
        return Rehearsed(result=run(replace(prepared, conversations=skipped), options, show), waiting=waiting)

    def _declined(
        self,
        prepared: Prepared,
        options: RunOptions,
        found: Rehearsed,
        screen: Screen,
        show: Callable[[ConversationResult], None],
    ) -> RunResult:
        """Nothing was recorded, as somebody wanted it: it ends as a run of what is shown does."""
        screen.tell([Line("nothing was recorded", "dim")])
        for one in found.result.conversations:
            if one.id in found.tests:
                show(one)
        whole = together(prepared, options, found.result, ())
        return whole if whole.conversations else replace(whole, exit_code=0)


def _attachments(waiting: Iterable[BoundConversation]) -> Mapping[str, frozenset[str]]:
    """The names of the attachments beside each cassette, by the folder that they are in."""
    found = {}
    for planned in (one.planned for one in waiting):
        with suppress(OSError):
            names = (entry.name for entry in folder_of(planned.cassette).iterdir())
            found[f"{planned.cassette_shown}{SUFFIX}"] = frozenset(filter(NAME.fullmatch, names))
    return found


def _new_files(before: Mapping[str, frozenset[str]], now: Mapping[str, frozenset[str]]) -> list[Line]:
    """The attachments that are new: what commits changed files alone leaves them out."""
    new = {folder: names - before.get(folder, frozenset()) for folder, names in now.items()}
    told = [f"{folder}/{name}" for folder, names in new.items() for name in sorted(names)]
    if not told:
        return []
    more = f" and {len(told) - _MOST} more" if len(told) > _MOST else ""
    return [Line(f"new files: {', '.join(told[:_MOST])}{more}; commit them with the cassettes", "dim")]


def _compared(quote: Quote, states: Iterable[RecordingState], results: Iterable[ConversationResult]) -> list[Line]:
    names, singles = {one.id for one in states}, (single for one in results for single in one.singles)
    return [compared_line(quote, [one for one in singles if one.id in names])]
