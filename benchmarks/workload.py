"""The conversations that are measured: the same prompts, tool and checks as specs and for the script by hand."""

from __future__ import annotations

import json
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
    """So many conversations of so many turns; the first turn makes one tool call, so there is one call more."""

    name: str
    conversations: int
    turns: int
    length: int = 60  # characters of what the user says

    def prompts(self, number: int) -> list[str]:
        """What the user says in conversation `number`."""
        questions = [f"What is the weather in City{number}?"]
        for turn in range(1, self.turns):
            text = f"Question {turn} of conversation {number}: what should I know about the place? "
            questions.append((text * (self.length // len(text) + 1))[: max(self.length, 40)].strip())
        return questions

    def write(self, folder: Path, base_url: str) -> None:
        """Write the project: settings, tool, specs, and the script's data."""
        (folder / "specs").mkdir(parents=True)
        (folder / "guide.py").write_text(TOOL, encoding="utf-8")
        (folder / "convrun.toml").write_text(f'base_urls = ["{base_url}"]\n', encoding="utf-8")
        every = {}
        for number in range(self.conversations):
            every[f"guide_{number:04}"] = self.prompts(number)
            (folder / "specs" / f"guide_{number:04}.yaml").write_text(self._spec(number, base_url), encoding="utf-8")
        (folder / "conversations.json").write_text(json.dumps(every), encoding="utf-8")

    def _spec(self, number: int, base_url: str) -> str:
        turns = "".join(
            f"  - user: '{prompt}'\n    expect:\n      - contains: Certainly\n" for prompt in self.prompts(number)
        )
        return (
            f"model: {{name: gpt-4.1-mini, base_url: '{base_url}'}}\n"
            f"system: {SYSTEM}\n"
            "options: {temperature: 0}\n"
            "tools: [guide:weather]\n"
            f"turns:\n{turns}"
            f"expect:\n  - called: {{tool: weather, with: {{city: City{number}}}}}\n"
        )
