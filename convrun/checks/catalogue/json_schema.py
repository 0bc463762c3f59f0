"""The check `json_schema`: the reply parses and validates, against a JSON Schema or a pydantic model."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from convrun.checks.check import Claim, Explanation, Outcome, Path
from convrun.checks.code import Code
from convrun.checks.context import CheckContext
from convrun.checks.reader import Reader
from convrun.checks.reply import nested_deeply, read_json, unparsed
from convrun.errors import CheckError
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, canonical, is_endless, schema_fault, show

if TYPE_CHECKING:
    from jsonschema.protocols import Validator


@frozen
class ValidatesSchema:
    """The reply is JSON that the schema accepts."""

    schema: JsonObject

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        title = self.schema.get("title")
        return Claim(subject="the reply", predicate=f"meet the schema {title!r}" if title else "meet the schema")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the reply validates."""
        reply = read_json(context.reply)
        if reply.fault is not None:
            return unparsed(reply, context.reply)
        fault = _schema_fault(self.schema, reply.value)
        found, explain = fault or f"got {show(reply.value)}", None if fault is None else self._violations(reply.value)
        return Outcome(passed=fault is None, actual=reply.value, found=found, explain=explain)

    def _violations(self, value: Json) -> Callable[[], Explanation]:
        def explain() -> Explanation:
            from convrun.checks.explaining.schemas import violations  # loaded once there is something to tell

            return violations(validator(canonical(self.schema)), value)

        return explain


@frozen
class ValidatesModel:
    """The reply is JSON that a pydantic model accepts."""

    code: Code

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"be a {self.code.path}")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the model accepts the reply."""
        reply = read_json(context.reply)
        if reply.fault is not None:
            return unparsed(reply, context.reply)
        error = _model_error(self.code.target, context.reply)
        if error is None:
            return Outcome(passed=True, actual=reply.value, found=f"got {show(reply.value)}")
        found = _model_fault(error, reply.value)
        return Outcome(passed=False, actual=reply.value, found=found, explain=lambda: _refusals(error))


def _schema_fault(schema: JsonObject, value: Json) -> str | None:
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        error = best_match(validator(canonical(schema)).iter_errors(value))
    except Unresolvable as unresolved:
        raise CheckError(
            f"the schema refers to {unresolved.ref!r}, which is not in it", fix="put it below $defs"
        ) from unresolved
    except BaseException as endless:
        if not is_endless(endless):
            raise
        if nested_deeply(value):
            raise CheckError("the reply is nested too deeply for the schema") from endless
        what = "the schema refers to itself: it has no end"
        raise CheckError(what, fix="let a $ref lead to what is inside of the value") from endless
    return None if error is None else f"got {show(value)}: at {error.json_path} {_shortened(error.message)}"


def _shortened(message: str) -> str:
    return message if len(message) <= 300 else f"{message[:150]}...{message[-147:]}"


@lru_cache(maxsize=256)
def validator(schema: str) -> Validator:
    """Return the validator of a schema's canonical form, which never reaches for the network."""
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing.jsonschema import EMPTY_REGISTRY

    content = json.loads(schema)
    kind = validator_for(content, default=Draft202012Validator)
    return kind(content, registry=EMPTY_REGISTRY)


def _model_error(target: object, reply: str) -> Any:
    """What a model says against a reply; None where it accepts it. What its own code raises is raised."""
    validate = cast("Callable[[str], object]", cast(Any, target).model_validate_json)
    try:
        validate(reply)
    except ValueError as error:
        if not hasattr(error, "errors"):
            raise
        return error
    return None


def _model_fault(error: Any, value: Json) -> str:
    first, *rest = error.errors()
    place = ".".join(map(str, first["loc"])) or "the whole reply"
    more = f" (and {len(rest)} more)" if rest else ""
    return f"got {show(value)}: at {place} {first['msg'][:1].lower()}{first['msg'][1:]}{more}"


def _refusals(error: Any) -> Explanation:
    from convrun.checks.explaining.schemas import refusals

    return refusals(error.errors())


def read_json_schema(reader: Reader, value: object, path: Path) -> ValidatesSchema | ValidatesModel:
    """Read the value of `json_schema`: a schema, or the import path of a pydantic model."""
    if isinstance(value, Code):
        if not callable(getattr(value.target, "model_validate_json", None)):
            reader.wrong(path, f"{value.path!r} is no pydantic model", "name a subclass of pydantic.BaseModel")
        return ValidatesModel(code=value)
    if isinstance(value, str):
        if ":" not in value:
            reader.wrong(path, f"{value!r} is neither a schema nor an import path", "write package.module:Model")
        return ValidatesModel(code=Code(path=value, target=None))
    if not isinstance(value, dict):
        reader.wrong(path, f"a schema or the import path of a pydantic model is wanted, not {show(value, 60)}")
        return ValidatesSchema(schema={})
    _try(reader, value, path)
    return ValidatesSchema(schema=value)


def _try(reader: Reader, schema: JsonObject, path: Path) -> None:
    fault = schema_fault(schema)
    if fault is not None:
        reader.wrong((*path, *fault.path), f"not a JSON Schema: {fault.what}")
