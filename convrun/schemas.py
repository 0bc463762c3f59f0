"""The JSON Schemas that convrun publishes: of a spec, of the JSON result, and of mutation scores."""

from __future__ import annotations

from collections.abc import Iterable

from convrun.checks.registry import check_schema
from convrun.report.mutation_json import mutation_schema
from convrun.report.result_schema import result_schema
from convrun.spec import schema
from convrun.values import JsonObject

__all__ = ["SCHEMAS", "mutation_schema", "result_schema", "spec_schema"]


def spec_schema(own: Iterable[str] = ()) -> JsonObject:
    """Return the JSON Schema (2020-12) of a spec, its checks included; `own` are kinds that are not convrun's."""
    return schema.spec_schema(check_schema(own))


# By the names that `convrun schema` knows.
SCHEMAS = {"spec": spec_schema, "result": result_schema, "mutate": mutation_schema}
