"""Which conversations there are to run: specs times models times cases, and what narrows them; nothing is imported."""
