"""What a run adds up to; the console and the JSON result count alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from convrun.frozen import frozen
from convrun.results import (
    CheckResult,
    ConversationResult,
    RunResult,
    Spending,
    TurnResult,
    UsageResult,
    known_sum,
    total_spending,
    total_usage,
)


@frozen
class Counts:
    """The sums of a run.

    `verdicts` has all seven, and of those skipped `not_begun` were passed over for others; `checks` has passed, failed,
    error, stale and info: a check behind a stale request, or of a known failure, is info, whatever it says. Of the
    `live_calls`, `check_calls` are those that checks made, `user_calls` those of simulated users. `usage` and
    `cost_usd` are None where one is unknown. `spent` is what all live calls took, also those of conversations that were
    not finished.
    """

    conversations: int
    verdicts: dict[str, int]
    turns: int
    checks: dict[str, int]
    model_calls: int
    live_calls: int
    check_calls: int
    user_calls: int
    usage: UsageResult
    cost_usd: float | None
    spent: Spending
    findings: int
    not_begun: int = 0

    def told(self, order: Iterable[str] | None = None) -> str:
        """Return how many there are of each verdict, as `2 passed, 1 skipped, 9 not begun`, in this order."""
        found = [
            (self.verdicts[verdict] - (self.not_begun if verdict == "skipped" else 0), verdict)
            for verdict in order or self.verdicts
        ]
        return ", ".join(f"{number} {words}" for number, words in (*found, (self.not_begun, "not begun")) if number)


def counts(result: RunResult) -> Counts:
    """Return the sums of a run; turns that did not run are not counted. A group of samples is one conversation."""
    conversations = result.conversations
    every = [part for conversation in conversations for part in conversation.parts]
    verdicts = Counter(conversation.verdict for conversation in conversations)
    checks = Counter(standing for conversation in every for standing in _standings(conversation))
    return Counts(
        conversations=len(conversations),
        verdicts={
            "passed": verdicts["passed"],
            "failed": verdicts["failed"],
            "stale": verdicts["stale"],
            "missing": verdicts["missing"],
            "error": verdicts["error"],
            "skipped": verdicts["skipped"],
            "unchecked": verdicts["unchecked"],
        },
        turns=sum(1 for conversation in every for turn in conversation.turns if turn.verdict != "skipped"),
        checks={name: checks[name] for name in ("passed", "failed", "error", "stale", "info")},
        model_calls=sum(conversation.model_calls for conversation in conversations),
        live_calls=sum(conversation.live_calls for conversation in conversations),
        check_calls=sum(conversation.check_calls for conversation in conversations),
        user_calls=sum(conversation.user_calls for conversation in conversations),
        usage=total_usage(conversation.usage for conversation in conversations if conversation.model_calls),
        cost_usd=known_sum(conversation.cost_usd for conversation in conversations if conversation.model_calls),
        spent=result.spent or total_spending(one.spent for one in conversations),
        findings=len(result.findings) + sum(len(conversation.findings) for conversation in conversations),
        not_begun=sum(conversation.not_begun for conversation in conversations),
    )


def standing(check: CheckResult, turn: TurnResult | None) -> str:
    """Return what a check counts as: its verdict, or `info` or `stale` where its turn's recording no longer holds."""
    if check.info:
        return "info"
    stale = turn is not None and turn.verdict == "stale" and all(one.verdict != "stale" for one in turn.checks)
    return "stale" if stale else check.verdict


def _standings(conversation: ConversationResult) -> Iterator[str]:
    for turn in conversation.turns:
        for check in turn.checks:
            yield standing(check, turn)
    for check in conversation.checks:
        yield standing(check, None)
