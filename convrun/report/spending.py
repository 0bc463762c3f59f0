"""What the live calls of a run cost, in words."""

from __future__ import annotations

from convrun.report.wording import noun
from convrun.results import ConversationResult, Spending


def spending_line(spent: Spending, live_calls: int = 0) -> str | None:
    """Return `spent $0.0123 (4 live calls, 3,210 tokens)`; None where nothing went live.

    `live_calls` are those that are known of, with those that got no answer. What is not known is said: how many calls
    have no known price, how many replies told no usage.
    """
    calls = max(live_calls, spent.calls)
    if not calls:
        return None
    figures = [noun(calls, "live call"), f"{spent.tokens:,} token{'' if spent.tokens == 1 else 's'}"]
    if spent.untold:
        told = "1 reply told no usage and is" if spent.untold == 1 else f"{spent.untold} replies told no usage and are"
        figures.append(f"{told} counted by length")
    known = spent.usd + spent.more_usd
    if spent.unpriced and known:
        figures.append(f"no price is known for {spent.unpriced} of them")
    if spent.unpriced and not known:
        return f"spent: not known, there is no price for the model ({', '.join(figures)})"
    return f"spent {_amount(spent, known)} ({', '.join(figures)})"


def spent_usd(conversation: ConversationResult) -> str | None:
    """Return the dollars that a conversation's live calls took; None where there are none, or they are not known."""
    amount = conversation.spent.total_usd
    return f"{amount:.6f}" if conversation.live_calls and amount is not None else None


def dollars(amount: float) -> str:
    """Return an amount for people: `$0.0123`; of a large one the cents, of a tiny one that it is not nothing."""
    if 0 < amount < 0.00005:
        return "less than $0.0001"
    return f"${amount:,.2f}" if amount >= 100 else f"${amount:.4f}"


def _amount(spent: Spending, known: float) -> str:
    if spent.unpriced:
        return f"{dollars(known)} and more"
    return f"at most {dollars(known)}" if spent.untold else dollars(known)
