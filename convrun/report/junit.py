"""The run as JUnit XML, as CI systems read it.

It is valid against every version of the schema of the xUnit plugin of Jenkins. None of them knows properties of a test
case, and the latest does not know its place either. So each conversation is a suite of one test case, and the suite has
them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

from convrun.report.account import account, reason, told, trouble
from convrun.report.failure import problem
from convrun.report.findings import finding_lines
from convrun.report.samples import sample_properties
from convrun.report.spending import spent_usd
from convrun.report.wording import noun
from convrun.report.workflow_commands import disarmed
from convrun.results import ConversationResult, Problem, RunResult, Verdict
from convrun.source import printable

# What each verdict is in JUnit; one that passed is nothing.
_OUTCOMES: Mapping[Verdict, str] = {
    "failed": "failure",
    "stale": "failure",
    "missing": "error",
    "error": "error",
    "skipped": "skipped",
    "unchecked": "skipped",
}
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(result: RunResult) -> str:
    """Return the result as JUnit XML, a test case for each conversation.

    Failed and stale ones are failures, missing recordings and errors are errors, skipped and unchecked ones skipped. A
    test case `convrun` says what no conversation shows: that the run was interrupted, ended by a bug, or strict.
    """
    root = ET.Element("testsuites", name="convrun")
    for conversation in result.conversations:
        root.append(_suite(conversation, result))
    if wrong := trouble(result):
        case = ET.Element("testcase", name="convrun", classname="convrun", time="0.000")
        outcome = "failure" if wrong.type == "findings" else "error"
        case.append(_outcome(outcome, wrong.type, wrong.message, told(problem(wrong, full=wrong.type == "bug"))))
        root.append(_wrapped(case, "convrun", result.started))
    return _written(root, result.duration_s)


def mistakes_to_junit(mistakes: Sequence[Problem], *, started: str) -> str:
    """Return the mistakes for which nothing ran as JUnit XML: an error of one test case, `convrun`."""
    case = ET.Element("testcase", name="convrun", classname="convrun", time="0.000")
    text = "\n\n".join(told(problem(one)) for one in mistakes)
    case.append(_outcome("error", "mistake", f"nothing ran: {noun(len(mistakes), 'mistake')}", text))
    root = ET.Element("testsuites", name="convrun")
    root.append(_wrapped(case, "convrun", started))
    return _written(root, 0.0)


def _written(root: ET.Element, duration_s: float) -> str:
    """The whole as text, with its counts."""
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", f"{duration_s:.3f}")
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + disarmed(text, colon="&#58;", hash_sign="&#35;")


def _suite(conversation: ConversationResult, result: RunResult) -> ET.Element:
    case = ET.Element(
        "testcase",
        name=_clean(conversation.id),
        classname=_clean(_class_name(conversation)),
        time=f"{conversation.duration_s:.3f}",
    )
    kind = _OUTCOMES.get(conversation.verdict)
    if kind is not None:
        error = conversation.error
        name = error.type if conversation.verdict == "error" and error else conversation.verdict
        text = told(account(conversation, command=result.command))
        case.append(_outcome(kind, name, reason(conversation), text))
    if conversation.findings:
        said = [line for finding in conversation.findings for line in finding_lines(finding)]
        ET.SubElement(case, "system-out").text = _lines(told(said))
    suite = _wrapped(case, conversation.id, result.started, _properties(conversation))
    suite.set("file", _clean(_file(conversation)))
    return suite


def _wrapped(case: ET.Element, name: str, started: str, properties: Mapping[str, object] | None = None) -> ET.Element:
    """A suite of one test case, with its counts and properties; those without a value are left out."""
    suite = ET.Element("testsuite", name=_clean(name), tests="1", time=case.get("time", ""), timestamp=started)
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(case.findall(kind))))
    known = {key: value for key, value in (properties or {}).items() if value is not None}
    if known:
        listed = ET.SubElement(suite, "properties")
        for key, value in known.items():
            ET.SubElement(listed, "property", name=key, value=_clean(str(value)))
    suite.append(case)
    return suite


def _outcome(kind: str, name: str, message: str, text: str) -> ET.Element:
    element = ET.Element(kind, type=_clean(name), message=_clean(message))
    element.text = _lines(text) or None
    return element


def _properties(conversation: ConversationResult) -> Mapping[str, object]:
    return {
        "file": _file(conversation),
        "line": conversation.where.line if conversation.where and conversation.where.line else 1,
        "verdict": conversation.verdict,
        "case": conversation.case,
        "model": conversation.model,
        "tags": ", ".join(conversation.tags) or None,
        "cassette": conversation.cassette,
        "turns": sum(turn.verdict != "skipped" for one in conversation.parts for turn in one.turns),
        "model_calls": conversation.model_calls,
        "live_calls": conversation.live_calls,
        "spent_usd": spent_usd(conversation),
        "usage.input": conversation.usage.input,
        "usage.output": conversation.usage.output,
        "trunk": conversation.branched.trunk if conversation.branched else None,
        **sample_properties(conversation.samples),
    }


def _file(conversation: ConversationResult) -> str:
    return conversation.where.file if conversation.where else conversation.spec


def _class_name(conversation: ConversationResult) -> str:
    """`specs.desk.greet` for `specs/desk/greet.yaml`: CI systems make packages of it; `yaml` would be the class."""
    return ".".join(PurePosixPath(conversation.spec).with_suffix("").parts)


def _lines(text: str) -> str:
    return "\n".join(_clean(line) for line in text.split("\n"))


def _clean(text: str) -> str:
    r"""The text with all visible that XML 1.0 does not have; U+FFFE and U+FFFF are `\ufffe` and `\uffff`."""
    return _NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", printable(text))
