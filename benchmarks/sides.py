"""Who is measured: convrun, the work by hand, and `llm` with pytest-recording; each as its documentation writes it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv" / "peers" / "bin" / "python"  # `make bench` sets it up
_VERSIONS = (
    "import sys; from importlib.metadata import version; print(', '.join(f'{n} {version(n)}' for n in sys.argv[1:]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way to do the work: the commands that start it, record and replay, run in the project's folder.

    `what` tells people, also by what it knows a request again. `cassettes` is the folder of its recordings; `packages`
    are those whose versions matter.
    """

    name: str
    what: str
    start: tuple[str, ...]
    record: tuple[str, ...]
    replay: tuple[str, ...]
    cassettes: str
    packages: tuple[str, ...]

    def environ(self, folder: Path) -> dict[str, str]:
        """Return the environment of its commands. Without compiled modules every start would compile them anew."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        sources = os.pathsep.join([str(HERE.parent), str(folder)])
        told = {"OPENAI_API_KEY": "not-a-key", "PYTHONPATH": sources, "LLM_USER_PATH": str(folder / "llm_home")}
        return kept | told

    def size(self, folder: Path) -> int:
        """Return the bytes of what it recorded."""
        return sum(file.stat().st_size for file in (folder / self.cassettes).rglob("*.yaml"))

    def versions(self) -> str:
        """Return the versions of its packages, as people write them."""
        command = [self.start[0], "-c", _VERSIONS, *self.packages]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def sides(base_url: str, peers: Path = PEERS) -> list[Side]:
    """Return who is measured; `peers` is the Python of the environment that has `llm`, which is left out without it."""
    ours = sys.executable
    found = [
        Side(
            name="convrun",
            what="`convrun run`, which compares the messages, tools and options of a request with the recording",
            start=(ours, "-m", "convrun", "--version"),
            record=(ours, "-m", "convrun", "run", "-q", "--record", "once"),
            replay=(ours, "-m", "convrun", "run", "-q"),
            cassettes="cassettes",
            packages=("typer", "pyyaml"),
        ),
        Side(
            name="by hand",
            what="a script with the openai SDK, vcrpy and `assert` (`benchmarks/by_hand.py`), by vcrpy's defaults,"
            " which look at method and address, not at the body",
            start=(ours, "-c", "import openai, vcr"),
            record=(ours, str(HERE / "by_hand.py"), base_url),
            replay=(ours, str(HERE / "by_hand.py"), base_url),
            cassettes="by_hand",
            packages=("openai", "vcrpy"),
        ),
    ]
    if peers.exists():
        test = (str(peers), "-m", "pytest", "-q", "with_llm")
        found.append(
            Side(
                name="llm",
                what="tests of `llm`'s conversations with pytest-recording (`benchmarks/with_llm.py`), by vcrpy's"
                " defaults too",
                start=(str(peers), "-m", "llm", "--version"),
                record=(*test, "--record-mode=once"),
                replay=test,
                cassettes="with_llm/cassettes",
                packages=("llm", "pytest-recording", "pytest", "openai", "vcrpy"),
            )
        )
    return found
