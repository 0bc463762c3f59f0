"""Conversations and responses, kept as JSON and rebuilt from it; imported late, as few programs do that."""
