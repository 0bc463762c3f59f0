"""What a spec sends otherwise now than a recording of it holds, as far as that is known without running code.

Tools and structured output come of code, and so may what a conversation's hooks say: nothing is said of those. A stub's
value does not, unless hooks see its calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convrun.backends.identity import identify
from convrun.cassette.canonical import plain_envelope
from convrun.conversation.tools import ToolCall
from convrun.errors import ConvrunError, TemplateError
from convrun.redaction import Redactor
from convrun.review.judge import Judge, partners_of
from convrun.run.binding.bound_models import script_lines
from convrun.run.binding.names import mention, texts
from convrun.run.planning.plan import Planned
from convrun.run.playing.judging import template_names
from convrun.spec.model import SimulateSpec, ToolDeclaration, ToolUse, TurnSpec
from convrun.templates import Text, render_text
from convrun.transcript import Asked, RecordedTurn
from convrun.values import equal

_OF_CODE = ("turns", "tmp", "env")  # what only a run knows


def outdated_parts(judge: Judge, recorded: Sequence[RecordedTurn]) -> tuple[str, ...]:
    """Return the parts of what is sent that a spec has otherwise than the recording, each once; empty: none is known.

    For one of them a run calls the recording stale. What `cassette: ignore` leaves out is not compared.
    """
    judge = judge.of(recorded)
    spec = judge.planned.spec
    if spec.hooks.before_conversation or judge.planned.skip:
        return ()
    return tuple(dict.fromkeys(part for part in _parts(judge, recorded) if not _ignored(part, spec.ignore)))


def _parts(judge: Judge, recorded: Sequence[RecordedTurn]) -> Iterator[str]:
    spec, partners = judge.planned.spec, partners_of(judge, recorded)
    models = _models(judge.planned)
    system: Text | None = spec.system
    purpose, begun = "system", 0
    following = 0  # the recorded turn that ought to be next
    # One that is refused is read as one turn with the next of the same words, and its system prompt is not kept.
    refused = any(turn.bound.spec.expect_error for turn in judge.turns)
    for index, turn in enumerate(judge.turns):
        own = turn.bound.spec
        if own.skip:
            continue
        kept = system, purpose, begun
        if own.system is not None:
            system, purpose, begun = own.system, "turn", index + 1
        place = partners.get(index)
        if place is None and index < spec.borrowed:
            continue
        if place is None:
            ended = bool(recorded) and recorded[-1].last.error is not None and following == len(recorded)
            yield from () if ended or refused else (f"turn {index + 1}, which was not recorded",)
            continue
        if place > following:
            yield "turns that it no longer has"
        following = place + 1
        found = recorded[place]
        asked = found.model_calls[0].asked
        if turn.says not in (None, found.user) and not mention([own.user], "env"):
            yield f"user text of turn {index + 1}"
        if not _same_system(system, asked, judge, purpose, begun):
            yield "system prompt"
        if models and asked.model not in models:
            yield "model"
        yield from _options(judge, own, asked)
        yield from _stubs(judge, found)
        if own.simulate is not None and not _same_user(own.simulate, found, judge, index + 1):
            yield f"what the simulated user of turn {index + 1} is told"
        if found.last.error is not None:
            system, purpose, begun = kept


def _same_system(system: Text | None, asked: Asked, judge: Judge, purpose: str, turn: int) -> bool:
    """Whether the system prompt is the recorded one, or cannot be known."""
    if system is None:
        return not asked.system
    if any(mention([system], name) for name in _OF_CODE):
        return True
    names = template_names(judge.planned.vars, (), judge.surroundings.for_messages(purpose, turn))
    try:
        return render_text(system, names) == (asked.system or "")
    except TemplateError:
        return True


def _same_user(simulate: SimulateSpec, found: RecordedTurn, judge: Judge, turn: int) -> bool:
    """Whether a simulated user is told what was recorded, or that cannot be known."""
    said = [text for text in (simulate.persona, simulate.goal) if text is not None]
    if found.simulated_by is None or any(mention(said, name) for name in _OF_CODE):
        return found.simulated_by is not None
    from convrun.run.playing.simulated_user import instructions  # few specs have one

    try:
        names = template_names(judge.planned.vars, (), judge.surroundings.for_messages("turn", turn))
        return instructions(simulate, names) == found.simulated_by
    except TemplateError:
        return True


def _models(planned: Planned) -> frozenset[str]:
    """The names that the model may have in requests; none where they are not known."""
    model = planned.model
    try:
        found = identify(
            model.name,
            environ={},
            base_url=model.base_url,
            provider=model.provider,
            api_key_env=model.api_key_env,
            headers=model.headers,
            system_role=model.system_role,
            api=model.api,
            script=script_lines(model.script),
        )
    except ConvrunError:
        return frozenset()
    return frozenset({model.name, found.model})


def _options(judge: Judge, turn: TurnSpec, asked: Asked) -> Iterator[str]:
    """The options that differ."""
    merged = {**judge.planned.spec.options, **turn.options}
    now, before = plain_envelope(merged), dict(asked.options)
    if turn.schema is not None:
        before.pop("response_format", None)
        for options in (now, before):  # the same of a Responses API
            text = options.pop("text", None)
            rest = {key: value for key, value in text.items() if key != "format"} if isinstance(text, dict) else text
            options.update({"text": rest} if rest else {})
    if now.get("previous_response_id") == "auto":
        now.pop("previous_response_id")
        before.pop("previous_response_id", None)
    for name in sorted({*now, *before}):
        if not equal(now.get(name), before.get(name)):
            yield f"option {name!r}"


def _stubs(judge: Judge, turn: RecordedTurn) -> Iterator[str]:
    """The stubs that give other results to the calls of a turn."""
    spec = judge.planned.spec
    if spec.hooks.before_call or spec.hooks.after_call or not any(tool.stub for tool in spec.tools):
        return
    from convrun.run.binding.stubs import stub_of  # few specs have one

    names = template_names(judge.planned.vars, (), judge.surroundings.for_messages("tools"))
    for tool in spec.tools:
        name = _name(tool)
        said = [text for entry in tool.stub for text in texts([entry.when, entry.returns, entry.raises])]
        if not tool.stub or any(mention(said, one) for one in _OF_CODE):
            continue
        try:
            stub = stub_of(name, tool.stub, names, names, redactor=Redactor(), where=tool.where)
            differs = any(stub(call).output != recorded for call, recorded in _known(turn, tool))
        except ConvrunError:  # a run says so
            continue
        if differs:
            yield f"what the stub {name!r} returns"


def _name(tool: ToolUse | ToolDeclaration) -> str:
    """What a tool is called, where it is no Toolbox and its function has no other name than it is imported by."""
    if isinstance(tool, ToolDeclaration):
        return tool.name
    return tool.name or tool.path.text.rpartition(":")[2].rpartition(".")[2]


def _known(turn: RecordedTurn, tool: ToolUse | ToolDeclaration) -> Iterator[tuple[ToolCall, str]]:
    """The calls of a stub with their results, where it alone made them: what its function does not take is an error."""
    for call in turn.calls:
        refused = isinstance(tool, ToolUse) and (call.result or "").startswith("Error: ")
        if call.name == _name(tool) and call.result is not None and isinstance(call.arguments, dict) and not refused:
            yield ToolCall(call.name, call.arguments), call.result


def _ignored(part: str, pointers: Sequence[str]) -> bool:
    """Whether a pointer of `cassette: ignore` may concern a part."""
    roots = {pointer.split("/")[1] for pointer in pointers if pointer.startswith("/")}
    if part.startswith("option "):
        return part[8:-1] in roots
    return not roots.isdisjoint({"model"} if part == "model" else {"messages", "input", "instructions"})
