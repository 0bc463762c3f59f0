"""A spec as convrun understands it: frozen, positioned, nothing imported and nothing rendered yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Literal, TypeAlias

from convrun.frozen import frozen
from convrun.source import Where
from convrun.templates import Text
from convrun.values import Json, JsonObject

Policy: TypeAlias = Literal["live", "replay", "verify", "stub"]
Path: TypeAlias = tuple[str | int, ...]  # into a YAML value: keys and indexes
OWN_AXES = ("model", "system", "options")  # of a matrix: they are the spec's own keys, all others are vars


@frozen
class ImportPath:
    """`package.module:attribute`, not imported yet."""

    text: str
    where: Where


@frozen
class ScriptCall:
    """A tool call in a script line."""

    name: str
    arguments: JsonObject


@frozen
class ScriptLine:
    """What a scripted model says next: a reply, or calls made at once."""

    reply: str | None = None
    calls: tuple[ScriptCall, ...] = ()


@frozen
class ModelSpec:
    """A model as a spec names it; None where the spec says nothing. `timeout` is in seconds."""

    name: str
    provider: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    stream: bool = False
    api: Literal["chat", "responses"] | None = None
    system_role: Literal["system", "developer"] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    max_retries: int | None = None
    script: tuple[ScriptLine, ...] | None = None
    where: Where | None = None


@frozen
class StubEntry:
    """What a stub gives to calls whose arguments fit `when`, to every call where that is None: a value, or an error.

    `when` and `returns` have Text leaves; `places` gives the Where of each path into `when`.
    """

    when: Mapping[str, object] | None = None
    returns: object = None
    raises: Text | None = None
    where: Where
    places: Mapping[Path, Where] = field(default_factory=dict)


@frozen
class ToolUse:
    """A Python tool: a function or a Toolbox class. `arguments` are the constructor's, with Text leaves.

    `stub` stands in for its code, where the policy is that.
    """

    path: ImportPath
    arguments: Mapping[str, object] = field(default_factory=dict)
    name: str | None = None
    policy: Policy | None = None
    stub: tuple[StubEntry, ...] = ()
    where: Where


@frozen
class ToolDeclaration:
    """A tool without code; `function` goes out as it was written. `stub` answers its calls, else the recording does."""

    name: str
    function: JsonObject
    stub: tuple[StubEntry, ...] = ()
    where: Where


@frozen
class HookSpec:
    """Import paths of the hooks, in order."""

    before_call: tuple[ImportPath, ...] = ()
    after_call: tuple[ImportPath, ...] = ()
    before_conversation: tuple[ImportPath, ...] = ()


@frozen
class HistoryCall:
    """A tool call in `history`; `arguments` is JSON text."""

    name: str
    arguments: str
    id: str


@frozen
class HistoryMessage:
    """A message before the first turn. `tool` messages name their call by `tool_call_id`."""

    role: Literal["user", "assistant", "tool"]
    text: Text | None = None
    tool_calls: tuple[HistoryCall, ...] = ()
    tool_call_id: str | None = None
    where: Where


@frozen
class AttachmentSpec:
    """`path` is relative to the spec's file; exactly one of `path` and `url` is given."""

    path: Text | None = None
    url: Text | None = None
    type: str | None = None
    detail: str | None = None
    where: Where


@frozen
class SchemaSpec:
    """Structured output: a JSON Schema, or the import path of a pydantic model."""

    schema: JsonObject | None = None
    path: ImportPath | None = None
    where: Where


@frozen
class CheckSpec:
    """A check as it is written: `value` has Text leaves; `places` gives the Where of each path into the value."""

    kind: str
    value: object
    because: str | None = None
    where: Where
    places: Mapping[Path, Where] = field(default_factory=dict)


@frozen
class KnownFailure:
    """Why something is known to fail, and where the spec says so."""

    reason: str
    where: Where


@frozen
class SimulateSpec:
    """A model that plays the user, for `max_turns` turns at most; None: the conversation's own model.

    It ends by itself once it has what it wants, or after a turn for which all checks of `until` hold.
    """

    goal: Text
    persona: Text | None = None
    max_turns: int = 10
    until: tuple[CheckSpec, ...] = ()
    model: ModelSpec | None = None
    where: Where


@frozen
class TurnSpec:
    """What the user says, and what must hold afterwards. An option that is None removes the spec's.

    With `expect_error`, a check of that kind, the provider is to refuse; there is no `expect` then. `chain` is how many
    model calls there may be before the tool calls of the last stay open: False is one, True any number. `branches` go
    on from it, each in its own way, in the place of the turns behind it. With `simulate` it stands for as many turns as
    a model that plays the user takes; what is said in them is not known here.
    """

    user: Text
    id: str | None = None
    system: Text | None = None
    chain: bool | int = True
    attachments: tuple[AttachmentSpec, ...] = ()
    options: Mapping[str, Json] = field(default_factory=dict)
    schema: SchemaSpec | None = None
    expect: tuple[CheckSpec, ...] = ()
    expect_error: CheckSpec | None = None
    skip: str | None = None
    known_failure: KnownFailure | None = None
    simulate: SimulateSpec | None = None
    branches: tuple[BranchSpec, ...] = ()
    where: Where

    @property
    def most(self) -> int:
        """How many turns of a conversation it may come to."""
        return 1 if self.simulate is None else self.simulate.max_turns

    @property
    def own_checks(self) -> tuple[CheckSpec, ...]:
        """The checks that are written in it, but for an error that it expects."""
        return self.expect if self.simulate is None else (*self.expect, *self.simulate.until)


@frozen
class BranchSpec:
    """Another way on from a turn: the turns of a conversation that has the beginning up to there from its trunk."""

    name: str
    turns: tuple[TurnSpec, ...]
    where: Where


def every_turn(turns: Iterable[TurnSpec]) -> Iterator[TurnSpec]:
    """Yield the turns and those of their branches, in the order of the file."""
    for turn in turns:
        yield turn
        for branch in turn.branches:
            yield from every_turn(branch.turns)


@frozen
class CaseSpec:
    """One row of `cases`: its values are vars. `id` is the row's, or its first value's text."""

    id: str
    values: Mapping[str, Json]
    skip: str | None = None
    known_failure: KnownFailure | None = None
    where: Where


@frozen
class Pointer:
    """A JSON pointer into requests, and where it is written."""

    text: str
    where: Where


@frozen
class AxisValue:
    """One value of an axis of `matrix`: a ModelSpec, a Text, options, or that of a var.

    `name` is its part of an id; it is made of `text`, of which it may have the beginning only.
    """

    name: str
    text: str
    value: Any
    where: Where


@frozen
class Axis:
    """One key of `matrix`, and its values in the order of the file, which are at least one."""

    name: str
    values: tuple[AxisValue, ...]
    where: Where

    @property
    def is_var(self) -> bool:
        """Whether its values are those of a var; else they are the spec's own model, system prompt or options."""
        return self.name not in OWN_AXES


@frozen
class SamplesSpec:
    """How many independent conversations there are of each that the spec describes, and how many `needed` to pass."""

    times: int
    needed: int
    where: Where | None = field(default=None, compare=False)


@frozen
class ModelFault:
    """What goes wrong with a model call, by its name, as `refusal`; `times` attempts in a row meet it.

    The turn is named by its number, from 1, or by its id. `places` gives the Where of each key's value.
    """

    turn: int | str
    model_call: int = 1
    inject: str
    times: int = 1
    where: Where
    places: Mapping[str, Where] = field(default_factory=dict)


@frozen
class ToolFault:
    """What a tool raises in the place of one of its calls, which are counted from 1 over the conversation."""

    tool: str
    call: int = 1
    raises: Text
    where: Where
    places: Mapping[str, Where] = field(default_factory=dict)


@frozen
class FreezeSpec:
    """What does not change from run to run: the time that `now()` gives, as written; the seed of `uuid()`."""

    time: str | None = None
    uuid: str | None = None


@frozen
class Spec:
    """One spec file. `file` is its path below the root, with `/`; `name` its own name or the file's stem.

    Of a branch the first `borrowed` turns are those of its trunk, without what they are to be checked for; `origin` is
    the spec as it is written, where this is one way through it.
    """

    file: str
    name: str
    where: Where
    description: str | None = None
    tags: tuple[str, ...] = ()
    model: ModelSpec | None = None
    system: Text | None = None
    vars: Mapping[str, Json] = field(default_factory=dict)
    options: Mapping[str, Json] = field(default_factory=dict)
    tools: tuple[ToolUse | ToolDeclaration, ...] = ()
    hooks: HookSpec = field(default_factory=HookSpec)
    history: tuple[HistoryMessage, ...] = ()
    chain_limit: int = 10
    tool_timeout: float = 60.0
    tool_policy: Policy | None = None
    turns: tuple[TurnSpec, ...] = ()
    borrowed: int = 0
    each_turn: tuple[CheckSpec, ...] = ()
    expect: tuple[CheckSpec, ...] = ()
    ignored: tuple[Pointer, ...] = ()
    skip: str | None = None
    known_failure: KnownFailure | None = None
    cases: tuple[CaseSpec, ...] | None = None
    matrix: tuple[Axis, ...] = ()
    samples: SamplesSpec | None = None
    faults: tuple[ModelFault | ToolFault, ...] = ()
    freeze: FreezeSpec | None = None
    origin: Spec | None = field(default=None, compare=False)

    @property
    def ignore(self) -> tuple[str, ...]:
        """The JSON pointers that are left out of the comparison with the cassette."""
        return tuple(pointer.text for pointer in self.ignored)
