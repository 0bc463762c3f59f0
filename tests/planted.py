"""Secrets that were never valid: a hundred of the known shapes, and the ways in which one can be written down."""

from __future__ import annotations

import json
import random
import string
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

_ALNUM = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_UPPER = string.ascii_uppercase + "234567"
_MAKERS = {
    "openai-key": lambda some: f"sk-{some.choice(['proj', 'svcacct', 'admin'])}-" + _of(some, _ALNUM + "_-", 60) + "A",
    "anthropic-key": lambda some: "sk-ant-api03-" + _of(some, _ALNUM + "_-", 93) + "AA",
    "openrouter-key": lambda some: "sk-or-v1-" + _of(some, _HEX, 64),
    "api-key": lambda some: "sk-" + _of(some, _HEX, 32),
    "groq-key": lambda some: "gsk_" + _of(some, _ALNUM, 52),
    "google-key": lambda some: "AIza" + _of(some, _ALNUM, 35),
    "xai-key": lambda some: "xai-" + _of(some, _ALNUM, 80),
    "perplexity-key": lambda some: "pplx-" + _of(some, _ALNUM, 48),
    "huggingface-token": lambda some: "hf_" + _of(some, string.ascii_letters, 34),
    "replicate-token": lambda some: "r8_" + _of(some, _ALNUM, 37),
    "nvidia-key": lambda some: "nvapi-" + _of(some, _ALNUM, 64),
    "github-token": lambda some: some.choice(["ghp_", "gho_", "ghs_", "github_pat_"]) + _of(some, _ALNUM, 36),
    "gitlab-token": lambda some: "glpat-" + _of(some, _ALNUM, 20),
    "slack-token": lambda some: f"xoxb-{_of(some, string.digits, 12)}-{_of(some, _ALNUM, 24)}",
    "aws-key": lambda some: some.choice(["AKIA", "ASIA"]) + _of(some, _UPPER, 16),
    "stripe-key": lambda some: some.choice(["sk_live_", "rk_test_"]) + _of(some, _ALNUM, 24),
    "twilio-key": lambda some: "SK" + _of(some, _HEX, 32),
    "sendgrid-key": lambda some: f"SG.{_of(some, _ALNUM, 22)}.{_of(some, _ALNUM, 43)}",
    "npm-token": lambda some: "npm_" + _of(some, _ALNUM, 36),
    "pypi-token": lambda some: "pypi-AgEIcHlwaS5vcmc" + _of(some, _ALNUM, 60),
    "databricks-token": lambda some: "dapi" + _of(some, _HEX, 32),
    "jwt": lambda some: f"{_part({'alg': 'HS256'})}.{_part({'sub': _of(some, _ALNUM, 12)})}.{_of(some, _ALNUM, 43)}",
    "private-key": lambda some: (
        f"-----BEGIN PRIVATE KEY-----\n{_of(some, _ALNUM, 64)}\n{_of(some, _ALNUM, 64)}\n-----END PRIVATE KEY-----"
    ),
}


def _of(some, letters, length):
    return "".join(some.choice(letters) for _ in range(length))


def _part(value):
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def planted(count, seed=5):
    """So many different secrets with their kinds, the kinds in turn."""
    some = random.Random(seed)
    kinds = list(_MAKERS)
    return [(kinds[number % len(kinds)], _MAKERS[kinds[number % len(kinds)]](some)) for number in range(count)]


def spellings(secret):
    """What nobody may find of a secret: itself, its parts, and what it is in base64 at each place of three."""
    found = {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}
    found |= {line for line in secret.split("\n") if len(line) > 40}
    for lead in range(3):
        text = b64encode(b"x" * lead + secret.encode()).decode()
        found.add(text[4 if lead else 0 : len(secret) * 4 // 3 - 4])
    return found


def found_in(content, secrets):
    """Those of the secrets that stand in the content, in any of their spellings."""
    return [secret for secret in secrets if any(one in content for one in spellings(secret))]


def in_pieces(secret):
    """The secret in pieces of three characters."""
    return [secret[at : at + 3] for at in range(0, len(secret), 3)]


def in_base64(number, secret):
    """The secret in base64, somewhere in a longer text; every other in the alphabet for addresses."""
    data = (b"login " + b"." * (number % 3) + secret.encode() + b" end")[0 if number % 4 else 6 + number % 3 :]
    return (urlsafe_b64encode if number % 2 else b64encode)(data).decode()


def escaped(number, secret):
    """The secret as JSON text that escapes what need not be, or as part of an address."""
    if number % 3 == 2:
        return "".join(f"%{ord(letter):02X}" for letter in secret)
    text = json.dumps({"said": secret})
    first = json.dumps(secret[:5])[1:-1]
    return text.replace(first, "".join(f"\\u{ord(letter):04x}" for letter in secret[:5]), 1 if number % 3 else -1)
