"""convrun: run and test conversations with language models, written down as YAML and replayed offline."""

from importlib import import_module
from typing import Any

_ENGINE = "convrun.conversation"
_HOMES = {
    "AsyncChainResponse": f"{_ENGINE}.asynchronous",
    "AsyncConversation": "convrun.models",
    "AsyncModel": f"{_ENGINE}.asynchronous",
    "AsyncResponse": "convrun.models",
    "Attachment": f"{_ENGINE}.attachments",
    "AttachmentError": "convrun.errors",
    "AttachmentPart": f"{_ENGINE}.messages",
    "AuthenticationError": "convrun.errors",
    "BadRequestError": "convrun.errors",
    "BrokenReplyError": "convrun.errors",
    "CancelToolCall": "convrun.errors",
    "CassetteError": "convrun.errors",
    "ChainLimitError": "convrun.errors",
    "ChainResponse": f"{_ENGINE}.chain",
    "CheckError": "convrun.errors",
    "ConnectionFailedError": "convrun.errors",
    "ContentFilterError": "convrun.errors",
    "ContextOverflowError": "convrun.errors",
    "Conversation": "convrun.models",
    "ConversationError": "convrun.errors",
    "ConvrunError": "convrun.errors",
    "ExpectationError": "convrun.errors",
    "HookError": "convrun.errors",
    "KeptError": "convrun.errors",
    "Message": f"{_ENGINE}.messages",
    "Model": f"{_ENGINE}.model",
    "ModelNotFoundError": "convrun.errors",
    "PauseChain": "convrun.errors",
    "Prompt": f"{_ENGINE}.prompt",
    "ProviderError": "convrun.errors",
    "ProviderPart": f"{_ENGINE}.messages",
    "ProviderTimeoutError": "convrun.errors",
    "QuotaError": "convrun.errors",
    "RateLimitError": "convrun.errors",
    "ReasoningPart": f"{_ENGINE}.messages",
    "RefusalPart": f"{_ENGINE}.messages",
    "Response": "convrun.models",
    "ServerError": "convrun.errors",
    "StaleError": "convrun.errors",
    "StreamEvent": f"{_ENGINE}.backend",
    "TextPart": f"{_ENGINE}.messages",
    "Tool": f"{_ENGINE}.tools",
    "ToolCall": f"{_ENGINE}.tools",
    "ToolCallPart": f"{_ENGINE}.messages",
    "ToolDefinitionError": "convrun.errors",
    "ToolOutput": f"{_ENGINE}.tools",
    "ToolResult": f"{_ENGINE}.tools",
    "ToolResultPart": f"{_ENGINE}.messages",
    "ToolTimeoutError": "convrun.errors",
    "ToolUnavailableError": "convrun.errors",
    "Toolbox": f"{_ENGINE}.toolbox",
    "Turn": f"{_ENGINE}.turns",
    "UnknownModelError": "convrun.errors",
    "UnplayedError": "convrun.errors",
    "Usage": f"{_ENGINE}.messages",
    "assistant": f"{_ENGINE}.messages",
    "check": "convrun.checks.own",
    "expect": "convrun.expecting",
    "get_async_model": "convrun.models",
    "get_model": "convrun.models",
    "get_models": "convrun.models",
    "system": f"{_ENGINE}.messages",
    "user": f"{_ENGINE}.messages",
}
__all__ = sorted(_HOMES)  # noqa: PLE0605  (one table, not two that drift)


def __getattr__(name: str) -> Any:
    """Return a public name, importing its module at the first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    """Return the public names, those not imported yet too."""
    return sorted({*globals(), *_HOMES})
