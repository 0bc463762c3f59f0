"""The tables against the list of traps that lies beside the shared recordings: each line of it has a row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import test_trap_account_data as account
import test_trap_errors as errors
import test_trap_replies as replies
import test_trap_requests as requests
import test_trap_streams as streams

LIST = Path(__file__).parents[2].parent / "shared" / "recordings" / "TRAPS.md"
TABLES = (
    replies.REPLIES,
    replies.REFUSED,
    streams.SAID,
    streams.LATE_ERRORS,
    errors.ERRORS,
    requests.REQUESTS,
    account.TOLD,
)
WITHOUT_A_TABLE = {errors.RETRIES, account.HEADERS}  # what has a test of another shape


@pytest.mark.skipif(not LIST.is_file(), reason=f"the list of traps is not at {LIST}")
def test_every_line_of_the_list_has_a_row():
    """No line is without a row, and no row names a line that is not there."""
    lines = re.findall(r"^- (.*)$", LIST.read_text("utf-8"), re.MULTILINE)
    named = {row.line for table in TABLES for row in table} | WITHOUT_A_TABLE
    assert [line for line in lines if not any(line.startswith(name) for name in named)] == []
    assert [name for name in sorted(named) if not any(line.startswith(name) for line in lines)] == []


def test_no_two_rows_of_a_table_are_the_same():
    """A case stands once in its table."""
    for table in TABLES:
        cases = [(row.line, row.case) for row in table]
        assert len(cases) == len(set(cases))
