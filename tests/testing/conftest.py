"""What the tests of cassettes for blocks share: a folder of their own, and a program that talks to a model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers import Loopback

import convrun
from convrun.testing import cassette


@pytest.fixture(autouse=True)
def _forgotten(tmp_path: Path) -> Iterator[None]:
    """What a test imported from its own folder is no module of the next one."""
    yield
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def talk(folder: Path, loopback: Loopback) -> Callable[..., list[str]]:
    """A program: says these texts in one conversation with the model on loopback, in a block with `talk.yaml`."""

    def talked(*texts: str, record: str = "none", system: str = "Be brief.", **settings: object) -> list[str]:
        model = convrun.get_model("m", base_url=loopback.base_url)
        with cassette("talk.yaml", record, **settings):
            conversation = model.conversation(system=system)
            return [conversation.prompt(text).text() for text in texts]

    return talked
