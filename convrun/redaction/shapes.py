"""The known shapes of keys and tokens: what their issuers begin them with, and how long they are.

A shape is precise: prose, digests, ids of calls and examples such as `sk-...` have none. `stands` is what a secret of
it becomes, the same whatever its value, so that a rotated one still matches.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import field
from functools import cache

from convrun.frozen import frozen

_EXAMPLE = r"(?i)(?:x{6}|\*{3}|\.{3}|_here|example|placeholder|redacted|your[-_]?(?:api|key|token|secret))"
_SAFE = r"(?i)(?:password|passwd|pass|pwd|secret|token|key|user|admin|changeme|test|x+)"
_SCHEMES = r"[Aa]uthorization[\"']?\s*[:=]\s*[\"']?(?:[Tt]oken|[Bb]earer|[Bb]asic)"


def _any(_: str) -> bool:
    return True


def _mixed(secret: str) -> bool:
    """Whether it is no word: digits among letters, or both cases within."""
    letters = re.sub(r"[^A-Za-z]", "", secret)
    return (any(map(str.isdigit, secret)) and bool(letters)) or not (
        letters.islower() or letters.isupper() or letters.istitle() or not letters
    )


def _login(secret: str) -> bool:
    """Whether it is what Basic authentication sends: `user:password` in base64."""
    try:
        return b":" in b64decode(secret + "=" * (-len(secret) % 4), validate=True)
    except ValueError:
        return False


def _password(secret: str) -> bool:
    return not _compiled(_SAFE).fullmatch(secret) and secret[0] not in "<{$%["


@frozen
class Shape:
    """One shape: what its secrets begin with (`lead` characters before one of `literals`), their pattern, and a check.

    Where the pattern has a group `secret`, that alone is one.
    """

    stands: str
    about: str
    literals: tuple[str, ...]
    pattern: str
    holds: Callable[[str], bool] = field(default=_any)
    lead: int = 0

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where secrets of this shape stand in `text`, in time that grows with its length."""
        group = "secret" if "(?P<secret>" in self.pattern else 0
        for literal in self.literals:
            at = text.find(literal)
            while at >= 0:
                found = _compiled(self.pattern).match(text, at - self.lead) if at >= self.lead else None
                if found is not None and not _compiled(_EXAMPLE).search(found[group]) and self.holds(found[group]):
                    yield found.span(group)
                at = text.find(literal, max(at + len(literal), found.end() if found else 0))


def _shape(
    stands: str,
    about: str,
    pattern: str,
    *literals: str,
    holds: Callable[[str], bool] = _any,
    inner: bool = False,
    lead: int = 0,
) -> Shape:
    """A shape that begins where no word goes on, unless it is an `inner` one."""
    begin = "" if inner else r"(?<![A-Za-z0-9])"
    whole = f"{begin}(?:{pattern})"
    return Shape(stands=f"<{stands}>", about=about, literals=literals, pattern=whole, holds=holds, lead=lead)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled once it is needed: all of them take longer than a replay's own work."""
    return re.compile(pattern)


_W = "[A-Za-z0-9_-]"
_A = "[A-Za-z0-9]"
_END = "(?![A-Za-z0-9])"

# The first shape that fits a place has it: what is special stands before what is general.
SHAPES: tuple[Shape, ...] = (
    _shape(
        "private-key",
        "a private key",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----\s*(?:[A-Za-z-]+: [^\n]*\s+)*[A-Za-z0-9+/=\s]{40,}"
        r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)?",
        "-----BEGIN ",
    ),
    _shape("jwt", "a JSON Web Token", rf"eyJ{_W}{{8,1000}}\.eyJ{_W}{{8,20000}}\.{_W}{{16,}}", "eyJ"),
    _shape("anthropic-key", "a key of Anthropic", rf"sk-ant-{_W}{{20,}}", "sk-ant-", holds=_mixed),
    _shape("openrouter-key", "a key of OpenRouter", rf"sk-or-{_W}{{20,}}", "sk-or-", holds=_mixed),
    _shape(
        "openai-key",
        "a key of OpenAI",
        rf"sk-(?:proj|svcacct|admin|None)-{_W}{{20,}}|sk-{_A}{{20}}T3BlbkFJ{_A}{{20,}}",
        "sk-",
        holds=_mixed,
    ),
    _shape("langsmith-key", "a key of LangSmith", rf"lsv2_(?:pt|sk)_{_W}{{30,}}", "lsv2_"),
    _shape("langfuse-key", "a secret key of Langfuse", rf"sk-lf-[0-9a-f-]{{36}}{_END}", "sk-lf-"),
    _shape("api-key", "a key", rf"sk-(?:{_A}{{2,8}}-){{0,3}}{_A}{{16,}}{_W}*", "sk-", holds=_mixed),
    _shape("groq-key", "a key of Groq", rf"gsk_{_A}{{24,}}", "gsk_", holds=_mixed),
    _shape("google-key", "a key of Google", rf"AIza{_W}{{35}}(?!{_W})|AQ\.{_W}{{40,}}", "AIza", "AQ."),
    _shape("google-token", "a token of Google", rf"ya29\.{_W}{{20,}}|1//0{_W}{{40,}}", "ya29.", "1//0"),
    _shape("google-secret", "a client secret of Google", rf"GOCSPX-{_W}{{20,}}", "GOCSPX-"),
    _shape("xai-key", "a key of xAI", rf"xai-{_A}{{40,}}", "xai-"),
    _shape("perplexity-key", "a key of Perplexity", rf"pplx-{_A}{{30,}}", "pplx-"),
    _shape("huggingface-token", "a token of Hugging Face", rf"(?:hf|api_org)_{_A}{{30,}}", "hf_", "api_org_"),
    _shape("replicate-token", "a token of Replicate", rf"r8_{_A}{{30,}}", "r8_"),
    _shape("nvidia-key", "a key of NVIDIA", rf"nvapi-{_W}{{40,}}", "nvapi-"),
    _shape("together-key", "a key of Together", rf"tgp_v1_{_W}{{30,}}", "tgp_v1_"),
    _shape("fireworks-key", "a key of Fireworks", rf"fw_{_A}{{22,}}", "fw_", holds=_mixed),
    _shape("cerebras-key", "a key of Cerebras", rf"csk-{_A}{{40,}}", "csk-"),
    _shape("tavily-key", "a key of Tavily", rf"tvly-(?:dev-|prod-)?{_W}{{20,}}", "tvly-", holds=_mixed),
    _shape("azure-key", "a key of Azure", rf"{_A}{{52}}JQQJ99{_A}{{26}}{_END}", "JQQJ99", lead=52),
    _shape("azure-key", "a key of Azure", r"AccountKey=(?P<secret>[A-Za-z0-9+/]{40,}={0,2})", "AccountKey="),
    _shape(
        "github-token",
        "a token of GitHub",
        rf"gh[pousr]_{_A}{{30,}}|github_pat_[A-Za-z0-9_]{{22,}}",
        *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    _shape(
        "gitlab-token",
        "a token of GitLab",
        rf"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent)-{_W}{{20,}}(?:\.[0-9a-z.]+)?",
        *("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glimt-", "glagent-"),
        holds=_mixed,
    ),
    _shape("slack-token", "a token of Slack", r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{16,}", "xox", holds=_mixed),
    _shape("slack-token", "a token of Slack", r"xapp-\d-[A-Za-z0-9-]{16,}", "xapp-"),
    _shape(
        "slack-hook",
        "the address of a hook of Slack",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9+/_-]{20,})",
        "hooks.slack.com/",
        holds=_mixed,
    ),
    _shape("aws-key", "an access key id of AWS", rf"(?:AKIA|ASIA)[A-Z2-7]{{16}}{_END}", "AKIA", "ASIA"),
    _shape(
        "aws-secret",
        "a secret access key of AWS",
        r"(?i:aws_secret_access_key|aws_session_token)\s*[=:]\s*[\"']?(?P<secret>[A-Za-z0-9+/]{40,}={0,2})",
        *("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "aws_session_token", "AWS_SESSION_TOKEN"),
    ),
    _shape(
        "stripe-key",
        "a key of Stripe",
        rf"(?:sk|rk)_(?:live|test)_{_A}{{16,}}",
        *("sk_live_", "sk_test_", "rk_live_", "rk_test_"),
    ),
    _shape("stripe-secret", "a signing secret of Stripe", r"whsec_[A-Za-z0-9+/]{24,}=*", "whsec_"),
    _shape("twilio-key", "a key of Twilio", rf"SK[0-9a-f]{{32}}{_END}", "SK"),
    _shape("sendgrid-key", "a key of SendGrid", rf"SG\.{_W}{{16,}}\.{_W}{{32,}}", "SG."),
    _shape("npm-token", "a token of npm", rf"npm_{_A}{{36,}}", "npm_"),
    _shape("pypi-token", "a token of PyPI", rf"pypi-{_W}{{40,}}", "pypi-", holds=_mixed),
    _shape("databricks-token", "a token of Databricks", rf"dapi[0-9a-f]{{32}}(?:-\d{{1,2}})?{_END}", "dapi"),
    _shape(
        "digitalocean-token",
        "a token of DigitalOcean",
        rf"do[opr]_v1_[0-9a-f]{{64}}{_END}",
        "dop_v1_",
        "doo_v1_",
        "dor_v1_",
    ),
    _shape("telegram-token", "a token of Telegram", rf"(?<=\d{{8}}):(?P<secret>AA{_W}{{33}})", ":AA", inner=True),
    _shape("linear-key", "a key of Linear", rf"lin_(?:api|oauth)_{_A}{{32,}}", "lin_"),
    _shape("notion-token", "a token of Notion", rf"ntn_{_A}{{40,}}", "ntn_"),
    _shape("vault-token", "a token of Vault", rf"hvs\.{_W}{{24,}}", "hvs."),
    _shape(
        "shopify-token",
        "a token of Shopify",
        rf"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{{32}}{_END}",
        *("shpat_", "shpca_", "shppa_", "shpss_"),
    ),
    _shape("mailgun-key", "a key of Mailgun", rf"key-[0-9a-f]{{32}}{_END}", "key-"),
    _shape(
        "password",
        "a password in an address",
        r"://[^/\s:@<>\"'\\]{0,200}:(?P<secret>[^/\s@<>\"'\\]{3,200})@",
        "://",
        holds=_password,
        inner=True,
    ),
    _shape(
        "credentials",
        "credentials for Basic authentication",
        r"(?:Basic|basic|BASIC) +(?P<secret>[A-Za-z0-9+/_-]{8,}={0,2})(?![A-Za-z0-9+/_=-])",
        *("Basic ", "basic ", "BASIC "),
        holds=_login,
    ),
    _shape(
        "token",
        "a bearer token",
        r"(?:Bearer|bearer|BEARER) +(?P<secret>[A-Za-z0-9._~+/-]{16,}=*)",
        *("Bearer ", "bearer ", "BEARER "),
        holds=_mixed,
    ),
    _shape(
        "token",
        "a token in a header",
        rf"{_SCHEMES} +(?P<secret>[A-Za-z0-9._~+/-]{{8,}}=*)",
        "uthorization",
        holds=_mixed,
        lead=1,
    ),
)
# A secret without a shape of its own is known by the name of its parameter.
_PARAMETER = (
    r"[?&;](?i:(?:api|access|subscription|auth|client|private|secret)?[-_]?(?:key|token|secret|sig|signature|password)"
    r"|x-(?:amz|goog|ms)-(?:signature|credential|security-token)|x-api-key)"
    r"=(?P<secret>[^\s&;#\"'<>{}$\\,)]{12,})"
)
PLACEHOLDERS = frozenset({"<secret>", *(shape.stands for shape in SHAPES)})
_BEGINNINGS = tuple((literal, shape) for shape in SHAPES for literal in shape.literals)
_TELLING = (*(literal for literal, _ in _BEGINNINGS if " " not in literal), "=")
_SPACED = ("PRIVATE KEY", "earer ", "EARER ", "asic ", "ASIC ", "uthorization")
_SHORTEST = 11  # characters of a word with a secret of a shape: `a://b:pwd@c`


def suspected(text: str, encoded: int = 20) -> bool:
    """Return quickly whether there may be a secret of a shape, or `encoded` characters of base64; no is certain."""
    words = [word for word in text.split() if len(word) >= _SHORTEST]
    if not words:
        return False
    if any(len(word) >= encoded and not word.islower() for word in words) or any(one in text for one in _SPACED):
        return True
    long = " ".join(words)
    return any(one in long for one in _TELLING) or "%" in long or "\\" in long


def shaped(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Yield start, end, placeholder and description of every secret that a shape shows; some may overlap."""
    for shape in dict.fromkeys([shape for literal, shape in _BEGINNINGS if literal in text]):
        for start, end in shape.spans(text):
            yield start, end, shape.stands, shape.about
    if "=" in text:
        for found in _compiled(_PARAMETER).finditer(text):
            if _mixed(found["secret"]) and not _compiled(_EXAMPLE).search(found["secret"]):
                yield *found.span("secret"), "<secret>", "a secret in the query of an address"
