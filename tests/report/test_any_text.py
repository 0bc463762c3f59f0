"""Whatever text is reported: it ends nothing, begins nothing, and is read back as it was."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from hypothesis import example, given, settings
from hypothesis import strategies as st
from junit_grammar import violations
from markdown_it import MarkdownIt
from report_malice import MALICE
from report_samples import FAILED, SECOND, run

from convrun.report.github import to_github
from convrun.report.junit import to_junit
from convrun.report.markdown import code, fenced, to_markdown
from convrun.report.workflow_commands import command

SIGNS = st.text(st.sampled_from("`|\\<>&[]()!*_~#@:%,='\" \t\r\n-+.x1\x00\x1b\ud800\ufffe\u2028\u202e京😀]>"))
TEXTS = st.one_of(SIGNS, st.text(st.characters()))
MARKDOWN = MarkdownIt("commonmark").enable("table")


def said(text):
    """A run with a conversation whose reply, check and name say it."""
    turn = replace(SECOND, reply=text, checks=(replace(SECOND.checks[0], message=text, actual=text),))
    return run(replace(FAILED, id=f"specs/a.yaml::{text}", turns=(turn,)), exit_code=1)


@settings(deadline=None)
@given(TEXTS)
@example(MALICE)
def test_junit_is_valid_whatever_is_said(text):
    """It is XML, it is valid, and has no command in it."""
    written = to_junit(said(text))
    assert violations(written) == []
    assert not re.search(r"^[^\S\n]*::|##\[", written, re.MULTILINE)
    written.encode("utf-8")


@settings(deadline=None)
@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_what_can_be_read_comes_back_from_junit(text):
    """Letters, numbers and signs are the same when they are read."""
    (suite,) = ET.fromstring(to_junit(said(text)).encode("utf-8"))
    assert suite.get("name") == f"specs/a.yaml::{text}"


@settings(deadline=None)
@given(TEXTS)
@example(MALICE)
def test_a_text_is_one_block_of_code(text):
    """No line of it ends the block, none in it is a command."""
    plain = text.replace("\r", "").replace("\0", "")  # both are made visible before
    (block,) = MARKDOWN.parse(fenced(plain))
    assert block.type == "fence"
    assert not re.search(r"^[^\S\n]*::|##\[", fenced(plain), re.MULTILINE)


@settings(deadline=None)
@given(TEXTS)
@example(MALICE)
def test_a_text_is_one_cell(text):
    """In a table any text is one cell of code, and the next one stands behind it."""
    rows = MARKDOWN.render(f"| a | b |\n|---|---|\n| {code(text)} | end |\n")
    cells = re.findall("<td>(.*?)</td>", rows)
    assert len(cells) == 2
    assert cells[1] == "end"
    assert re.fullmatch("(<code>[^<>]*</code>)?", cells[0])


@settings(deadline=None)
@given(TEXTS)
@example(MALICE)
def test_markdown_has_only_our_markup(text):
    """No link, no image, no HTML of theirs."""
    kinds = {child.type for token in MARKDOWN.parse(to_markdown(said(text))) for child in token.children or ()}
    assert kinds <= {"text", "code_inline", "html_inline", "text_special"}


@settings(deadline=None)
@given(TEXTS)
@example(MALICE)
def test_an_annotation_is_one_line(text):
    """The runner finds one command, which ends where ours does."""
    assert re.fullmatch(r"::error file=[^,:\n]*,line=12,col=9,title=[^,:\n]*::[^\r\n]*", to_github(said(text)))


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_a_command_is_taken_apart_as_it_was_put_together(message, value):
    """Message and properties come back from the escaped form."""
    found = re.fullmatch(r"::error title=([^,:\r\n]*)::([^\r\n]*)", command("error", message, {"title": value}))
    unescaped = [_plain(part) for part in found.groups()]
    assert unescaped == [value, message]


def _plain(text):
    for escaped, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, sign)
    return text
