"""The conversations that are measured: the same prompts, tool and checks as specs and for the peers."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

TOOL = '''"""The tool of the benchmark."""


def weather(city: str) -> str:
    """Return the weather of a city."""
    return f"{city}: 21 degrees, a light wind"
'''
SYSTEM = "You are a travel guide. Answer in a few sentences."


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """So many conversations of so many turns; with `tool` the first turn makes a tool call, which is one call more."""

    name: str
    conversations: int = 1
    turns: int
    tool: bool = True
    length: int = 60  # characters of what the user says
    aim: float | None = None  # convrun's time beside that by hand, as we want it
    patience: int = 1  # how many times the limit of a run holds for it: some take long to record, too

    @property
    def requests(self) -> int:
        """The model calls of all conversations."""
        return self.conversations * (self.turns + self.tool)

    def prompts(self, number: int) -> list[str]:
        """What the user says in conversation `number`."""
        questions = [f"What is the weather in City{number}?"] if self.tool else []
        for turn in range(len(questions), self.turns):
            text = f"Question {turn} of conversation {number}: what should I know about the place? "
            questions.append((text * (self.length // len(text) + 1))[: max(self.length, 40)].strip())
        return questions

    def write(self, folder: Path, base_url: str) -> None:
        """Write the project: settings, tool and specs, and what the peers read."""
        for name in ("specs", "with_llm", "llm_home"):
            (folder / name).mkdir(parents=True)
        (folder / "guide.py").write_text(TOOL, encoding="utf-8")
        (folder / "convrun.toml").write_text(f'base_urls = ["{base_url}"]\n', encoding="utf-8")
        every = {}
        for number in range(self.conversations):
            name = f"guide_{number:04}"
            every[name] = {"prompts": self.prompts(number), "city": f"City{number}" if self.tool else None}
            (folder / "specs" / f"{name}.yaml").write_text(self._spec(number, base_url), encoding="utf-8")
        (folder / "conversations.json").write_text(json.dumps(every), encoding="utf-8")
        shutil.copyfile(Path(__file__).parent / "with_llm.py", folder / "with_llm" / "test_guide.py")
        (folder / "llm_home" / "extra-openai-models.yaml").write_text(
            f"- {{model_id: guide, model_name: gpt-4.1-mini, api_base: '{base_url}', supports_tools: true}}\n",
            encoding="utf-8",
        )

    def _spec(self, number: int, base_url: str) -> str:
        turns = "".join(
            f"  - user: '{prompt}'\n    expect:\n      - contains: Certainly\n" for prompt in self.prompts(number)
        )
        called = f"expect:\n  - called: {{tool: weather, with: {{city: City{number}}}}}\n" if self.tool else ""
        return (
            f"model: {{name: gpt-4.1-mini, base_url: '{base_url}'}}\n"
            f"system: {SYSTEM}\n"
            "options: {temperature: 0}\n"
            "tools: [guide:weather]\n"
            f"turns:\n{turns}{called}"
        )
