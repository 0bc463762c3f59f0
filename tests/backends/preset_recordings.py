"""The recordings of real traffic with each provider that the tests read; a preset without any is untested."""

from __future__ import annotations

RECORDED = {
    "openai": (
        "simonw/llm: test_tools.test_tool_use_chain_of_two_calls",
        "pydantic/pydantic-ai: test_temporal.test_complex_agent_run",
        "Mirascope/mirascope: test_refusal.openai_gpt_4o_completions.stream",
    ),
    "azure": ("crewAIInc/crewAI: llms.azure.test_azure_agent_kickoff_structured_output_with_tools",),
    "openrouter": (
        "posit-dev/chatlas: test_provider_openrouter.test_openrouter_tool_variations",
        "posit-dev/chatlas: test_provider_openrouter.test_data_extraction",
        "pydantic/pydantic-ai: test_openrouter.test_openrouter_tool_optional_parameters",
        "pydantic/pydantic-ai: test_openrouter.test_openrouter_stream_error",
    ),
    "groq": ("pydantic/pydantic-ai: test_tool_choice_matrix.test_tool_choice_matrix-tools_plus_output-groq",),
    "mistral": (
        "docker/cagent: TestExec_Mistral_ToolCall",
        "posit-dev/chatlas: test_provider_mistral.test_mistral_images",
    ),
    "deepseek": (
        "pydantic/pydantic-ai: test_deepseek.test_deepseek_deferred_capability_with_thinking",
        "DataDog/dd-trace-py: v1.deepseek_streamed_reasoning_content",
    ),
    "gemini": ("pydantic/pydantic-ai: test_openai.test_compatible_api_with_tool_calls_without_id",),
    "together": (
        "Arize-ai/openinference: test_instrumentor.test_chat_with_tool_call",
        "traceloop/openllmetry: test_chat.test_together_chat_legacy",
    ),
    "huggingface": (
        "posit-dev/chatlas: test_provider_huggingface.test_huggingface_data_extraction",
        "posit-dev/chatlas: test_provider_huggingface.test_huggingface_tools",
    ),
    "zai": ("pydantic/pydantic-ai: test_zai.test_zai_preserved_thinking_round_trip",),
    "cloudflare": ("posit-dev/chatlas: test_provider_cloudflare.test_cloudflare_data_extraction",),
    "ollama": ("pydantic/pydantic-ai: test_ollama.test_ollama_local_native_output_uses_json_schema",),
}
