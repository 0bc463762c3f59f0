"""Checks: small dataclasses that judge a turn or a conversation."""
