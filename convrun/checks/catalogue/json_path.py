"""The check `json`: the reply parses, and what stands at a JSONPath in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from convrun.checks.check import Claim, Explanation, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.matcher import Matcher, read_matcher
from convrun.checks.reader import Pending, Reader
from convrun.checks.reply import nested_deeply, read_json, unparsed
from convrun.errors import CheckError
from convrun.frozen import frozen
from convrun.values import Json, show

if TYPE_CHECKING:
    from jsonpath_rfc9535 import JSONPathQuery

_CONDITIONS = ("equals", "contains", "matches", "min", "max")
_NAME = re.compile(r"[^\W\d]\w*")
_SHOWN = 3  # nodes named in a message


@frozen(kw_only=False)
class ParsesAsJson:
    """The reply is JSON."""

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate="be JSON")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the reply parses."""
        reply = read_json(context.reply)
        if reply.fault is not None:
            return unparsed(reply, context.reply)
        return Outcome(passed=True, actual=context.reply, found=f"got {show(reply.value)}")


@frozen
class JsonPath:
    """Something stands at `path` in the reply, and all of it meets the conditions."""

    path: str
    matcher: Matcher

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        predicate = str(self.matcher) if self.matcher.conditions else "be there"
        return Claim(subject=f"{self.path} of the reply", predicate=predicate)

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether every node at the path meets the conditions; without a node the check fails."""
        reply = read_json(context.reply)
        if reply.fault is not None:
            return unparsed(reply, context.reply)
        nodes = _nodes(self.path, reply.value)
        if not nodes:
            return Outcome(
                passed=False, actual=reply.value, found="nothing is there", explain=lambda: self._absent(reply.value)
            )
        wrong = {place: value for place, value in nodes.items() if not self.matcher.holds(value)}
        actual = next(iter(nodes.values())) if len(nodes) == 1 else list(nodes.values())
        found = _found(wrong or nodes, alone=len(nodes) == 1)
        explain = (lambda: self._unmet(wrong, alone=len(nodes) == 1)) if wrong else None
        return Outcome(passed=not wrong, actual=actual, found=found, explain=explain)

    def _absent(self, value: Json) -> Explanation:
        from convrun.checks.explaining.paths import absent  # loaded once there is something to tell

        steps = [str(segment) for segment in _query(self.path).segments]
        return absent(steps, lambda path: _nodes(path, value))

    def _unmet(self, wrong: Mapping[str, Json], *, alone: bool) -> Explanation:
        from convrun.checks.explaining.paths import unmet

        return unmet(self.matcher, wrong, alone=alone)


def _found(nodes: Mapping[str, Json], *, alone: bool) -> str:
    shown = list(nodes.items())[:_SHOWN]
    rest = f" and {len(nodes) - len(shown)} more" if len(nodes) > len(shown) else ""
    if alone:
        return f"got {show(shown[0][1])}"
    return f"got {', '.join(f'{show(value, 80)} at {place}' for place, value in shown)}{rest}"


def _nodes(path: str, value: Json) -> dict[str, Json]:
    from jsonpath_rfc9535 import JSONPathError

    try:
        found = _query(path).find(cast("dict[str, object]", value))
    except (JSONPathError, RecursionError) as error:
        if nested_deeply(value):
            what = f"the reply is nested too deeply for the JSONPath {path!r}"
            raise CheckError(what, fix="name the steps to what is meant, as $.a[0]") from error
        raise CheckError(f"the JSONPath {path!r} cannot be followed: {error}") from error
    return {_dotted(node.location): cast(Json, node.value) for node in found}


def _dotted(steps: Iterable[str | int]) -> str:
    """The path of a node as people write it: `$.items[0]['a b']`."""
    return "$" + "".join(f".{key}" if isinstance(key, str) and _NAME.fullmatch(key) else f"[{key!r}]" for key in steps)


@lru_cache(maxsize=1024)
def _query(path: str) -> JSONPathQuery:
    import jsonpath_rfc9535  # 30 ms that only this check needs

    return jsonpath_rfc9535.compile(path)


def read_json_check(reader: Reader, value: object, path: Path) -> ParsesAsJson | JsonPath:
    """Read the value of `json`: true, or a mapping with a path."""
    if value is True or isinstance(value, Pending):
        if isinstance(value, Pending) and not value.whole:
            reader.wrong(path, "true or a mapping with a path is wanted, not a text")
        return ParsesAsJson()
    if value is False:
        reader.wrong(path, "json is true or a mapping", "for a reply that is no JSON write not: {json: true}")
        return ParsesAsJson()
    given = reader.mapping(value, path, ("path", *_CONDITIONS), "true or a mapping with a path")
    if isinstance(value, dict) and "path" not in value:
        reader.wrong(path, "no path", "add path: '$' for the whole reply")
    where = given.pop("path", "$")
    text = reader.text(where, (*path, "path"), empty="no JSONPath")
    if text:
        _try(reader, text, (*path, "path"))
    return JsonPath(path=text, matcher=read_matcher(reader, given, path))


def _try(reader: Reader, text: str, path: Path) -> None:
    from jsonpath_rfc9535 import JSONPathError

    try:
        _query(text)
    except (JSONPathError, RecursionError):
        # The library's own words differ from version to version.
        root = f"begin at the root: '$.{text.lstrip('.')}'"
        fix = "write it as RFC 9535 has it: $.a[0].b, $['a b'], $.a[?@.b == 1]" if text.startswith("$") else root
        reader.wrong(path, f"{text!r} is no JSONPath", fix)
