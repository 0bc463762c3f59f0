"""Findings of what a spec has and no conversation uses: declared tools that are never called, hooks that never fire.

What stands in a spec is judged by its conversations, where each was played to its end. What several specs have, from
the settings' defaults or by `extends`, is judged by all of them, where all were run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from convrun.checks.registry import leaves, stated, tool_names
from convrun.frozen import frozen
from convrun.results import CheckResult, ConversationResult, Finding
from convrun.run.binding.bind import BoundConversation
from convrun.run.findings.orphans import has_every_spec
from convrun.run.project import Prepared
from convrun.source import Where
from convrun.spec.model import Spec, ToolDeclaration

_Part: TypeAlias = Literal["tools", "before_call", "after_call"]
_PARTS: tuple[_Part, ...] = ("tools", "before_call", "after_call")
_JUDGED = frozenset({"passed", "failed", "unchecked"})
_Place: TypeAlias = tuple[_Part, str, int | None, int | None]


@frozen
class _Declared:
    """A tool or a hook where it stands, in a conversation that has it."""

    part: _Part
    index: int
    where: Where
    bound: BoundConversation
    result: ConversationResult | None

    @property
    def used(self) -> bool:
        """Whether that conversation used it, as far as it was played."""
        return self.result is not None and self.index in getattr(self.result.used, self.part)

    @property
    def names(self) -> tuple[str, ...]:
        """What the model calls it."""
        return self.bound.spec.tools[self.index].names


def unused_findings(prepared: Prepared, results: Sequence[ConversationResult]) -> Iterator[Finding]:
    """Yield a finding for each tool that was never called, but for those that a check rules on, and for each hook."""
    played = {single.id: single for one in results for single in one.singles}
    places: dict[_Place, list[_Declared]] = {}
    for bound in prepared.conversations:
        for one in _declared(bound, played.get(bound.planned.id)):
            places.setdefault((one.part, one.where.file, one.where.line, one.where.column), []).append(one)
    unfinished = {
        bound.planned.spec.file
        for bound in prepared.conversations
        if not _to_its_end(played.get(bound.planned.id), bound.planned.spec)
    }
    every: bool | None = None
    for members in places.values():
        if any(one.used for one in members):
            continue
        specs = {one.bound.planned.spec.file for one in members}
        shared = specs != {members[0].where.file}
        if shared and every is None:
            every = has_every_spec(prepared)
        if specs.isdisjoint(unfinished) and (every or not shared) and not _ruled_on(members):
            yield _finding(members[0], shared=shared)


def _declared(bound: BoundConversation, result: ConversationResult | None) -> Iterator[_Declared]:
    spec = bound.planned.spec
    places: Mapping[_Part, Sequence[Where]] = {
        "tools": [tool.where for tool in spec.tools],
        "before_call": [path.where for path in spec.hooks.before_call],
        "after_call": [path.where for path in spec.hooks.after_call],
    }
    for part in _PARTS:
        for index, where in enumerate(places[part]):
            yield _Declared(part=part, index=index, where=where, bound=bound, result=result)


def _to_its_end(result: ConversationResult | None, spec: Spec) -> bool:
    """Whether every turn was played, and counts."""
    if result is None or result.verdict not in _JUDGED or len(result.turns) < len(spec.turns) - spec.borrowed:
        return False
    return all(turn.verdict in _JUDGED for turn in result.turns)


def _ruled_on(members: Sequence[_Declared]) -> bool:
    """Whether a check of one of the conversations says that a tool, or one of a toolbox, need not be called."""
    if members[0].part != "tools":
        return False
    names = frozenset(members[0].names)
    return any(_rules(check, names) for one in members if one.result is not None for check in one.result.all_checks)


def _rules(check: CheckResult, names: frozenset[str]) -> bool:
    """Whether a check names one of the tools, as what holds without a call of it; or rules on all calls.

    To name a tool under `only` is to allow its calls: nobody asks for one, or would notice it.
    """
    kind, value = check.kind, check.expected
    asked = (leaf for leaf in leaves(kind, value) if not _allows(leaf[1], leaf[2]))
    if any(name in names for _, leaf, found in asked for _, name in tool_names(leaf, found)):
        return True
    return any(_rules_on_all(leaf, found, names) for leaf, found in stated(kind, value))


def _allows(kind: str, value: object) -> bool:
    return kind == "calls" and isinstance(value, dict) and "only" in value


def _rules_on_all(kind: str, value: object, names: frozenset[str]) -> bool:
    """Whether a call of any of the tools fails a check that names none of them, or none but those it allows."""
    if _allows(kind, value):
        return not names <= {name for _, name in tool_names(kind, value)}
    if kind == "calls":
        return isinstance(value, dict) and "exactly" in value
    return kind == "not_called" and value == "any"


def _finding(one: _Declared, *, shared: bool) -> Finding:
    whose = " in any spec" if shared else ""
    spec = one.bound.planned.spec
    if one.part != "tools":
        hook = getattr(spec.hooks, one.part)[one.index]
        message = f"the {one.part} hook {hook.text!r} never fired{whose}"
        fix = "add a turn in which a tool is called, or take the hook out"
        return Finding(kind="unfired", message=message, where=one.where, fix=fix)
    names, tool = one.names, spec.tools[one.index]
    if isinstance(tool, ToolDeclaration) or len(names) == 1:
        what = f"tool {names[0]!r} was never called"
    else:
        what = f"no tool of {tool.path.text!r} was ever called"
    check = f"not_called: {names[0] if len(names) == 1 else _listed(names)}"
    fix = f"add a turn in which it is called, check `{check}`, or take it out"
    return Finding(kind="uncalled", message=f"{what}{whose}", where=one.where, fix=fix)


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]" if names else "any"
