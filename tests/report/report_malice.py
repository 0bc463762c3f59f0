"""What a model could say to do harm in a report, and a run in which everything that comes from outside says it."""

from __future__ import annotations

from report_samples import run

from convrun.results import (
    Change,
    CheckResult,
    ConversationResult,
    Finding,
    Problem,
    RunResult,
    Staleness,
    ToolCallResult,
    TurnResult,
)
from convrun.source import Where

MALICE = "\n".join(
    (
        "<script>alert(1)</script> & <b>",
        "[click](javascript:alert(1)) ![x](http://x.invalid/y.png) https://x.invalid",
        "@team #1 `code` $x$ | cell",
        "::error::forged",
        "##[error]forged",
        "```",
        "~~~~",
        "</details></pre></code>",
        "]]> ]]&gt; <![CDATA[x",
        "\x1b[31mred\x1b[0m \x00\x07 \u202eturned \u2066 \r",
        "\ufffe \ud800 %0A%25",
    )
)
VISIBLE = (
    "<script>alert(1)</script> & <b>",
    "[click](javascript:alert(1))",
    "@team #1 `code` $x$ | cell",
    "::error::forged",
    "]]> ]]&gt; <![CDATA[x",
    "\\x1b[31mred\\x1b[0m \\x00\\x07 \\u202eturned \\u2066 \\x0d",
    "\\ud800 %0A%25",
)  # pieces of it, as they are to be read in every report


def hostile_run() -> RunResult:
    """Return a run in which everything that comes from outside says it: reply, tool, check, change, finding, error."""
    said = MALICE
    one = said.replace("\n", " ")
    call = ToolCallResult(id="1", name="wipe", arguments={"text": said}, result=said, error=said)
    check = CheckResult(kind="equals", verdict="failed", expected="no", actual=said, message=said, because=said)
    turn = TurnResult(index=1, verdict="failed", user=said, reply=said, tool_calls=(call,), checks=(check,))
    error = Problem(type="ToolError", message=said, fix=one, details=said, where=Where(file="a,b:c%.yaml", line=1))
    change = Change(path="/a", part=one, recorded=f"{said}\nx", now=f"{said}\ny", hint=said)
    stale = Staleness(turn=1, model_call=1, changes=(change,), breaks=(one,))
    finding = Finding(kind="unplayed", message=one, fix=one, where=Where(file=one, line=1))
    common = {"spec": "specs/x.yaml", "model": one, "tags": (one,), "findings": (finding,)}
    return run(
        ConversationResult(id=f"specs/x.yaml::{one}", verdict="failed", case=one, turns=(turn,), **common),
        ConversationResult(id="specs/x.yaml::e", verdict="error", error=error, **common),
        ConversationResult(id="specs/x.yaml::s", verdict="stale", stale=stale, cassette=one, **common),
        ConversationResult(id="specs/x.yaml::m", verdict="missing", cassette=one, **common),
        ConversationResult(id="specs/x.yaml::k", verdict="skipped", reason=one, **common),
        exit_code=4,
    )
