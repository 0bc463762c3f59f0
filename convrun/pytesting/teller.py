"""What is told of conversations: each that failed in the words of the console, at the end what concerns several.

A conversation may have run in another process (pytest-xdist), so what is told goes along with its report, as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest

from convrun.frozen import frozen
from convrun.pytesting.visible import visible
from convrun.report.account import account, reason
from convrun.report.findings import finding_groups, finding_lines
from convrun.report.stale import record_command, stale_place, stale_relation, stale_title
from convrun.report.style import Line, Role
from convrun.report.wording import noun
from convrun.results import ConversationResult, Finding, RunResult, Verdict
from convrun.source import Where
from convrun.version import VERSION

_MARKUP: Mapping[Role, Mapping[str, bool]] = {
    "failed": {"red": True, "bold": True},
    "error": {"red": True, "bold": True},
    "stale": {"yellow": True, "bold": True},
    "missing": {"yellow": True},
    "unchecked": {"yellow": True},
    "removed": {"red": True},
    "added": {"green": True},
}


@frozen
class Told:
    """What is told of one conversation.

    `headline` is its reason in a line, `lines` are all of it; `again` are told instead where `cause` was told before.
    `findings` are the conversation's, `weak` those of its checks.
    """

    id: str
    spec: str
    verdict: Verdict
    headline: str = ""
    lines: tuple[Line, ...] = ()
    again: tuple[Line, ...] = ()
    cause: str | None = None
    findings: tuple[Finding, ...] = ()
    weak: tuple[Finding, ...] = ()

    @property
    def text(self) -> str:
        """The lines as plain text, as pytest may write it."""
        return "\n".join(visible(line.text) for line in self.lines).strip("\n")

    def packed(self) -> str:
        """Return it as ASCII, whatever a model said."""
        return json.dumps(asdict(self))

    @classmethod
    def unpacked(cls, text: str) -> Told:
        """Return what was packed."""
        values = json.loads(text)
        for key in ("lines", "again"):
            values[key] = tuple(Line(**line) for line in values[key])
        for key in ("findings", "weak"):
            values[key] = tuple(map(_finding, values[key]))
        return cls(**values)


def told(result: ConversationResult, command: str, *, full: bool, strict: bool) -> Told:
    """Return what is told of a conversation; `command` is the start of the line that repeats it.

    Where findings are fatal (`strict`), a conversation that has some has failed.
    """
    lines = account(result, command=command, full=full)
    headline = visible(reason(result))
    about = Told(id=result.id, spec=result.spec, verdict=result.verdict, headline=headline, lines=tuple(lines))
    if result.stale is not None:
        from convrun.report.causes import cause  # only once something is stale

        stale = result.stale
        again = [
            Line(f"STALE {stale_title(stale)}: the same change as above", "stale"),
            Line(f"  {stale_relation(stale)}"),
            Line(f"    {result.id}, {stale_place(stale)}"),
            *(Line(f"      breaks: {text}", "failed") for text in stale.breaks),
        ]
        return replace(about, again=tuple(again), cause=cause(result))
    weak = _weak(result)
    if not result.findings and not weak:
        return about
    if strict and result.verdict in {"passed", "unchecked"}:
        lines = [line for finding in result.findings for line in finding_lines(finding, [result.id])]
        lines += [line for finding in weak for line in finding_lines(finding, [str(finding.where)])]
        first = (*result.findings, *weak)[0]
        headline = visible(f"finding {first.kind}: {first.message}")
        return replace(about, verdict="failed", headline=headline, lines=tuple(lines))
    return replace(about, findings=result.findings, weak=weak)


def _weak(result: ConversationResult) -> tuple[Finding, ...]:
    """What is found of the checks of one conversation, or of the samples of one."""
    if not any(check.weak for single in result.singles for check in single.all_checks):
        return ()
    from convrun.run.findings.weak import weak_findings  # most conversations have none

    return weak_findings(result.singles)


def _finding(values: dict[str, Any]) -> Finding:
    """The finding of what `asdict` has made of it."""
    where = values["where"]
    return Finding(**{**values, "where": Where(**where) if where else None})


class Failure:
    """What pytest shows of a conversation that did not pass, in the shape of its own; as text it is always whole."""

    def __init__(self, about: Told, location: tuple[str, int | None, str], *, known: bool) -> None:
        self._about = about
        self._known = known
        self.reprcrash = Crash(path=location[0], lineno=(location[1] or 0) + 1, message=about.headline)

    def __str__(self) -> str:
        return self._about.text

    def toterminal(self, writer: Any) -> None:
        """Write it to pytest's terminal: a change that was told of another conversation not once more."""
        for line in _trimmed(self._about.again if self._known else self._about.lines):
            writer.line(visible(line.text), **_MARKUP.get(line.role, {}))


@frozen
class Crash:
    """Where pytest says that a test failed, and why in a line."""

    path: str
    lineno: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.lineno}: {self.message}"


def _trimmed(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines without the empty ones at their end."""
    last = max((number for number, line in enumerate(lines, start=1) if line.text), default=0)
    return lines[:last]


class Teller:
    """What was told of all conversations so far."""

    def __init__(self) -> None:
        self._about: list[Told] = []
        self._causes: set[str] = set()

    def hear(self, report: pytest.TestReport) -> None:
        """Take the report of a conversation, and let it be shown as the console would."""
        about = Told.unpacked(report.convrun)
        self._about.append(about)
        if report.failed:
            known = about.cause is not None and about.cause in self._causes
            report.longrepr = Failure(about, report.location, known=known)  # type: ignore[assignment]  # its shape is all pytest asks of it
            self._causes |= {about.cause} if about.cause is not None else set()

    def conclude(self, terminal: pytest.TerminalReporter) -> None:
        """Write the section `convrun`: findings, and the command that records what is stale or missing."""
        lines = [*self._findings(), *self._recordings()]
        if not lines:
            return
        terminal.section("convrun")
        for line in _trimmed(lines):
            terminal.write_line(visible(line.text), **_MARKUP.get(line.role, {}))

    def _findings(self) -> Sequence[Line]:
        results = tuple(
            ConversationResult(id=one.id, spec=one.spec, verdict=one.verdict, findings=one.findings)
            for one in self._about
        )
        weak = tuple(dict.fromkeys(one for about in self._about for one in about.weak))
        run = RunResult(version=VERSION, started="", duration_s=0, exit_code=0, conversations=results, findings=weak)
        return [line for group in finding_groups(run) for line in finding_lines(group.finding, group.concerned)]

    def _recordings(self) -> Sequence[Line]:
        """How many are stale or missing, and the one command that records them all."""
        wanted = [one for one in self._about if one.verdict in {"stale", "missing"}]
        if not wanted:
            return []
        results = [ConversationResult(id=one.id, spec=one.spec, verdict=one.verdict) for one in wanted]
        missing = sum(one.verdict == "missing" for one in wanted)
        causes = len({one.cause for one in wanted if one.cause is not None})
        counts = [f"{len(wanted) - missing} stale ({noun(causes, 'change')})"] if missing < len(wanted) else []
        counts += [f"{missing} missing"] if missing else []
        return [Line(f"{', '.join(counts)}: {record_command(results)}", "stale")]
