"""The evaluation of a check: its value is rendered and read, it is evaluated, and the outcome put into words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from convrun.checks.check import Check, Explanation, Path
from convrun.checks.code import Code, OwnValue
from convrun.checks.context import CheckContext
from convrun.checks.registry import parse, render
from convrun.checks.weak import Declared, holds_for_anything
from convrun.errors import CheckError, StaleError, TemplateError, named, traceback_of
from convrun.results import CheckResult
from convrun.source import Where
from convrun.templates import Text
from convrun.values import Json


def judge(
    kind: str,
    value: object,
    names: Mapping[str, object],
    context: CheckContext,
    *,
    because: str | None = None,
    where: Where | None = None,
    probing: Declared | None = None,
) -> CheckResult:
    """Return the verdict on one check; `probing`: and whether one that passes would for any reply.

    `probing` gives the names of the declared tools. `value` may have templates, which see `names`, and Code in place of
    import paths. A template that fails, a value that is wrong once rendered and a check that crashes give the verdict
    `error`; nothing is raised.
    """
    try:
        rendered = render(kind, value, names)
        check = _check(kind, rendered, value)
    except (TemplateError, CheckError) as error:
        return CheckResult(kind=kind, verdict="error", message=_sentence(error), because=because, where=where)
    expected = _plain(rendered)
    try:
        outcome = check.evaluate(context)
    except StaleError as error:
        return CheckResult(
            kind=kind, verdict="stale", expected=expected, message=error.what, because=because, where=where
        )
    except CheckError as error:
        message, details = _sentence(error), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a check's own code may raise anything, and never ends the run
        message, details = f"the check raised {named(error)}", _traceback(error)
    else:
        why = Explanation() if outcome.passed else outcome.explanation()
        return CheckResult(
            kind=kind,
            verdict="passed" if outcome.passed else "failed",
            expected=expected,
            actual=outcome.actual,
            message="" if outcome.passed else f"{check.claim}, {outcome.found}{why.remark}",
            comparison=why.lines,
            because=because,
            where=where,
            weak=probing is not None
            and outcome.passed
            and holds_for_anything(kind, value, rendered, check, names, context, probing),
        )
    return CheckResult(
        kind=kind, verdict="error", expected=expected, message=message, because=because, where=where, details=details
    )


def _check(kind: str, rendered: object, value: object) -> Check:
    """The check of a rendered value; `value` is what it was before."""
    check = parse(kind, rendered)
    if isinstance(check, tuple):
        first = check[0]
        place = f" at {'.'.join(map(str, first.path))}" if first.path else ""
        template = _at(value, first.path) if first.needs_text else None
        fix = _as_string(template) if isinstance(template, Text) and template.whole else first.fix
        raise CheckError(f"the value of {kind}{place} is wrong: {first.what}", fix=fix)
    return check


def _at(value: object, path: Path) -> object:
    """What stands at a path; None where templates have made the value longer than it was."""
    try:
        for step in path:
            value = cast("Mapping[str | int, object]", value)[step]
    except (LookupError, TypeError):
        return None
    return value


def _as_string(template: Text) -> str:
    expression = template.source[2:-2].removeprefix("-").removesuffix("-").strip()
    if any(sign.isspace() for sign in expression):
        expression = f"({expression})"  # a filter binds closer than an operator
    return f'write "{{{{ {expression} | string }}}}"'


def _sentence(error: TemplateError | CheckError) -> str:
    return error.what + (f" ({error.fix})" if error.fix else "")


def _traceback(error: BaseException) -> str:
    """The traceback without this file's own frame."""
    return traceback_of(error, error.__traceback__.tb_next if error.__traceback__ else None)


def _plain(value: object) -> Json:
    """The value as JSON: Code as its path, that of a kind which is not ours as it is."""
    if isinstance(value, Code):
        return value.path
    if isinstance(value, OwnValue):
        return _plain(value.value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else cast(Json, value)
