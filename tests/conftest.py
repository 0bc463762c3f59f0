"""What all tests share: no account of whoever runs them, and a real server on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from projects import Project
from servers import Loopback, loopback_server

# How long examples take says nothing on a machine that others use as well.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

collect_ignore = ["golden", "stale/hotel"]  # projects that tests run, with mistakes on purpose


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own keys and addresses reach a test."""
    for name in ("API_KEY", "ADMIN_KEY", "BASE_URL", "ORG_ID", "PROJECT_ID", "CUSTOM_HEADERS"):
        monkeypatch.delenv(f"OPENAI_{name}", raising=False)


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """A server that gives scripted answers: `loopback.says(...)`, `loopback.base_url`, `loopback.requests`."""
    with loopback_server() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """An empty project; what its runs import is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Project(tmp_path)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[Any]]]:
    """Starts processes as `subprocess.Popen` does; whatever a test comes to, none is left behind it."""
    processes = []

    def start(*arguments: Any, **how: Any) -> subprocess.Popen[Any]:
        processes.append(subprocess.Popen(*arguments, **how))
        return processes[-1]

    yield start
    for process in processes:
        with process:  # closes its streams, and waits for it
            process.kill()
