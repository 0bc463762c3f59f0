"""The pytest plugin, as pytest finds it: its hooks where pytest is new enough, else nothing that stands in the way."""

from __future__ import annotations

import re

import pytest

OLDEST = (8, 3)  # of pytest

if tuple(map(int, re.findall(r"\d+", pytest.__version__)[:2])) >= OLDEST:
    from convrun.pytesting.hooks import (
        conversation,
        pytest_addoption,
        pytest_collect_file,
        pytest_collection_modifyitems,
        pytest_configure,
        pytest_ignore_collect,
        pytest_load_initial_conftests,
        pytest_make_collect_report,
        pytest_recording_configure,
        pytest_runtest_call,
        pytest_runtest_makereport,
    )

    __all__ = [
        "conversation",
        "pytest_addoption",
        "pytest_collect_file",
        "pytest_collection_modifyitems",
        "pytest_configure",
        "pytest_ignore_collect",
        "pytest_load_initial_conftests",
        "pytest_make_collect_report",
        "pytest_recording_configure",
        "pytest_runtest_call",
        "pytest_runtest_makereport",
    ]
else:
    from convrun.pytesting.outdated import pytest_terminal_summary

    __all__ = ["pytest_terminal_summary"]
