"""Secrets: what is one, and what stands for it where something is written or shown."""

from convrun.redaction.account import ACCOUNT_KEYS, without_account, without_ids
from convrun.redaction.redactor import ANSWERED_HEADERS, SENT_HEADERS, SHORTEST, Redactor, placeholder

__all__ = [
    "ACCOUNT_KEYS",
    "ANSWERED_HEADERS",
    "SENT_HEADERS",
    "SHORTEST",
    "Redactor",
    "placeholder",
    "without_account",
    "without_ids",
]
