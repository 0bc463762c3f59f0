"""Markdown for a comment: what did not pass, within its limit, and nothing but code of what was said."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from goldens import goldens
from markdown_it import MarkdownIt
from report_malice import MALICE, VISIBLE, hostile_run
from report_samples import FAILED, MISSING, PASSED, PROMPT, RUN, SECOND, STALE, UNCHECKED, run

from convrun.report.console import details, summary
from convrun.report.markdown import COMMENT, code, fenced, to_markdown
from convrun.results import Finding, Problem

golden = goldens(__file__)

MARKDOWN = MarkdownIt("commonmark").enable("table")
OURS = re.compile(
    r"<details( open)?><summary>(ERROR|FAILED|STALE|MISSING|\d+ finding)[^<]*(<code>[^<]*</code>[^<]*)?</summary>\n"
    r"|</details>\n?|</?code>"
)


def tokens(text):
    """What a renderer makes of the text, flat: blocks and what is in their lines, without the text in `<code>`."""
    for token in MARKDOWN.parse(text):
        yield token
        code_begun = False
        for child in token.children or ():
            code_begun = child.content == "<code>" or (code_begun and child.content != "</code>")
            if not code_begun or child.type not in {"text", "text_special"}:
                yield child


def test_the_whole_report_is_the_golden_one():
    """All verdicts, as they are written down."""
    text = to_markdown(RUN) + "\n"
    assert text == golden("everything.md", text)


def test_what_passed_is_one_line_and_the_counts():
    """Where all is well there is the headline and the console's last line."""
    assert to_markdown(run(PASSED, PASSED)) == f"## convrun: 2 passed\n\n{summary(run(PASSED, PASSED))}"


def test_only_what_passed_is_called_so():
    """Whatever else there is stands before it in the headline, the worst first."""
    head = to_markdown(run(PASSED, UNCHECKED, MISSING, STALE, FAILED)).partition("\n")[0]
    assert head == "## convrun: 1 failed, 1 stale, 1 missing, 1 unchecked, 1 passed"


def test_the_text_of_a_failure_is_that_of_the_console():
    """What the console says of a conversation stands in its block, word for word."""
    assert f"```text\n{details(FAILED, command=RUN.command).strip()}\n```" in to_markdown(RUN)


def test_one_cause_is_told_once():
    """Conversations that one change made stale are one block, also one that failed before; each has its row."""
    others = [replace(STALE, id=f"specs/old.yaml::{number}") for number in range(20)]
    text = to_markdown(run(*others, replace(FAILED, stale=STALE.stale), exit_code=1))
    assert text.count(f"+ {PROMPT.now.partition(chr(10))[0]}") == 1
    assert text.count("| stale | ") == 20
    assert "<details open><summary>STALE <code>system prompt</code>: 21 conversations</summary>" in text


def test_few_blocks_are_open_and_many_are_folded():
    """Up to three blocks are shown at once."""
    assert to_markdown(run(FAILED)).count("<details open>") == 1
    assert "<details open>" not in to_markdown(run(*[replace(FAILED, id=str(number)) for number in range(4)]))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"interrupted": True, "exit_code": 130}, "## convrun: interrupted, 1 passed\n"),
        ({"interrupted": True, "exit_code": 130, "conversations": ()}, "## convrun: interrupted\n"),
        ({"bug": Problem(type="KeyError", message="x"), "exit_code": 70}, "## convrun: a bug in convrun, 1 passed\n"),
        ({"exit_code": 1}, "## convrun: strict findings, 1 passed\n"),
        ({"interrupted": True, "exit_code": 130}, "```text\ninterrupted: only what was finished is reported\n```"),
        (
            {"bug": Problem(type="KeyError", message="KeyError: '`x`'"), "exit_code": 70},
            "a bug in convrun: KeyError: '`x`'",
        ),
        ({"exit_code": 1}, "there are findings, and the run is strict"),
        ({"exit_code": 5, "conversations": ()}, "## convrun: nothing was run\n\nnothing to run"),
    ],
)
def test_what_no_conversation_shows_is_said(change, text):
    """An interruption, a bug, findings of a strict run and an empty run stand on top."""
    assert text in to_markdown(replace(run(PASSED), **change))


def test_findings_stand_once_with_whom_they_concern():
    """A finding of several conversations is told once, with their ids."""
    finding = Finding(kind="unplayed", message="2 interactions", fix="prune")
    text = to_markdown(run(*[replace(PASSED, id=name, findings=(finding,)) for name in ("a", "b")]))
    assert "<summary>2 findings</summary>\n\n```text\nFINDING unplayed: 2 interactions\n  a\n  b\n  prune\n```" in text


@pytest.mark.parametrize("letter", ["a", "京", "😀", "`"])
def test_a_comment_keeps_to_its_limit_and_counts_what_is_left_out(letter):
    """With more than a comment takes, the worst stays, the rest is counted, and every block is whole."""
    long = replace(SECOND, reply="\n".join([letter * 50] * 15))
    many = [replace(FAILED, id=f"specs/a.yaml::{letter}{number}", turns=(long,)) for number in range(900)]
    text = to_markdown(run(PASSED, *many, exit_code=1))
    assert len(text) <= len(text.encode("utf-8")) <= COMMENT
    left = re.search(r"no room for more: (\d+) rows and (\d+) blocks\.", text)
    assert text.count("| failed | ") + int(left[1]) == 900
    assert text.count("<details>") + int(left[2]) == 900
    assert text.count("<details>") == text.count("</details>") > 5
    assert text.startswith("## convrun: 900 failed, 1 passed\n")


def test_a_very_long_failure_is_cut():
    """One conversation cannot take the room of all: its block ends with the number of lines that are missing."""
    turns = tuple(replace(SECOND, index=number) for number in range(1, 200))
    text = to_markdown(run(replace(FAILED, turns=turns), replace(FAILED, id="other")))
    assert re.search(r"\n\.\.\. \d+ lines more, the console has them\n```", text)
    assert "FAILED other, turn 2" in text


def test_nothing_that_was_said_is_markup():
    """A renderer finds no link, image, HTML or heading of theirs, and their words in code only."""
    text = to_markdown(hostile_run())
    outside = []
    for token in tokens(text):
        assert token.type not in {"link_open", "image", "html_inline"} or OURS.fullmatch(token.content), token
        assert token.type != "html_block" or OURS.fullmatch(token.content), token
        assert token.type != "heading_open" or token.map == [0, 1]
        if token.type == "text":
            outside.append(token.content)
    assert {"forged", "team", "alert", "CDATA", "invalid"} & set(re.findall(r"\w+", " ".join(outside))) == set()
    assert not set(text) & set("\x1b\x00\x07\r\u202e\u2066\ud800")


def test_all_that_was_said_is_there():
    """Nothing is dropped: the block of the failure has every line, between fences longer than theirs."""
    blocks = [token.content for token in tokens(to_markdown(hostile_run())) if token.type == "fence"]
    (failed,) = [text for text in blocks if text.startswith("FAILED ")]
    assert [piece for piece in VISIBLE if piece not in failed] == []
    assert len(blocks) == 5


def test_no_line_is_a_command_to_github():
    """Printed in a job, no line begins with `::` and none has `##[`."""
    assert not re.search(r"^\s*::|##\[", to_markdown(hostile_run()), re.MULTILINE)


@pytest.mark.parametrize(
    "text", [MALICE.replace("\n", " "), "a`b", "``", "a\\|b", "a|b", "\\", "x ", "*a* _b_ <i>", "&amp;"]
)
def test_code_in_a_cell_is_the_text_itself(text):
    """In a table a text of any signs is one cell, and reads as it is."""
    (row,) = [
        one for one in MARKDOWN.render(f"| a | b |\n|---|---|\n| {code(text)} | end |\n").split("<tr>") if "end" in one
    ]
    cells = re.findall("<td>(.*?)</td>", row)
    assert len(cells) == 2
    shown = html.unescape(re.fullmatch("<code>(.*)</code>", cells[0])[1])
    assert "".join(shown.split()) == "".join(code_text(text).split())


def code_text(text):
    """The text as it is to be read: what is not printable is visible."""
    from convrun.report.workflow_commands import disarmed
    from convrun.source import printable

    return disarmed(printable(text)).replace("\ufffe", "\ufffd")


@pytest.mark.parametrize("text", ["```\n# x", "a ````` b\n`````\n<b>", "~~~\n# x", "</details>\n\n# x"])
def test_no_line_ends_a_block(text):
    """Whatever its lines are, a text is one block of code."""
    (block,) = MARKDOWN.parse(fenced(text))
    assert (block.type, block.content) == ("fence", f"{text}\n")
