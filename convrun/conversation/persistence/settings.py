"""Settings of turns, kept: tools by their names and definitions, a schema as JSON. Code is given again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from convrun.conversation.hooks import Hooks
from convrun.conversation.persistence.kept_value import KeptValue
from convrun.conversation.settings import TurnSettings
from convrun.conversation.structured import OutputSchema, SchemaLike
from convrun.conversation.toolbox import ToolLike, tools_by_name
from convrun.conversation.tools import Tool
from convrun.errors import ConversationError, did_you_mean
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, canonical

LIMITS = ("chain_limit", "tool_timeout", "max_attachment")


@frozen
class Rebound:
    """What is given again to something kept: its code, which no JSON holds.

    `tools` None: nothing is said of them. `schema` is what the kept JSON Schema was made from.
    """

    tools: Mapping[str, Tool] | None = None
    hooks: Hooks = Hooks()
    schema: OutputSchema | None = None

    @classmethod
    def of(cls, tools: Iterable[ToolLike] | None, schema: SchemaLike | None, hooks: Hooks) -> Rebound:
        """Return it as it is given to a `from_dict`."""
        return cls(
            tools=None if tools is None else tools_by_name(tools),
            hooks=hooks,
            schema=None if schema is None else OutputSchema.of(schema),
        )

    def tool(self, kept: KeptValue) -> Tool:
        """Return the given tool of a kept one's name; else one without code, which a model sees as the same."""
        kept.only("name", "description", "parameters", "definition")
        definition = kept.get("definition").json_object_or_none()
        if definition is None:
            description, parameters = kept.get("description").text_or_none(), kept.get("parameters", {}).json_object()
            made = Tool(kept["name"].text(), description, parameters)
        else:
            with kept.located():
                made = Tool.declared(definition)
        return (self.tools or {}).get(made.name, made)

    def with_all(self, settings: TurnSettings, known: Iterable[Tool] = ()) -> TurnSettings:
        """Return settings with all that is given, also with what was not there; `known` are tools of single turns.

        Raises:
            ConversationError: where tools are given, and some with code are not among them.
        """
        had, schema = settings.schema, self.schema
        if schema is not None and (had is None or had.schema != schema.schema):
            settings = replace(settings, schema=schema)
        if self.tools is None:
            return settings
        missing = [name for name, tool in settings.tools.items() if name not in self.tools and tool.definition is None]
        if missing:
            names = ", ".join(map(repr, missing))
            near = did_you_mean(missing[0], self.tools)
            raise ConversationError(
                f"tools= does not give {names}, which {'were' if len(missing) > 1 else 'was'} there when this was kept",
                fix=f"{f'{near} ' if near else ''}to go on without, give tools= to each prompt or chain instead",
            )
        others = {tool.name for tool in known}
        new = {name: tool for name, tool in self.tools.items() if name not in others}
        return replace(settings, tools={**settings.tools, **new})

    def schema_like(self, kept: OutputSchema) -> OutputSchema:
        """Return a kept schema; what it was made from, where that is given again."""
        if self.schema is None or self.schema.schema != kept.schema:
            return kept
        return replace(self.schema, name=kept.name)


class SettingsTable:
    """Numbers settings and tools as they come; equal ones have one number."""

    def __init__(self) -> None:
        self.settings: list[Json] = []
        self.tools: list[Json] = []
        self._numbers: dict[str, int] = {}
        self._known: dict[int, tuple[TurnSettings, int]] = {}  # by identity; the settings keep their id their own

    def number(self, settings: TurnSettings) -> int:
        """Return the number of settings."""
        if id(settings) not in self._known:
            tools: list[Json] = [self._numbered(tool_to_dict(tool), self.tools) for tool in settings.tools.values()]
            found = settings_to_dict(settings)
            number = self._numbered({"tools": tools, **found} if tools else found, self.settings)
            self._known[id(settings)] = settings, number
        return self._known[id(settings)][1]

    def _numbered(self, value: JsonObject, among: list[Json]) -> int:
        try:
            key = f"{among is self.tools} {canonical(value)}"
        except ValueError as error:
            raise ConversationError(f"settings that cannot be kept: {error}", fix="give JSON values") from error
        number = self._numbers.setdefault(key, len(among))
        if number == len(among):
            among.append(value)
        return number


def settings_to_dict(settings: TurnSettings) -> JsonObject:
    """Return settings as a JSON object that is the caller's own, without the tools; what is as usual is left out."""
    found: JsonObject = {}
    if settings.options:
        found["options"] = deepcopy(dict(settings.options))
    if settings.schema is not None:
        found |= {"schema": deepcopy(settings.schema.schema), "schema_name": settings.schema.name}
    if not settings.stream:
        found["stream"] = False
    usual = TurnSettings()
    return found | {name: value for name in LIMITS if (value := getattr(settings, name)) != getattr(usual, name)}


def tool_to_dict(tool: Tool) -> JsonObject:
    """Return what a model sees of a tool."""
    if tool.definition is not None:
        return {"definition": deepcopy(tool.definition)}
    found: JsonObject = {"name": tool.name}
    if tool.description is not None:
        found["description"] = tool.description
    return found | {"parameters": deepcopy(tool.input_schema)}


def settings_of(kept: KeptValue, tools: Sequence[Tool], rebound: Rebound) -> TurnSettings:
    """Return the settings that `settings_to_dict` wrote, with these tools.

    Raises:
        ConversationError: where they are none.
    """
    schema, options = kept.get("schema").json_object_or_none(), kept.get("options", {})
    name, said = kept.get("schema_name").text_or_none(), options.json_object()
    found = TurnSettings(
        tools={tool.name: tool for tool in tools},
        schema=None if schema is None else rebound.schema_like(OutputSchema.of(schema, name)),
        stream=kept.get("stream", True).flag(),
        hooks=rebound.hooks,
        **_limits(kept),
    )
    with options.located():
        return found.with_options(said)


def _limits(kept: KeptValue) -> dict[str, Any]:
    found = {
        "chain_limit": kept.get("chain_limit").whole_or_none(least=1),
        "tool_timeout": kept.get("tool_timeout").number_or_none(),
        "max_attachment": kept.get("max_attachment").whole_or_none(least=1),
    }
    return {name: value for name, value in found.items() if value is not None}
