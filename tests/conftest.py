"""What all tests share: no account of whoever runs them, and a real server on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from servers import Loopback, loopback_server


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
