"""Tools: what a model may call, the calls it makes, and what comes of them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, field, is_dataclass
from typing import Any

from convrun.conversation.attachments import Attachment, attachments_of
from convrun.conversation.backend import ToolSchema
from convrun.conversation.messages import Message, ToolCallPart, ToolResultPart
from convrun.conversation.tool_arguments import fitted, fitting
from convrun.conversation.tool_schema import CALL_PARAMETER, Parameters, parameters_of, schema_of
from convrun.errors import (
    AttachmentError,
    ConversationError,
    ToolArgumentsError,
    ToolDefinitionError,
    ToolUnavailableError,
    text_of,
)
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, show, type_name

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what providers accept


@frozen(kw_only=False)
class ToolCall:
    """A call the model wants. `arguments_text` is what it sent; where that is no JSON object, `arguments` is empty."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    tool_call_id: str | None = None
    arguments_text: str | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_part(cls, part: ToolCallPart) -> ToolCall:
        """Return the call in a message."""
        arguments = _parsed(part.arguments)
        return cls(part.name, arguments if isinstance(arguments, dict) else {}, part.id, part.arguments)

    @property
    def arguments_error(self) -> str | None:
        """Why the text of the arguments is no JSON object; None where it is one."""
        if self.arguments or isinstance(_parsed(self.arguments_text or ""), dict):
            return None
        return f"the arguments are not a JSON object: {show(self.arguments_text)}"


def _parsed(text: str) -> object:
    """The JSON value of `text`, the text itself where it is none; nothing at all means no arguments."""
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


@frozen(kw_only=False)
class ToolOutput:
    """What a tool may return to hand attachments to the model beside its text; of one alone it may return that."""

    output: object = ""
    attachments: Sequence[Attachment] = ()


@frozen(kw_only=False)
class ToolResult:
    """What came of a call: the text for the model, and the exception (with its traceback) where the tool raised."""

    name: str
    output: str
    tool_call_id: str | None = None
    attachments: tuple[Attachment, ...] = ()
    exception: BaseException | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse what no model can be told, and nothing kept can hold.

        Raises:
            ConversationError: where name, output or id is no text.
        """
        for what, value in (("name", self.name), ("output", self.output), ("id", self.tool_call_id)):
            if not isinstance(value, str) and not (what == "id" and value is None):
                raise ConversationError(
                    f"the {what} of a tool result is a text, not the {type_name(value)} {show(value, 60)}",
                    fix="give a str; json.dumps() makes one of other values",
                )

    @classmethod
    def of(cls, call: ToolCall, value: object) -> ToolResult:
        """Return the result of a call whose tool returned `value`: a text as it is, anything else as JSON."""
        attachments: tuple[Attachment, ...] = ()
        try:
            if isinstance(value, Attachment):
                value = ToolOutput(attachments=[value])
            if isinstance(value, ToolOutput):
                attachments = attachments_of(value.attachments)
                value = value.output
            # A member of a text enumeration is its value, whatever its class prints.
            output = str.__str__(value) if isinstance(value, str) else _as_json(value)
        except AttachmentError as error:
            return cls.failed(call, error)
        except (TypeError, ValueError, RecursionError) as error:
            what = f"tool {call.name!r} returned what is not JSON: {error}; return a text or JSON values"
            return cls.failed(call, TypeError(what))
        return cls(call.name, output, call.tool_call_id, attachments)

    @classmethod
    def failed(cls, call: ToolCall, exception: BaseException) -> ToolResult:
        """Return the result of a call whose tool raised."""
        return cls(
            call.name,
            f"Error: {text_of(exception) or type(exception).__name__}",
            call.tool_call_id,
            exception=exception,
        )

    @classmethod
    def cancelled(cls, call: ToolCall, exception: BaseException) -> ToolResult:
        """Return the result of a call that a hook did not let through."""
        return cls(call.name, f"Cancelled: {exception}", call.tool_call_id, exception=exception)

    def message(self, part: ToolCallPart) -> Message:
        """Return the message that answers the call in `part`, whatever id and name a hook gave this result."""
        return Message("tool", (ToolResultPart(part.id, part.name, self.output),))


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: object) -> object:
    """The JSON form of a pydantic model or a dataclass."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Attachment):
        raise TypeError("attachments go beside the output, in ToolOutput(…, attachments=[…])")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"object of type {type(value).__name__}")


@frozen(kw_only=False, eq=False)
class Tool:
    """Something a model may call. Made by `Tool.function` from code, by `Tool.declared` from a definition without any.

    With `input_schema` and `implementation` given by hand, arguments are validated against that schema and not coerced.
    `stand_in` answers calls in the place of the code, which is not called then. `schema` is what goes to the model, the
    same object in every request.
    """

    name: str
    description: str | None = None
    input_schema: JsonObject = field(default_factory=lambda: {"type": "object", "properties": {}})
    implementation: Callable[..., object] | None = field(default=None, repr=False)
    parameters: Parameters | None = field(default=None, repr=False)
    definition: JsonObject | None = field(default=None, repr=False)
    stand_in: Callable[[ToolCall], ToolResult] | None = field(default=None, repr=False)
    schema: ToolSchema = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Work out once what goes to the model."""
        strict = self.definition.get("strict") if self.definition else None
        schema = ToolSchema(
            name=self.name,
            description=self.description,
            parameters=self.input_schema,
            strict=strict if isinstance(strict, bool) else None,
            verbatim=self.definition,
        )
        object.__setattr__(self, "schema", schema)

    @classmethod
    def function(
        cls, function: Callable[..., object], *, name: str | None = None, description: str | None = None
    ) -> Tool:
        """Return the tool that calls `function`: its name, its docstring and the schema of its signature.

        Raises:
            ToolDefinitionError: where a model could not call it.
        """
        name = name or str(getattr(function, "__name__", ""))
        if not _NAME.fullmatch(name):
            raise ToolDefinitionError(
                f"{name or function!r} cannot name a tool",
                fix="give it one of letters, digits, _ and -: `as:` in a spec, Tool.function(f, name='f') in code",
            )
        parameters = parameters_of(function, name)
        if description is None:
            description = _docstring(function)
        return cls(name, description, schema_of(parameters), function, parameters)

    @classmethod
    def declared(cls, function: Mapping[str, Json]) -> Tool:
        """Return a tool without code, whose definition goes out as written; calling it raises ToolUnavailableError.

        Raises:
            ToolDefinitionError: where it has no name.
        """
        definition = dict(function)
        name, description, parameters = (definition.get(key) for key in ("name", "description", "parameters"))
        if not isinstance(name, str) or not name:
            raise ToolDefinitionError("a declared tool has no name", fix="give it one, as {name: f, …}")
        return cls(
            name,
            description if isinstance(description, str) else None,
            parameters if isinstance(parameters, dict) else {},
            definition=definition,
        )

    def arguments_for(self, call: ToolCall) -> dict[str, Any]:
        """Return the keyword arguments with which `implementation` is to be called; a declared tool takes any.

        Raises:
            ToolArgumentsError: where the model's arguments do not fit.
            ToolUnavailableError: where there is neither code nor a stand-in.
        """
        if self.implementation is None and self.stand_in is None:
            raise ToolUnavailableError(
                f"tool {self.name!r} has no code, and there is no result for {show(call.arguments)}",
                fix="give it a function; or its result, as tool_results= in a program, as a recording in a spec"
                if self.definition is not None
                else f"give its function to from_dict, as tools=[{self.name}]",
            )
        if call.arguments_error is not None:
            raise ToolArgumentsError(call.arguments_error)
        if self.implementation is None:
            return call.arguments
        if self.parameters is None:
            return fitting(self.input_schema, call.arguments)
        values = fitted(self.parameters, call.arguments)
        if self.parameters.takes_call:
            values[CALL_PARAMETER] = call
        return values


def _docstring(function: Callable[..., object]) -> str | None:
    """The docstring without its indentation; of a callable object, its `__call__`'s."""
    return inspect.getdoc(function if inspect.isroutine(function) else type(function).__call__)
