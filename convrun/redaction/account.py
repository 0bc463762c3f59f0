"""Replies and error texts without the ids of an account that providers put into them."""

from __future__ import annotations

import re

from convrun.values import Json

ACCOUNT_KEYS = frozenset({"user_id", "safety_identifier"})  # that providers put beside a reply or an error

_ACCOUNT = {"org": "<organization>", "proj": "<project>", "user": "<user>"}
_ACCOUNT_ID = re.compile(rf"(?<![\w-])({'|'.join(_ACCOUNT)})[-_][A-Za-z0-9]{{16,}}\b")
_MASKED_KEY = re.compile(r"[A-Za-z0-9_-]{2,}\*{3,}[A-Za-z0-9_-]*")  # `sk-ab***yz`: both ends of it are the key's


def without_ids(words: str) -> str:
    """Return a provider's words about a failure without the ids of organization, project and user, and masked keys."""
    named = _ACCOUNT_ID.sub(lambda found: _ACCOUNT[found[1]], words)
    return _MASKED_KEY.sub("<key>", named) if "***" in named else named


def without_account(payload: Json, *, failed: bool) -> Json:
    """Return a provider's payload without what names the account; what the model says is left as it is.

    Ids that stand beside a reply are dropped; in an error, and in all of a reply that `failed`, those in texts are
    replaced.
    """
    if failed:
        return _without_ids(payload)
    if not isinstance(payload, dict):
        return payload
    kept = {key: item for key, item in payload.items() if key not in ACCOUNT_KEYS}
    for key, item in kept.items():
        if key == "error":
            kept[key] = _without_ids(item)
        elif key == "response":  # an event of the Responses API holds all of the reply
            kept[key] = without_account(item, failed=False)
        elif key == "choices" and isinstance(item, list):
            kept[key] = [without_account(choice, failed=False) for choice in item]
    return kept


def _without_ids(value: Json) -> Json:
    if isinstance(value, str):
        return without_ids(value)
    if isinstance(value, list):
        return [_without_ids(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_ids(item) for key, item in value.items() if key not in ACCOUNT_KEYS}
    return value
