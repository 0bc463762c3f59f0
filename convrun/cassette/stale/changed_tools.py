"""What differs in the tools that two requests offer: by name, a renamed one as one change."""

from __future__ import annotations

from collections.abc import Iterator

from convrun.cassette.stale.change import Change, suspected
from convrun.values import Json, JsonObject, equal


def tool_changes(before: Json, after: Json) -> Iterator[Change]:
    """Yield what differs in two lists of tools: new names of the same tools, new and old ones, parts, the order."""
    old, new = _tools(before), _tools(after)
    renamed = dict(_renamed(old, new))
    places = {name: f"/tools/{index}" for index, name in enumerate(new)}
    for was, name in renamed.items():
        yield Change(path=f"{places[name]}/function/name", part=f"tool {was!r}: name", recorded=was, now=name)
    for name in dict.fromkeys([*old, *new]):
        if name in renamed or (name in renamed.values() and name not in old):
            continue
        if name in new and name in old:
            yield from _part_changes(name, old[name], new[name], places[name])
        else:
            path = places.get(name) or f"/tools/{list(old).index(name)}"
            yield Change(path=path, part=f"tool {name!r}", recorded=old.get(name), now=new.get(name))
    for was, name in renamed.items():
        yield from _part_changes(name, old[was], new[name] | {"name": was}, places[name])
    names: list[Json] = [renamed.get(name, name) for name in old]
    if set(names) == set(new) and names != list(new):
        yield Change(path="/tools", part="order of the tools", recorded=list(old), now=list(new))


def renamed_tools(before: Json, after: Json) -> dict[str, str]:
    """Return today's names of the tools that are called otherwise now."""
    return dict(_renamed(_tools(before), _tools(after)))


def _part_changes(name: str, old: JsonObject, new: JsonObject, path: str) -> Iterator[Change]:
    """What differs in one tool that was offered then and is now."""
    for key in dict.fromkeys([*old, *new]):
        recorded, now = old.get(key), new.get(key)
        if not equal(recorded, now):
            part = "schema" if key == "parameters" else key
            place = f"{path}/function/{key}"
            yield suspected(Change(path=place, part=f"tool {name!r}: {part}", recorded=recorded, now=now))


def _renamed(old: dict[str, JsonObject], new: dict[str, JsonObject]) -> Iterator[tuple[str, str]]:
    """The tools that are told apart from before by their names only, then those by most of what they are."""
    gone = [name for name in old if name not in new]
    fresh = [name for name in new if name not in old]
    for wanted in (_all_of_it, _most_of_it):
        for was in [*gone]:
            name = next((name for name in fresh if wanted(old[was], new[name])), None)
            if name is not None:
                yield was, name
                gone.remove(was)
                fresh.remove(name)


def _all_of_it(old: JsonObject, new: JsonObject) -> bool:
    return equal(_nameless(old), _nameless(new)) and len(old) > 1


def _most_of_it(old: JsonObject, new: JsonObject) -> bool:
    """Whether the description is the same, or the parameters are and there are some."""
    if old.get("description") and equal(old.get("description"), new.get("description")):
        return True
    parameters = old.get("parameters")
    some = isinstance(parameters, dict) and bool(parameters.get("properties"))
    return some and equal(parameters, new.get("parameters"))


def _nameless(function: JsonObject) -> JsonObject:
    return {key: value for key, value in function.items() if key != "name"}


def _tools(tools: Json) -> dict[str, JsonObject]:
    """The functions by name; what is no function is named by its place."""
    found: dict[str, JsonObject] = {}
    for index, tool in enumerate(tools if isinstance(tools, list) else []):
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict):
            name = str(function.get("name"))
            found[f"{name} ({index + 1})" if name in found else name] = function
        else:
            found[f"{index + 1}"] = tool if isinstance(tool, dict) else {"": tool}
    return found
