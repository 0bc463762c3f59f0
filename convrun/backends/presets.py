"""Providers known by name: where they are, which variable holds their key, and what they do otherwise than OpenAI.

Addresses and key variables are those that a provider documents, or that its usual clients read. What is otherwise is a
Quirk, and each names where it is known from: a recording of real traffic (`repository: test`), or a page of
documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, TypeAlias
from urllib.parse import quote, urlsplit

from convrun.frozen import frozen

QuirkKind: TypeAlias = Literal["nine_character_ids", "signed_calls", "signed_reasoning"]

_VARIABLE = re.compile(r"\{(\w+)\}")
_AZURE_PATH = re.compile(r"/openai(/v1)?$")


@frozen
class Quirk:
    """One thing that a provider does otherwise; `source` says where it is known from.

    `kind` is what encoding asks for. None: there is nothing to ask, as what comes is read alike from everybody.
    """

    says: str
    source: str
    kind: QuirkKind | None = None


@frozen
class Preset:
    """A provider. `key_variable` None: it takes no key; else the key goes into `key_header`.

    `base_url` may hold one `{VARIABLE}` of the environment. `also` are other addresses of the same provider.
    """

    name: str
    base_url: str
    key_variable: str | None = None
    key_header: str = "Authorization"
    also: tuple[str, ...] = ()
    quirks: tuple[Quirk, ...] = ()

    @property
    def address_variable(self) -> str | None:
        """The variable that the address needs, if it needs one."""
        found = _VARIABLE.search(self.base_url)
        return found[1] if found else None

    @property
    def nowhere(self) -> str:
        """What stands for an address whose variable is not set: enough to replay; no such host will ever exist."""
        return f"https://{self.name}.invalid/v1"

    @property
    def quirk_kinds(self) -> frozenset[QuirkKind]:
        """What encoding has to heed."""
        return frozenset(quirk.kind for quirk in self.quirks if quirk.kind is not None)

    def url(self, environ: Mapping[str, str]) -> str:
        """Return the address; `nowhere` where its variable is not set."""
        variable = self.address_variable
        value = environ.get(variable, "").strip().rstrip("/") if variable else ""
        if variable is None or not value:
            return self.nowhere if variable else self.base_url
        # The variable is the whole beginning (some people set more of the address), or one name within the path.
        value = _AZURE_PATH.sub("", value) if self.base_url.startswith("{") else quote(value, safe="")
        return self.base_url.replace(f"{{{variable}}}", value)

    def is_at(self, base_url: str, environ: Mapping[str, str]) -> bool:
        """Whether this address is on the provider's own host; http instead of https is another host."""
        here = origin(base_url)
        return any(here == origin(address) for address in (self.url(environ), *self.also))


def preset_at(base_url: str, environ: Mapping[str, str]) -> Preset | None:
    """Return the preset on whose host this address is; None where it is nobody's."""
    return _at(base_url, tuple((name, environ[name]) for name in _ADDRESS_VARIABLES if name in environ))


@lru_cache(maxsize=256)  # every conversation asks several times, of the same few addresses
def _at(base_url: str, variables: tuple[tuple[str, str], ...]) -> Preset | None:
    environ = dict(variables)
    return next((preset for preset in PRESETS.values() if preset.is_at(base_url, environ)), None)


def quirks_of(provider: str | None, base_url: str, environ: Mapping[str, str]) -> frozenset[QuirkKind]:
    """Return what encoding has to heed for a model: of the provider it names, and of the one on whose host it is."""
    presets = (PRESETS.get(provider or ""), preset_at(base_url, environ))
    return frozenset(kind for preset in presets if preset for kind in preset.quirk_kinds)


def called(provider: str | None, base_url: str) -> str:
    """Return what people call an address: the provider that is named, unless that is elsewhere; or the host."""
    preset = PRESETS.get(provider or "")
    elsewhere = preset is not None and preset.address_variable is None and not preset.is_at(base_url, {})
    return provider if provider and not elsewhere else urlsplit(base_url).hostname or base_url


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of an address; nothing of what is none."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # of a variable; an address of a model is one
        return "", None, None


OPENAI = Preset(
    name="openai",
    base_url="https://api.openai.com/v1",
    key_variable="OPENAI_API_KEY",
)
AZURE = Preset(
    name="azure",
    base_url="{AZURE_OPENAI_ENDPOINT}/openai/v1",
    key_variable="AZURE_OPENAI_API_KEY",
    key_header="api-key",
    quirks=(
        Quirk(
            says="the address is that of your resource, and a model's name is that of its deployment",
            source="Microsoft Learn: Azure OpenAI API version lifecycle",
        ),
        Quirk(says="the key goes into the header `api-key`", source="Microsoft Learn: Azure OpenAI REST API reference"),
    ),
)
OPENROUTER = Preset(
    name="openrouter",
    base_url="https://openrouter.ai/api/v1",
    key_variable="OPENROUTER_API_KEY",
    quirks=(
        Quirk(
            says="`reasoning_details` go back with the next request, as they came",
            source="OpenRouter: Reasoning Tokens, Preserving reasoning",
            kind="signed_reasoning",
        ),
        Quirk(
            says="streams hold comments before the first chunk",
            source="posit-dev/chatlas: test_provider_openrouter.test_openrouter_tool_variations",
        ),
        Quirk(
            says="a call without arguments lacks `arguments`",
            source="pydantic/pydantic-ai: test_openrouter.test_openrouter_tool_optional_parameters",
        ),
        Quirk(
            says="errors come within a stream of status 200",
            source="pydantic/pydantic-ai: test_openrouter.test_openrouter_stream_error",
        ),
    ),
)
GROQ = Preset(
    name="groq",
    base_url="https://api.groq.com/openai/v1",
    key_variable="GROQ_API_KEY",
    quirks=(
        Quirk(
            says="a reply that calls tools lacks `content`",
            source="pydantic/pydantic-ai: test_tool_choice_matrix.test_tool_choice_matrix-tools_plus_output-groq",
        ),
    ),
)
MISTRAL = Preset(
    name="mistral",
    base_url="https://api.mistral.ai/v1",
    key_variable="MISTRAL_API_KEY",
    quirks=(
        Quirk(
            says="ids of tool calls are nine letters and digits; others, of a history, are sent as such",
            source="langchain-ai/langchain: pull request 24668",
            kind="nine_character_ids",
        ),
        Quirk(
            says="a call comes whole in one chunk, without `type`", source="docker/cagent: TestExec_Mistral_ToolCall"
        ),
    ),
)
DEEPSEEK = Preset(
    name="deepseek",
    base_url="https://api.deepseek.com",
    key_variable="DEEPSEEK_API_KEY",
    quirks=(
        Quirk(
            says="thinking stands in `reasoning_content`, and goes back with the next request",
            source="pydantic/pydantic-ai: test_deepseek.test_deepseek_deferred_capability_with_thinking",
        ),
    ),
)
GEMINI = Preset(
    name="gemini",
    base_url="https://generativelanguage.googleapis.com/v1beta/openai",
    key_variable="GEMINI_API_KEY",
    quirks=(
        Quirk(
            says="signatures of thoughts (`extra_content` of a tool call) go back with the next request",
            source="Gemini API: Thought Signatures",
            kind="signed_calls",
        ),
        Quirk(
            says="ids of tool calls are empty",
            source="pydantic/pydantic-ai: test_openai.test_compatible_api_with_tool_calls_without_id",
        ),
    ),
)
ANTHROPIC = Preset(
    name="anthropic",
    base_url="https://api.anthropic.com/v1",
    key_variable="ANTHROPIC_API_KEY",
    quirks=(Quirk(says="`strict` of a tool is ignored", source="Claude: OpenAI SDK compatibility"),),
)
XAI = Preset(name="xai", base_url="https://api.x.ai/v1", key_variable="XAI_API_KEY")
TOGETHER = Preset(
    name="together",
    base_url="https://api.together.ai/v1",
    key_variable="TOGETHER_API_KEY",
    also=("https://api.together.xyz/v1",),
    quirks=(
        Quirk(
            says="the finish reason `eos` means `stop`",
            source="traceloop/openllmetry: test_chat.test_together_chat_legacy",
        ),
    ),
)
FIREWORKS = Preset(name="fireworks", base_url="https://api.fireworks.ai/inference/v1", key_variable="FIREWORKS_API_KEY")
CEREBRAS = Preset(name="cerebras", base_url="https://api.cerebras.ai/v1", key_variable="CEREBRAS_API_KEY")
HUGGINGFACE = Preset(
    name="huggingface",
    base_url="https://router.huggingface.co/v1",
    key_variable="HF_TOKEN",
    quirks=(
        Quirk(
            says="streams end without `[DONE]`",
            source="posit-dev/chatlas: test_provider_huggingface.test_huggingface_tools",
        ),
    ),
)
ZAI = Preset(
    name="zai",
    base_url="https://api.z.ai/api/paas/v4",
    key_variable="ZAI_API_KEY",
    quirks=(
        Quirk(
            says="thinking stands in `reasoning_content`, and goes back with the next request",
            source="pydantic/pydantic-ai: test_zai.test_zai_preserved_thinking_round_trip",
        ),
    ),
)
MOONSHOT = Preset(
    name="moonshot",
    base_url="https://api.moonshot.ai/v1",
    key_variable="MOONSHOT_API_KEY",
    quirks=(
        Quirk(
            says="thinking stands in `reasoning_content`, and goes back with the next request",
            source="Moonshot AI: Use Kimi K2 Thinking Model",
        ),
    ),
)
CLOUDFLARE = Preset(
    name="cloudflare",
    base_url="https://api.cloudflare.com/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/ai/v1",
    key_variable="CLOUDFLARE_API_KEY",
    quirks=(
        Quirk(
            says="the account is part of the address",
            source="Cloudflare Workers AI: OpenAI compatible API endpoints",
        ),
        Quirk(
            says="structured output comes as an object, not as its text",
            source="posit-dev/chatlas: test_provider_cloudflare.test_cloudflare_data_extraction",
        ),
    ),
)
OLLAMA = Preset(
    name="ollama",
    base_url="http://localhost:11434/v1",
)
VLLM = Preset(name="vllm", base_url="http://localhost:8000/v1")
LMSTUDIO = Preset(name="lmstudio", base_url="http://localhost:1234/v1")

PRESETS = {
    preset.name: preset
    for preset in (
        OPENAI,
        AZURE,
        OPENROUTER,
        GROQ,
        MISTRAL,
        DEEPSEEK,
        GEMINI,
        ANTHROPIC,
        XAI,
        TOGETHER,
        FIREWORKS,
        CEREBRAS,
        HUGGINGFACE,
        ZAI,
        MOONSHOT,
        CLOUDFLARE,
        OLLAMA,
        VLLM,
        LMSTUDIO,
    )
}
_ADDRESS_VARIABLES = tuple(variable for preset in PRESETS.values() if (variable := preset.address_variable))
