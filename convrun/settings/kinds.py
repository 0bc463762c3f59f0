"""What each setting takes: as a value, and as a text of the command line or the environment."""

from __future__ import annotations

import os
import re
from math import inf
from pathlib import Path
from typing import Literal, TypeAlias

from convrun.errors import SettingsError, did_you_mean
from convrun.source import Where

KINDS = {
    "specs": "folder",
    "cassettes": "text",
    "model": "text",
    "strict": "flag",
    "pythonpath": "texts",
    "base_urls": "urls",
    "block_network": "flag",
    "tool_policy": "policy",
    "defaults": "defaults",
    "rpm": "rates",
    "redact": "patterns",
    "judge": "text",
    "embeddings": "text",
    "jobs": "jobs",
    "checks": "checks",
    "max_attachment": "size",
}
_KIND = re.compile(r"[a-z][a-z0-9_]*")
_POLICIES = ("live", "replay", "verify")
_STANDING = ("<redacted>", "<secret>", "<api-key>", "<github-token>", "<OPENAI_API_KEY>", "<private-key>")
_IN_REQUESTS = (  # addresses, and keys and values of JSON: replaced, no request would be known again
    *(
        "/chat/completions",
        "/responses",
        "chat.completion",
        "messages",
        "role",
        "content",
        "user",
        "assistant",
        "system",
    ),
    *("developer", "tool", "tool_calls", "tool_call_id", "function", "arguments", "name", "type", "model", "choices"),
)
_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_MOST_JOBS = 256
_SIZE = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?)\s*(?P<unit>[A-Za-z]*)")
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}  # in any case

Jobs: TypeAlias = int | Literal["auto"]


def parsed(key: str, given: str | bool) -> object:
    """Return the value that a text of the environment or the command line stands for."""
    kind = KINDS[key]
    if isinstance(given, bool):
        return given
    if kind == "flag":
        return _FLAGS.get(given.strip().lower(), given)
    if kind == "texts":
        return [folder for folder in given.split(os.pathsep) if folder]
    if kind == "rates":
        return _rates(given)
    if kind == "jobs":
        return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else given
    if kind == "patterns":
        return [given]  # one, as any character may be part of it
    return given.replace(",", " ").split() if kind == "urls" else given


def _rates(given: str) -> object:
    """`30`, or `groq=30, openai=500`; the text itself where it is neither."""
    pairs = [part.partition("=") for part in given.replace(",", " ").split()]
    try:
        if len(pairs) == 1 and not pairs[0][1]:
            return float(given)
        return {name: float(number) for name, _, number in pairs} or given
    except ValueError:
        return given


def checked(key: str, value: object, origin: Where | str) -> object:
    """Return the value as Settings holds it; `origin` is where it comes from.

    Raises:
        SettingsError: where it is none that the setting takes.
    """
    problem = _PROBLEMS[KINDS[key]](value)
    if problem is None:
        if KINDS[key] == "folder" and isinstance(value, str):
            return Path(os.path.normpath(value)).as_posix()
        if KINDS[key] == "size" and isinstance(value, str):
            return _bytes(value)
        return tuple(value) if isinstance(value, list) else value
    wanted, fix = problem
    what = f"{key!r} must be {wanted}, not {value!r}"
    if isinstance(origin, Where):
        raise SettingsError(what, where=origin, fix=fix)
    raise SettingsError(f"{origin}: {what}", fix=fix)


_Problem = tuple[str, str | None] | None  # what it must be, and how to mend it


def _text_problem(value: object) -> _Problem:
    if isinstance(value, str) and value.strip():
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "a text", f'write "{value}"' if number else None


def _folder_problem(value: object) -> _Problem:
    if not isinstance(value, str) or not value.strip():
        return _text_problem(value)
    if os.path.isabs(value) or os.path.normpath(value).startswith(".."):
        return "a folder below the root", "move the specs into the project, or give their path on the command line"
    return None


def _flag_problem(value: object) -> _Problem:
    return None if isinstance(value, bool) else ("true or false", None)


def _defaults_problem(value: object) -> _Problem:
    return None if isinstance(value, dict) else ("a table", "write [tool.convrun.defaults]; in convrun.toml [defaults]")


def _texts_problem(value: object) -> _Problem:
    if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
        return None
    return "a list of texts", f'write ["{value}"]' if isinstance(value, str) else None


def _urls_problem(value: object) -> _Problem:
    problem = _texts_problem(value)
    if problem or not isinstance(value, list) or all(item.startswith(("http://", "https://")) for item in value):
        return problem
    return "a list of URLs", "a URL begins with http:// or https://"


def _policy_problem(value: object) -> _Problem:
    if value in _POLICIES:
        return None
    if value == "stub":
        return _known_policies(), "a stub needs a value: write `policy: stub` and `returns:` at the tool"
    near = did_you_mean(value, _POLICIES) if isinstance(value, str) else None
    return _known_policies(), near


def _known_policies() -> str:
    *others, last = map(repr, _POLICIES)
    return f"{', '.join(others)} or {last}"


def _rates_problem(value: object) -> _Problem:
    rates = list(value.values()) if isinstance(value, dict) else [value]
    if rates and all(isinstance(rate, int | float) and not isinstance(rate, bool) and 0 < rate < inf for rate in rates):
        return None
    return "a number of requests a minute, or a table of them by provider", "write 30, or {groq = 30}"


def _patterns_problem(value: object) -> _Problem:
    problem = _texts_problem(value)
    found = [_pattern_problem(text) for text in value] if isinstance(value, list) and not problem else []
    return problem or next(filter(None, found), None)


def _pattern_problem(text: str) -> _Problem:
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        return f"a list of regular expressions, and {text!r} is none ({error})", "in TOML they stand best in '…'"
    wide = "it would fit nearly everywhere: say what the secret begins with, and how long it is"
    if pattern.search(""):
        return f"a list of regular expressions of secrets, and {text!r} fits an empty text", wide
    standing = [*_STANDING, *(f"<{name}>" for name in pattern.groupindex)]
    fits = next((one for one in standing if pattern.search(one)), None)
    if fits is not None:
        return f"a list of regular expressions of secrets, and {text!r} fits {fits!r}, which stands for one", wide
    fits = next((one for one in _IN_REQUESTS if pattern.search(one)), None)
    if fits is not None:
        return f"a list of regular expressions of secrets, and {text!r} fits {fits!r}, which is part of requests", wide
    return None


def _jobs_problem(value: object) -> _Problem:
    number = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_JOBS
    if number or value == "auto":
        return None
    return f"a number from 1 to {_MOST_JOBS}, or 'auto'", "write how many conversations may run at once, as 4"


def _bytes(text: str) -> int | None:
    """How many bytes a text such as `20MB` stands for; None where it is none."""
    found = _SIZE.fullmatch(text.strip())
    unit = {name.lower(): size for name, size in _UNITS.items()}.get(found["unit"].lower() or "b") if found else None
    return None if found is None or unit is None else int(float(found["number"]) * unit)


def _size_problem(value: object) -> _Problem:
    given = _bytes(value) if isinstance(value, str) else value
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        return None
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    near = did_you_mean(found["unit"], _UNITS) if found and found["unit"] and given is None else None
    return "a number of bytes, or a size as '20MB'", near or f"units are {', '.join(_UNITS)}"


def _checks_problem(value: object) -> _Problem:
    if isinstance(value, dict):
        return None
    return "a table", 'write [tool.convrun.checks], in convrun.toml [checks], and sql = "package.module:function"'


def wrong_check(kind: str, path: object) -> tuple[str, str] | None:
    """Return what is wrong with an entry of the table `checks`, and how to mend it; None where nothing is."""
    if _KIND.fullmatch(kind) is None:
        return f"{kind!r} is no name of a check", "use lower-case letters, digits and _, as row_count"
    if isinstance(path, str) and all(path.partition(":")):
        return None
    module, dot, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    meant = f"{module}:{name}" if dot and module and name else "package.module:function"
    return f"the check {kind!r} is {path!r}, no import path", f'write {kind} = "{meant}"'


_PROBLEMS = {
    "checks": _checks_problem,
    "text": _text_problem,
    "folder": _folder_problem,
    "flag": _flag_problem,
    "texts": _texts_problem,
    "urls": _urls_problem,
    "policy": _policy_problem,
    "defaults": _defaults_problem,
    "rates": _rates_problem,
    "patterns": _patterns_problem,
    "jobs": _jobs_problem,
    "size": _size_problem,
}
