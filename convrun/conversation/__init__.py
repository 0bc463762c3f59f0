"""The engine: conversations with a model, usable without a spec."""
